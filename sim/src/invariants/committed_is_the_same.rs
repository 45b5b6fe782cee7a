//! Below both high watermarks two replicas have the same batches, to the byte. Of the topics that may never lose anything;
//! where power may take a tail, a node that was away may remember another one.

use super::violated;
use crate::run::{Cluster, ServerNode};
use broker::partition::Partition;
use bytes::Bytes;
use model::{LeaderEpoch, NodeId, Offset, PartitionId, Uuid};
use protocol::records::{BatchView, Batches};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of a log that are read at a time.
const CHUNK: usize = 64 << 10;

/// What was read of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digest {
    end: Offset,
    epoch: LeaderEpoch,
    bytes: u64,
}

/// One copy of one partition, as far as it was read.
struct Copy {
    /// Another handle means that the log was opened anew, and may be another.
    handle: std::sync::Weak<Partition>,
    truncation: u64,
    next: Offset,
    batches: BTreeMap<Offset, Digest>,
}

/// All copies.
#[derive(Default)]
pub struct CommittedIsTheSame {
    copies: BTreeMap<(Uuid, PartitionId), BTreeMap<NodeId, Copy>>,
}

impl CommittedIsTheSame {
    /// Reads on in every copy of the topics in `firm`, and compares what is new with the other copies. Says whether there
    /// was something new.
    pub async fn check(&mut self, cluster: &Cluster, firm: &BTreeSet<Uuid>) -> bool {
        let mut read_some = false;
        let servers: Vec<ServerNode> = cluster.servers.to_vec();
        for server in &servers {
            let Some(broker) = server.broker() else { continue };
            let topics = broker.partitions.topics();
            drop(broker);
            for topic in topics.iter().filter(|topic| firm.contains(&topic.id)) {
                for partition in topic.online().filter(|partition| !partition.is_offline()) {
                    read_some |= self.read_on(server, topic.id, partition).await;
                }
            }
        }
        self.copies.retain(|(topic, _), _| firm.contains(topic));
        read_some
    }

    async fn read_on(&mut self, server: &ServerNode, topic: Uuid, partition: &Arc<Partition>) -> bool {
        let key = (topic, partition.topic_partition.partition);
        let bounds = partition.reader.bounds();
        let copies = self.copies.entry(key).or_default();
        let copy = copies.entry(server.id).or_insert_with(|| Copy::of(partition));
        if !copy.is_of(partition) {
            *copy = Copy::of(partition);
        }
        copy.truncation = bounds.truncation;
        let from = copy.next.max(bounds.log_start_offset);
        let up_to = partition.high_watermark();
        if from >= up_to {
            return false;
        }
        let reader = partition.reader.clone();
        let reading = async move { reader.read(from, up_to, CHUNK, true).await.ok() };
        let Ok(Some(bytes)) = server.node.spawn("invariant reads a log", reading).await else { return false };
        let unchanged =
            self.copies.get(&key).and_then(|copies| copies.get(&server.id)).is_some_and(|c| c.is_of(partition));
        let found = if unchanged { digests(&bytes) } else { Vec::new() };
        for (base, digest) in &found {
            self.compare(key, server.id, partition, *base, *digest);
        }
        !found.is_empty()
    }

    fn compare(&mut self, key: (Uuid, PartitionId), node: NodeId, partition: &Partition, base: Offset, digest: Digest) {
        let Some(copies) = self.copies.get_mut(&key) else { return };
        for (other, copy) in copies.iter().filter(|(other, _)| **other != node) {
            if let Some(there) = copy.batches.get(&base).filter(|there| **there != digest) {
                let name = &partition.topic_partition;
                let (epoch, hw) = (partition.leader_epoch(), partition.high_watermark());
                violated!(
                    "nodes {other} and {node} have different batches at offset {base} of {name}, both committed: \
                     {there:?} and {digest:?}; the second is in leader epoch {epoch}, high watermark {hw}"
                );
            }
        }
        if let Some(copy) = copies.get_mut(&node) {
            copy.batches.insert(base, digest);
            copy.next = copy.next.max(digest.end);
        }
    }
}

impl Copy {
    fn of(partition: &Arc<Partition>) -> Copy {
        let truncation = partition.reader.bounds().truncation;
        Copy { handle: Arc::downgrade(partition), truncation, next: 0, batches: BTreeMap::new() }
    }

    fn is_of(&self, partition: &Arc<Partition>) -> bool {
        self.truncation == partition.reader.bounds().truncation
            && std::ptr::eq(self.handle.as_ptr(), Arc::as_ptr(partition))
    }
}

/// Base offset and digest of each whole batch whose checksum is right: rot is for others to judge.
fn digests(bytes: &Bytes) -> Vec<(Offset, Digest)> {
    let batches = Batches::new(bytes).map_while(Result::ok).filter(|batch| batch.check_crc().is_ok());
    let digest = |batch: BatchView<'_>| Digest {
        end: batch.header.next_offset(),
        epoch: batch.header.leader_epoch,
        bytes: hash(batch.bytes),
    };
    batches.map(|batch| (batch.header.base_offset, digest(batch))).collect()
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
