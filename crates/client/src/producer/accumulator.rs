//! The records that wait or travel, by partition.

use super::ProducerRecord;
use super::batch::Batch;
use super::config::ProducerConfig;
use super::delivery::{Delivery, Outcome, Place};
use super::identity::Identity;
use super::lane::{Lane, Readiness};
use crate::error::ClientError;
use crate::metadata::{ClusterView, Leader};
use crate::partitioner::Sticky;
use model::{PartitionId, ProducerId, Timestamp, TopicPartition};
use runtime::sync::OwnedSemaphorePermit;
use runtime::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All lanes of a producer.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    lanes: BTreeMap<TopicPartition, Lane>,
    sticky: Sticky,
    /// The identity for lanes that have none yet.
    pub identity: Option<Identity>,
    /// Where the next round of sending starts, so that no partition is always last.
    turn: usize,
}

impl Accumulator {
    /// Chooses the partition of a keyless record.
    pub fn stick(
        &mut self,
        topic: &Arc<str>,
        size: usize,
        config: &ProducerConfig,
        live: &[PartitionId],
    ) -> PartitionId {
        self.sticky.choose(topic, size, config.batch_size, live)
    }

    /// See [`Lane::append`].
    pub fn append(
        &mut self,
        to: &TopicPartition,
        record: &ProducerRecord,
        measure: (usize, Timestamp),
        memory: &mut Option<OwnedSemaphorePermit>,
        config: &ProducerConfig,
    ) -> Option<(Delivery, bool)> {
        let now = Instant::now();
        if let Some(lane) = self.lanes.get_mut(to) {
            return lane.append(record, measure, memory, now, config);
        }
        let lane = self.lanes.entry(to.clone()).or_insert_with(|| Lane::new(to.clone(), config));
        lane.append(record, measure, memory, now, config)
    }

    /// Gives up what is overdue; `why` is what keeps the producer from sending, if anything does.
    pub fn expire(&mut self, now: Instant, config: &ProducerConfig, why: Option<&ClientError>) {
        self.lanes.values_mut().for_each(|lane| lane.expire(now, config, why));
    }

    /// The partitions that have something to send, and whether one of them waits for a producer id, other than which.
    pub fn ready(
        &mut self,
        now: Instant,
        view: &ClusterView,
        config: &ProducerConfig,
    ) -> (Vec<TopicPartition>, Option<Option<ProducerId>>) {
        let mut ready = Vec::new();
        let mut needs_identity = None;
        for (partition, lane) in &mut self.lanes {
            if lane.is_backed_off(now)
                && let Some(leader) = view.leader(partition)
            {
                lane.led_in(leader.epoch);
            }
            match lane.readiness(now, self.identity, config) {
                Readiness::Ready => ready.push(partition.clone()),
                Readiness::NeedsIdentity(other_than) => needs_identity = Some(other_than),
                Readiness::Waits => {}
            }
        }
        if !ready.is_empty() {
            self.turn = (self.turn + 1) % ready.len();
            ready.rotate_left(self.turn);
        }
        (ready, needs_identity)
    }

    /// See [`Lane::next_size`].
    pub fn next_size(&self, of: &TopicPartition) -> usize {
        self.lanes.get(of).map_or(0, Lane::next_size)
    }

    /// Takes the batch that is ready in a partition, to be sent to `leader`.
    pub fn take(&mut self, from: &TopicPartition, leader: Leader, config: &ProducerConfig) -> Option<Batch> {
        let lane = self.lanes.get_mut(from)?;
        let batch = lane.take(self.identity, config)?;
        lane.sent_in(leader.epoch);
        Some(batch)
    }

    /// Gives a taken batch back with its answer.
    pub fn answered(
        &mut self,
        of: &TopicPartition,
        batch: Batch,
        result: Result<Place, ClientError>,
        config: &ProducerConfig,
    ) {
        let lane = self.lanes.get_mut(of).expect("lanes are never removed");
        lane.answered(batch, result, Instant::now(), config);
    }

    /// See [`Lane::flush`].
    pub fn flush(&mut self) -> Vec<Arc<Outcome>> {
        self.lanes.values_mut().flat_map(Lane::flush).collect()
    }

    /// See [`Lane::fail`].
    pub fn fail(&mut self, error: &ClientError) {
        self.lanes.values_mut().for_each(|lane| lane.fail(error));
    }

    /// Whether nothing waits or travels.
    pub fn is_empty(&self) -> bool {
        self.lanes.values().all(Lane::is_empty)
    }

    /// When time alone changes something, after `now`.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        self.lanes.values().filter_map(|lane| lane.next_deadline(now)).min()
    }
}
