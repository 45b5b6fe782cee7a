//! What is acknowledged to acks=all is, at that moment, on as many nodes as must be in sync. A node that is down may hold
//! it: what it has cannot be seen.

use super::promises::Promises;
use super::violated;
use crate::run::Cluster;
use jepsen_lite::history::{Acks, Action, Answer, Produce};
use jepsen_lite::promise_table::copies_spoken_for;
use model::{Offset, Uuid};
use std::sync::{Arc, Mutex};

/// Looks at each acknowledgement.
pub struct AcknowledgedWherePromised {
    cluster: Cluster,
    promises: Arc<Mutex<Promises>>,
}

impl AcknowledgedWherePromised {
    /// Sees these nodes.
    pub fn new(cluster: Cluster, promises: Arc<Mutex<Promises>>) -> AcknowledgedWherePromised {
        AcknowledgedWherePromised { cluster, promises }
    }

    /// Looks at an operation that was done.
    pub fn check(&self, action: &Action, answer: &Answer) {
        if let (Action::Produce(produce), Answer::Produced { base_offset: Some(base) }) = (action, answer)
            && produce.acks == Acks::All
        {
            self.check_write(produce, *base + produce.records.len() as Offset);
        }
    }

    fn check_write(&self, produce: &Produce, end: Offset) {
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
        let promises = self.promises.lock().expect("no panic inside");
        if produce.topic_id.is_none() && promises.has_lived_twice(&topic.name) {
            return;
        }
        let min_in_sync = promises.min_in_sync(topic.id);
        let wanted = copies_spoken_for(Acks::All, partition.replicas.len() as i16, min_in_sync);
        let holders = self.cluster.servers.iter().filter(|server| {
            server.broker().is_none_or(|broker| {
                self.cluster.log_end(&broker, topic.id, produce.partition.partition).is_some_and(|has| has >= end)
            })
        });
        let found = holders.count();
        if found < wanted {
            violated!(
                "{} was acknowledged up to offset {end} and is on {found} nodes, not {wanted}",
                produce.partition
            );
        }
    }
}

impl Cluster {
    /// Where a broker's log of a partition ends; none when it has none.
    fn log_end(&self, broker: &broker::Broker, topic: Uuid, partition: i32) -> Option<Offset> {
        let hosted = broker.partitions.topic_by_id(topic)?;
        let found = hosted.online().find(|online| online.topic_partition.partition == partition);
        found.map(|online| online.reader.bounds().log_end_offset)
    }
}
