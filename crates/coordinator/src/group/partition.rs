//! Which partition of `__consumer_offsets` keeps a group.

use model::PartitionId;

/// The partition that keeps `group`, of `partitions` of them: Kafka's choice, made with Java's hash of a string, so
/// that clients of a mixed history find what was committed.
pub fn partition_of(group: &str, partitions: i32) -> PartitionId {
    (java_hash(group) & i32::MAX) % partitions.max(1)
}

/// The hash of a Java string: over UTF-16 units, wrapping.
pub(crate) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_java() {
        // From the Java documentation's formula: s[0]*31^(n-1) + ... + s[n-1].
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("a"), 97);
        assert_eq!(java_hash("ab"), 97 * 31 + 98);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
    }

    #[test]
    fn every_group_falls_on_a_partition_that_is_there() {
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("ab", 50), (97 * 31 + 98) % 50);
        assert_eq!(partition_of("g", 0), 0);
        for group in ["a", "long names too", "ünïcödé", "🦀"] {
            assert!((0..7).contains(&partition_of(group, 7)), "{group}");
        }
    }
}
