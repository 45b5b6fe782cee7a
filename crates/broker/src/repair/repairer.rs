//! The task that looks after damaged replicas, one after the other.

use super::patient::Patient;
use super::{Finding, Findings};
use crate::broker::Broker;
use crate::partition::Partition;
use model::{Offset, PartitionId, Uuid};
use runtime::sync::{select, watch};
use runtime::time::{Duration, Instant, sleep_until};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::Damage;

/// A partition whose reads failed for no reason that can be found is not looked at again before this.
const CALM: Duration = Duration::from_secs(10);

/// Looks after them until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>, mut findings: Findings, mut stop: watch::Receiver<bool>) {
    let mut repairer = Repairer { broker, patients: BTreeMap::new() };
    loop {
        let due = repairer.patients.values().map(|patient| patient.due).min();
        let next = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Next::Stop,
            finding = findings.recv() => finding.map_or(Next::Stop, Next::Hear),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Next::Treat,
        };
        match next {
            Next::Stop => return,
            Next::Hear(finding) => repairer.hear(finding).await,
            Next::Treat => repairer.treat().await,
        }
    }
}

enum Next {
    Stop,
    Hear(Finding),
    Treat,
}

struct Repairer {
    broker: Arc<Broker>,
    patients: BTreeMap<(Uuid, PartitionId), Patient>,
}

impl Repairer {
    async fn hear(&mut self, finding: Finding) {
        match finding {
            Finding::Known(partition) => self.admit(partition, Instant::now()),
            Finding::Damaged(partition, damage) => self.damaged(partition, damage).await,
            Finding::Suspected(partition, offset) => self.look(partition, offset).await,
        }
    }

    async fn look(&mut self, partition: Arc<Partition>, offset: Offset) {
        match partition.reader.look_for_damage(offset).await {
            Ok(Some(damage)) => self.damaged(partition, damage).await,
            Ok(None) => {
                tracing::warn!("{}: all is good at offset {offset}, where a read failed", partition.topic_partition);
                self.admit(partition, Instant::now() + CALM);
            }
            Err(fault) => {
                tracing::warn!("{}: cannot be looked at: {fault}", partition.topic_partition);
                self.admit(partition, Instant::now() + CALM);
            }
        }
    }

    async fn damaged(&mut self, partition: Arc<Partition>, damage: Damage) {
        tracing::error!("{}: {damage} are not what was written", partition.topic_partition);
        let patient = Patient::new(partition.clone(), Instant::now());
        if patient.note(damage).await.is_ok() {
            self.admit(partition, Instant::now());
        }
    }

    fn admit(&mut self, partition: Arc<Partition>, due: Instant) {
        let key = (partition.topic_id, partition.topic_partition.partition);
        let patient = self.patients.entry(key).or_insert_with(|| Patient::new(partition.clone(), due));
        if !Arc::ptr_eq(&patient.partition, &partition) {
            *patient = Patient::new(partition, due); // it is hosted anew
        }
        patient.due = patient.due.min(due);
    }

    async fn treat(&mut self) {
        let now = Instant::now();
        let mut gone = Vec::new();
        for (key, patient) in self.patients.iter_mut().filter(|(_, patient)| patient.due <= now) {
            if patient.treat(&self.broker).await {
                gone.push(*key);
            }
        }
        gone.iter().for_each(|key| drop(self.patients.remove(key)));
    }
}
