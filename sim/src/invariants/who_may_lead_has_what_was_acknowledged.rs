//! Whoever leads has all that was acknowledged before its leader epoch, and so has whoever may lead next: the ISR and the
//! eligible leaders (KIP-966). Of the topics that may never lose anything, and of nodes whose disks were not damaged. Of a
//! compacted topic only that its log reaches as far: a replica that was made later has never seen what had been cleaned.

use super::promises::Promises;
use super::violated;
use crate::clients::Observer;
use crate::run::{Atlas, Cluster, ServerNode};
use broker::partition::Partition;
use broker::partitions::Hosted;
use jepsen_lite::history::{Acks, Action, Answer, Operation, Produce};
use model::metadata_image::PartitionImage;
use model::{LeaderEpoch, NodeId, Offset, PartitionId, Uuid};
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What the controller had decided by then every broker's metadata together show so much later, if they go on at all.
const TOLD_WITHIN: Duration = Duration::from_secs(3);
/// Of so many leader epochs the last acknowledged record of each is remembered.
const EPOCHS: usize = 8;

type Key = (Uuid, PartitionId);

/// By the leader epoch that it was appended in, the last record that was acknowledged.
type Acknowledged = BTreeMap<LeaderEpoch, Last>;

#[derive(Clone, Copy)]
struct Last {
    /// Where it ends.
    end: Offset,
    /// The leader epoch that it was acknowledged in: later than its own where its first leader led again in between others.
    /// Of those the one of then may not know yet that it is over.
    acknowledged_in: LeaderEpoch,
}

/// Sees acknowledgements, and looks at who may lead. Clones share what was seen.
#[derive(Clone)]
pub struct WhoMayLead {
    cluster: Cluster,
    atlas: Atlas,
    promises: Arc<Mutex<Promises>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    acknowledged: BTreeMap<Key, Acknowledged>,
    suspects: BTreeMap<(Key, NodeId), Suspect>,
}

/// It lacked something while a broker's metadata had it in the ISR or eligible. Those may be late: it counts once they
/// have gone on and the partition has not changed.
struct Suspect {
    since: Instant,
    partition_epoch: i32,
    metadata_end: Offset,
    lacks: String,
}

impl Observer for WhoMayLead {
    fn invoked(&self, _: &Action) {}

    fn done(&self, operation: &Operation, answer: &Answer) {
        if let (Action::Produce(produce), Answer::Produced { base_offset: Some(base) }) = (&operation.action, answer)
            && produce.acks == Acks::All
        {
            self.acknowledged(produce, *base + produce.records.len() as Offset);
        }
    }
}

impl WhoMayLead {
    /// Sees these nodes.
    pub fn new(cluster: Cluster, atlas: Atlas, promises: Arc<Mutex<Promises>>) -> WhoMayLead {
        WhoMayLead { cluster, atlas, promises, seen: Arc::default() }
    }

    /// Notes in which leader epoch the record is that ends at `end`, where a node that leads can tell.
    fn acknowledged(&self, produce: &Produce, end: Offset) {
        let Some(image) = self.cluster.image() else { return };
        let Some(topic) = image.topic(&produce.partition.topic) else { return };
        let mut promises = self.promises.lock().expect("no panic inside");
        let unclear = produce
            .topic_id
            .map_or_else(|| promises.look(&self.cluster).has_lived_twice(&topic.name), |id| id != topic.id);
        drop(promises);
        let key = (topic.id, produce.partition.partition);
        if unclear {
            return;
        }
        let leaders = self.cluster.brokers().filter_map(|(_, broker)| online(&broker, key)).filter(|p| p.leads());
        let known = leaders.filter(|leader| leader.reader.bounds().log_end_offset >= end);
        let Some(leader) = known.max_by_key(|leader| leader.leader_epoch()) else { return };
        if let Some(epoch) = leader.reader.epoch_of(end - 1) {
            let mut seen = self.seen.lock().expect("no panic inside");
            let epochs = seen.acknowledged.entry(key).or_default();
            let last = Last { end, acknowledged_in: leader.leader_epoch() };
            if epochs.get(&epoch).is_none_or(|known| known.end < end) {
                epochs.insert(epoch, last);
            }
            if epochs.len() > EPOCHS {
                epochs.pop_first();
            }
        }
    }

    /// Looks at every partition of which something was acknowledged.
    pub fn check(&self) {
        if self.atlas.is_loss_allowed() {
            return;
        }
        let Some(image) = self.cluster.image() else { return };
        let mut promises = self.promises.lock().expect("no panic inside");
        let safe = promises.look(&self.cluster).safe();
        drop(promises);
        let mut seen = self.seen.lock().expect("no panic inside");
        let Seen { acknowledged, suspects } = &mut *seen;
        acknowledged.retain(|(topic, _), _| safe.contains(topic) && image.topic_by_id(*topic).is_some());
        for (key, epochs) in acknowledged.iter() {
            let Some(topic) = image.topic_by_id(key.0) else { continue };
            let expected = Expected {
                key: *key,
                epochs,
                compacted: topic.configs.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
                image: topic.partition(key.1).map(Arc::as_ref),
                metadata_end: image.end_offset(),
            };
            for server in self.cluster.servers.iter().filter(|server| !self.atlas.is_damaged(server.id)) {
                expected.look_at(server, suspects);
            }
        }
    }
}

/// One partition, as it should be.
struct Expected<'a> {
    key: Key,
    epochs: &'a Acknowledged,
    compacted: bool,
    image: Option<&'a PartitionImage>,
    metadata_end: Offset,
}

impl Expected<'_> {
    fn look_at(&self, server: &ServerNode, suspects: &mut BTreeMap<(Key, NodeId), Suspect>) {
        let claims =
            |image: &&PartitionImage| image.isr.contains(&server.id) || image.eligible_leaders.contains(&server.id);
        let may_lead = self.image.filter(claims);
        if let Some(suspect) = suspects.get(&(self.key, server.id)) {
            if may_lead.is_none_or(|image| image.partition_epoch != suspect.partition_epoch) {
                suspects.remove(&(self.key, server.id));
            } else if suspect.since.elapsed() > TOLD_WITHIN && self.metadata_end > suspect.metadata_end {
                violated!("node {} may lead and lacked what was acknowledged: {}", server.id, suspect.lacks);
            }
            return;
        }
        let Some(partition) = server.broker().and_then(|broker| online(&broker, self.key)) else { return };
        let Some((lacked, lacks)) = self.lacked_by(&partition) else { return };
        if partition.leads() && partition.leader_epoch() > lacked.acknowledged_in {
            violated!("node {} leads and lacks what was acknowledged: {lacks}", server.id);
        }
        if let Some(image) = may_lead {
            let (partition_epoch, metadata_end) = (image.partition_epoch, self.metadata_end);
            let suspect = Suspect { since: Instant::now(), partition_epoch, metadata_end, lacks };
            suspects.insert((self.key, server.id), suspect);
        }
    }

    /// An acknowledged record that is not there, and that in words.
    fn lacked_by(&self, partition: &Partition) -> Option<(Last, String)> {
        let (bounds, reader) = (partition.reader.bounds(), &partition.reader);
        let has = |epoch: LeaderEpoch, end: Offset| {
            let there = self.compacted || reader.epoch_of(end - 1) == Some(epoch);
            bounds.log_end_offset >= end && there
        };
        let is_lacked = |epoch: LeaderEpoch, end: Offset| bounds.log_start_offset < end && !has(epoch, end);
        let lacked = self.epochs.iter().find(|(epoch, last)| is_lacked(**epoch, last.end));
        lacked.map(|(epoch, last)| {
            let (name, end, log_end) = (&partition.topic_partition, last.end, bounds.log_end_offset);
            (*last, format!("{name} up to offset {end} of leader epoch {epoch}; its log ends at {log_end}"))
        })
    }
}

fn online(broker: &broker::Broker, (topic, partition): Key) -> Option<Arc<Partition>> {
    let topic = broker.partitions.topic_by_id(topic)?;
    match topic.partitions.get(&partition)? {
        Hosted::Online(online) if !online.is_offline() && !online.is_damaged() => Some(online.clone()),
        Hosted::Online(_) | Hosted::Offline(_) | Hosted::NotMade(_) => None,
    }
}
