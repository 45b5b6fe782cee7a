//! Below both high watermarks two replicas have the same batches, to the byte. Of the topics that may never lose anything;
//! where power may take a tail, a node that was away may remember another one.
//!
//! In a compacted topic each replica cleans for itself, so that one may have let records go that another still has: there
//! the records that both have at an offset are the same.

use super::violated;
use crate::run::{Cluster, ServerNode};
use broker::partition::Partition;
use bytes::Bytes;
use model::{LeaderEpoch, NodeId, Offset, PartitionId, Uuid};
use protocol::records::{BatchView, Batches, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of a log that are read at a time.
const CHUNK: usize = 64 << 10;
/// Bytes that a batch may decompress to.
const DECOMPRESSED_LIMIT: usize = 16 << 20;

/// What was read of one batch, or of one record of a compacted topic.
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
    compacted: BTreeSet<Uuid>,
    copies: BTreeMap<(Uuid, PartitionId), BTreeMap<NodeId, Copy>>,
}

impl CommittedIsTheSame {
    /// Reads on in every copy of the topics in `firm`, and compares what is new with the other copies. Says whether there
    /// was something new.
    pub async fn check(&mut self, cluster: &Cluster, firm: &BTreeSet<Uuid>) -> bool {
        let mut read_some = false;
        self.note_compacted(cluster);
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

    fn note_compacted(&mut self, cluster: &Cluster) {
        let Some(image) = cluster.image() else { return };
        let compacts = |policy: &String| policy.split(',').any(|one| one.trim() == "compact");
        for topic in image.topics().filter(|topic| topic.configs.get("cleanup.policy").is_some_and(compacts)) {
            if self.compacted.insert(topic.id) {
                self.copies.retain(|(known, _), _| *known != topic.id);
            }
        }
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
        if !unchanged {
            return false;
        }
        let batches = whole(&bytes);
        let digests = if self.compacted.contains(&topic) { of_records(&bytes, &batches) } else { of_batches(&batches) };
        for (base, digest) in digests {
            self.compare(key, server.id, partition, base, digest);
        }
        let (Some(last), Some(copies)) = (batches.last(), self.copies.get_mut(&key)) else { return false };
        if let Some(copy) = copies.get_mut(&server.id) {
            copy.next = copy.next.max(last.header.next_offset());
        }
        true
    }

    fn compare(&mut self, key: (Uuid, PartitionId), node: NodeId, partition: &Partition, base: Offset, digest: Digest) {
        let Some(copies) = self.copies.get_mut(&key) else { return };
        for (other, copy) in copies.iter().filter(|(other, _)| **other != node) {
            if let Some(there) = copy.batches.get(&base).filter(|there| **there != digest) {
                let name = &partition.topic_partition;
                let (epoch, hw) = (partition.leader_epoch(), partition.high_watermark());
                violated!(
                    "nodes {other} and {node} have different records at offset {base} of {name}, both committed: \
                     {there:?} and {digest:?}; the second is in leader epoch {epoch}, high watermark {hw}"
                );
            }
        }
        if let Some(copy) = copies.get_mut(&node) {
            copy.batches.insert(base, digest);
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

/// Each whole batch whose checksum is right: rot is for others to judge.
fn whole(bytes: &Bytes) -> Vec<BatchView<'_>> {
    Batches::new(bytes).map_while(Result::ok).filter(|batch| batch.check_crc().is_ok()).collect()
}

/// By base offset.
fn of_batches(batches: &[BatchView<'_>]) -> Vec<(Offset, Digest)> {
    let digest = |batch: &BatchView<'_>| {
        let header = &batch.header;
        let (end, epoch, bytes) = (header.next_offset(), header.leader_epoch, hash(&[Some(batch.bytes)]));
        (header.base_offset, Digest { end, epoch, bytes })
    };
    batches.iter().map(digest).collect()
}

/// By offset.
fn of_records(owner: &Bytes, batches: &[BatchView<'_>]) -> Vec<(Offset, Digest)> {
    let mut digests = Vec::new();
    for batch in batches {
        let records = batch.records_of(owner, DECOMPRESSED_LIMIT);
        for record in records.into_iter().flatten().map_while(Result::ok) {
            let offset = batch.header.base_offset + Offset::from(record.offset_delta);
            let (epoch, bytes) = (batch.header.leader_epoch, content(&record));
            digests.push((offset, Digest { end: offset + 1, epoch, bytes }));
        }
    }
    digests
}

fn content(record: &Record) -> u64 {
    let mut parts = vec![record.key.as_deref(), record.value.as_deref()];
    parts.extend(record.headers.iter().flat_map(|header| [Some(&header.key[..]), header.value.as_deref()]));
    hash(&parts)
}

/// Of all parts, each with its length; one that is missing differs from an empty one. By words of eight bytes: everything
/// that is replicated goes through here.
fn hash(parts: &[Option<&[u8]>]) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    parts.iter().fold(0, |hash, part| {
        let hash = mix(hash, part.map_or(u64::MAX, |bytes| bytes.len() as u64));
        let (words, rest) = part.unwrap_or_default().as_chunks::<8>();
        let hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::records::{BatchBuilder, BatchOptions};

    fn batch(values: &[&[u8]]) -> Bytes {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        values.iter().for_each(|value| builder.append(0, Some(b"k"), Some(value), &[]));
        builder.build()
    }

    #[test]
    fn a_record_is_known_again_in_a_batch_that_lost_others() {
        let (whole_batch, other) = (batch(&[b"a", b"b"]), batch(&[b"a", b"c"]));
        let (one, two) = (whole(&whole_batch), whole(&other));
        assert_ne!(of_batches(&one), of_batches(&two));
        let (one, two) = (of_records(&whole_batch, &one), of_records(&other, &two));
        assert_eq!((one.len(), one[0], one[1].0), (2, two[0], 1));
        assert_ne!(one[1], two[1]);
        assert_ne!(hash(&[Some(b"ab"), Some(b"")]), hash(&[Some(b"a"), Some(b"b")]));
        assert_ne!(hash(&[None]), hash(&[Some(b"")]));
    }
}
