//! Which partition a record goes to when it does not say (KIP-480, KIP-794).

use model::PartitionId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The hash that Kafka's Java clients take of a key: MurmurHash 2 with their seed.
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    for (index, byte) in rest.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * index);
        if index == 0 {
            hash = hash.wrapping_mul(M);
        }
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key, as Kafka's Java clients choose it.
pub(crate) fn partition_of_key(key: &[u8], partitions: PartitionId) -> PartitionId {
    ((murmur2(key) & 0x7fff_ffff) % partitions as u32) as PartitionId
}

/// Keyless records stay with one partition of their topic until it has got a batch full, then go to another.
#[derive(Debug, Default)]
pub(crate) struct Sticky {
    topics: BTreeMap<Arc<str>, Stay>,
}

#[derive(Debug)]
struct Stay {
    partition: PartitionId,
    bytes: usize,
}

impl Sticky {
    /// Where the next keyless record of `bytes` goes, of the `partitions` that have a leader (all of them if none has).
    pub fn choose(
        &mut self,
        topic: &Arc<str>,
        bytes: usize,
        batch_size: usize,
        partitions: &[PartitionId],
    ) -> PartitionId {
        match self.topics.get_mut(topic) {
            Some(stay) if stay.bytes < batch_size && partitions.contains(&stay.partition) => {
                stay.bytes += bytes;
                stay.partition
            }
            before => {
                let before = before.map(|stay| stay.partition);
                let others: Vec<_> = partitions.iter().copied().filter(|p| Some(*p) != before).collect();
                let from = if others.is_empty() { partitions } else { &others };
                let partition = from[runtime::rand::below(from.len() as u64) as usize];
                self.topics.insert(topic.clone(), Stay { partition, bytes });
                partition
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's own test of its hash.
    #[test]
    fn the_hash_is_that_of_the_java_client() {
        let known: [(&[u8], i32); 7] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key) as i32, hash, "{:?}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn keyless_records_stay_for_a_batch_and_then_move() {
        crate::in_a_world(|| {
            let mut sticky = Sticky::default();
            let topic: Arc<str> = "t".into();
            let first = sticky.choose(&topic, 60, 100, &[0, 1, 2]);
            assert_eq!(sticky.choose(&topic, 60, 100, &[0, 1, 2]), first);
            let second = sticky.choose(&topic, 60, 100, &[0, 1, 2]);
            assert_ne!(second, first);
            assert_eq!(sticky.choose(&topic, 60, 100, &[first]), first, "its partition lost its leader");
            assert_eq!(sticky.choose(&topic, 1000, 100, &[first]), first);
            assert_eq!(sticky.choose(&topic, 1000, 100, &[first]), first, "there is no other");
        });
    }
}
