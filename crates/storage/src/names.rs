//! How Kafka names things in a log directory.

use model::{Offset, TopicPartition};

/// Appended to a segment file that waits to be removed.
pub(crate) const DELETED_SUFFIX: &str = ".deleted";
/// Appended to a file that the cleaner writes.
pub(crate) const CLEANED_SUFFIX: &str = ".cleaned";
/// Appended to one that is whole, and will take the place of those that it was made of.
pub(crate) const SWAP_SUFFIX: &str = ".swap";
/// Ends the name of a partition directory that waits to be removed.
pub(crate) const DELETE_DIRECTORY_SUFFIX: &str = "-delete";
/// Ends the name of a partition directory that belongs to nothing known.
pub(crate) const STRAY_DIRECTORY_SUFFIX: &str = "-stray";
/// File systems allow this many bytes in a name.
const LONGEST_NAME: usize = 255;

/// The files that belong to one segment, by their extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SegmentFile {
    /// The batches.
    Log,
    /// Offsets to positions.
    OffsetIndex,
    /// Timestamps to offsets.
    TimeIndex,
    /// Aborted transactions.
    TransactionIndex,
    /// The producers at the segment's base offset.
    ProducerSnapshot,
}

impl SegmentFile {
    pub const ALL: [SegmentFile; 5] = [
        SegmentFile::Log,
        SegmentFile::OffsetIndex,
        SegmentFile::TimeIndex,
        SegmentFile::TransactionIndex,
        SegmentFile::ProducerSnapshot,
    ];

    const fn extension(self) -> &'static str {
        match self {
            SegmentFile::Log => "log",
            SegmentFile::OffsetIndex => "index",
            SegmentFile::TimeIndex => "timeindex",
            SegmentFile::TransactionIndex => "txnindex",
            SegmentFile::ProducerSnapshot => "snapshot",
        }
    }

    /// The file of the segment that starts at `base_offset`: 20 digits and the extension.
    pub fn name(self, base_offset: Offset) -> String {
        format!("{base_offset:020}.{}", self.extension())
    }

    /// The same below `directory`.
    pub fn path(self, directory: &str, base_offset: Offset) -> String {
        format!("{directory}/{}", self.name(base_offset))
    }

    /// What `name` is, if it is a file of a segment.
    pub fn parse(name: &str) -> Option<(SegmentFile, Offset)> {
        let (digits, extension) = name.split_once('.')?;
        let kind = SegmentFile::ALL.into_iter().find(|kind| kind.extension() == extension)?;
        if digits.len() < 20 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        Some((kind, digits.parse().ok()?))
    }
}

/// The directory of a partition.
pub(crate) fn partition_directory(topic_partition: &TopicPartition) -> String {
    topic_partition.to_string()
}

/// The partition whose directory `name` is; `None` for what is no partition or waits to be removed.
pub(crate) fn parse_partition_directory(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let plain = !partition.is_empty() && partition.bytes().all(|digit| digit.is_ascii_digit());
    if topic.is_empty() || !plain {
        return None;
    }
    Some(TopicPartition::new(topic, partition.parse().ok()?))
}

/// What the directory of a partition that is no more is renamed to. `unique` keeps later ones of the same name apart.
pub(crate) fn renamed_directory(topic_partition: &TopicPartition, unique: u128, suffix: &str) -> String {
    let name = partition_directory(topic_partition);
    let room = LONGEST_NAME - 1 - 32 - suffix.len();
    let kept = &name[..name.len().min(room)];
    format!("{kept}.{unique:032x}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_files_have_twenty_digits() {
        assert_eq!(SegmentFile::Log.name(0), "00000000000000000000.log");
        assert_eq!(SegmentFile::TimeIndex.path("t-0", 1234), "t-0/00000000000000001234.timeindex");
        for kind in SegmentFile::ALL {
            assert_eq!(SegmentFile::parse(&kind.name(i64::MAX)), Some((kind, i64::MAX)));
        }
    }

    #[test]
    fn other_names_are_no_segment_files() {
        for name in ["leader-epoch-checkpoint", "0.log", "00000000000000000000.log.deleted", "+0000000000000000001.log"]
        {
            assert_eq!(SegmentFile::parse(name), None, "{name}");
        }
        assert_eq!(SegmentFile::parse("99999999999999999999.log"), None, "larger than any offset");
    }

    #[test]
    fn a_partition_is_named_after_its_last_dash() {
        let found = parse_partition_directory("my-topic.with-dashes-12");
        assert_eq!(found, Some(TopicPartition::new("my-topic.with-dashes", 12)));
        for name in ["topic", "-0", "topic-", "t-0.5f-delete", "t-0.5f-future", "t-+1", "t-99999999999"] {
            assert_eq!(parse_partition_directory(name), None, "{name}");
        }
    }

    #[test]
    fn a_renamed_directory_fits_a_file_name_and_is_no_partition() {
        let long = TopicPartition::new("x".repeat(249), 12);
        for suffix in [DELETE_DIRECTORY_SUFFIX, STRAY_DIRECTORY_SUFFIX] {
            let name = renamed_directory(&long, u128::MAX, suffix);
            assert_eq!(name.len(), LONGEST_NAME);
            assert!(name.ends_with(suffix) && parse_partition_directory(&name).is_none());
            let short = renamed_directory(&TopicPartition::new("t", 0), 5, suffix);
            assert_eq!(short, format!("t-0.{:032x}{suffix}", 5));
        }
    }
}
