//! What is acknowledged to acks=all is, at that moment, on as many nodes as must be in sync. What a node has that is down,
//! or that began another life since the write was sent, cannot be seen: it may have held it.

use super::promises::Promises;
use super::violated;
use crate::clients::Observer;
use crate::run::{Cluster, ServerNode};
use broker::Broker;
use broker::partitions::Hosted;
use jepsen_lite::history::{Acks, Action, Answer, Moment, Operation, Produce};
use jepsen_lite::promise_table::copies_spoken_for;
use model::{Offset, Uuid};
use runtime::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard};

/// Looks at each acknowledgement.
pub struct AcknowledgedWherePromised {
    cluster: Cluster,
    promises: Arc<Mutex<Promises>>,
}

impl Observer for AcknowledgedWherePromised {
    fn invoked(&self, action: &Action) {
        if let Action::AlterConfigs { topic, changes } = action {
            self.promises().asked(topic, changes);
        }
    }

    fn done(&self, operation: &Operation, answer: &Answer) {
        if let (Action::Produce(produce), Answer::Produced { base_offset: Some(base) }) = (&operation.action, answer)
            && produce.acks == Acks::All
        {
            self.check_write(produce, operation.invoked, *base + produce.records.len() as Offset);
        }
    }
}

impl AcknowledgedWherePromised {
    /// Sees these nodes.
    pub fn new(cluster: Cluster, promises: Arc<Mutex<Promises>>) -> AcknowledgedWherePromised {
        AcknowledgedWherePromised { cluster, promises }
    }

    fn promises(&self) -> MutexGuard<'_, Promises> {
        self.promises.lock().expect("no panic inside")
    }

    fn check_write(&self, produce: &Produce, invoked: Moment, end: Offset) {
        let Some(image) = self.cluster.image() else { return };
        let Some(topic) = image.topic(&produce.partition.topic) else { return };
        let Some(partition) = topic.partition(produce.partition.partition) else { return };
        // Of a topic that was made anew, or a partition that moves, it is not known which copies were meant.
        if produce.topic_id.is_some_and(|id| id != topic.id)
            || !partition.adding.is_empty()
            || partition.replicas.is_empty()
        {
            return;
        }
        let mut promises = self.promises();
        promises.look(&self.cluster);
        if produce.topic_id.is_none() && promises.has_lived_twice(&topic.name) {
            return;
        }
        let wanted = copies_spoken_for(Acks::All, partition.replicas.len() as i16, promises.min_in_sync(topic.id));
        drop(promises);
        let may_have_had =
            |server: &&ServerNode| may_have_had(server, (topic.id, produce.partition.partition), end, invoked);
        let found = self.cluster.servers.iter().filter(may_have_had).count();
        if found < wanted {
            violated!(
                "{} was acknowledged up to offset {end} and is on {found} nodes, not {wanted}",
                produce.partition
            );
        }
    }
}

/// Whether a node has what was acknowledged, or had it maybe.
fn may_have_had(server: &ServerNode, partition: (Uuid, i32), end: Offset, invoked: Moment) -> bool {
    let Some(broker) = server.broker() else { return true };
    server.started() >= Duration::from_nanos(invoked.at) || has(&broker, partition, end)
}

fn has(broker: &Broker, (topic, partition): (Uuid, i32), end: Offset) -> bool {
    let Some(topic) = broker.partitions.topic_by_id(topic) else { return false };
    match topic.partitions.get(&partition) {
        Some(Hosted::Online(online)) => online.reader.bounds().log_end_offset >= end,
        Some(Hosted::Offline(_)) => true, // what was in it cannot be seen
        Some(Hosted::NotMade(_)) | None => false,
    }
}
