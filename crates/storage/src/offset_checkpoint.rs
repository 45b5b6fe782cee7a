//! Kafka's offset checkpoint files, version 0: one offset for each partition, as text.
//!
//! ```text
//! 0
//! <count>
//! <topic> <partition> <offset>
//! ```

use crate::fault::StorageFault;
use crate::volume::Volume;
use model::{Offset, TopicPartition};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Everything below these offsets is on stable storage.
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// High watermarks.
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// Log start offsets.
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// Where the cleaner will go on; below it offsets may be missing.
pub(crate) const CLEANER: &str = "cleaner-offset-checkpoint";

/// One offset a partition.
pub(crate) type Offsets = BTreeMap<TopicPartition, Offset>;

/// The file's text.
pub(crate) fn encode(offsets: &Offsets) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (topic_partition, offset) in offsets {
        let _ = writeln!(text, "{} {} {offset}", topic_partition.topic, topic_partition.partition);
    }
    text
}

/// Reads the file's text; the error says what is wrong.
pub(crate) fn parse(text: &str) -> Result<Offsets, String> {
    let mut offsets = Offsets::new();
    for line in checkpoint_lines(text)? {
        let mut parts = line.split_ascii_whitespace();
        let (Some(topic), Some(partition), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("line {line:?} is not 'topic partition offset'"));
        };
        let partition = partition.parse().map_err(|_| format!("bad partition in {line:?}"))?;
        let offset = offset.parse().map_err(|_| format!("bad offset in {line:?}"))?;
        offsets.insert(TopicPartition::new(topic, partition), offset);
    }
    Ok(offsets)
}

/// The lines after version and count, which must be 0 and right.
pub(crate) fn checkpoint_lines(text: &str) -> Result<Vec<&str>, String> {
    let mut lines = text.lines();
    match lines.next().map(str::trim) {
        Some("0") => {}
        version => return Err(format!("version {:?} is not 0", version.unwrap_or_default())),
    }
    let count: usize =
        lines.next().and_then(|count| count.trim().parse().ok()).ok_or("the second line is no count of entries")?;
    let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    if lines.len() != count {
        return Err(format!("{count} entries are announced and {} are there", lines.len()));
    }
    Ok(lines)
}

/// The offsets in the file `name`, none when there is no such file.
pub(crate) async fn read(volume: &Volume, name: &str) -> Result<Offsets, StorageFault> {
    match volume.read_text(name).await? {
        Some(text) => parse(&text).map_err(|reason| StorageFault::corrupt(name, reason)),
        None => Ok(Offsets::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = "0\n2\norders 0 42\norders 11 9223372036854775807\n";

    fn offsets() -> Offsets {
        [(TopicPartition::new("orders", 0), 42), (TopicPartition::new("orders", 11), i64::MAX)].into()
    }

    #[test]
    fn the_text_is_kafkas() {
        assert_eq!(encode(&offsets()), GOLDEN);
        assert_eq!(parse(GOLDEN), Ok(offsets()));
        assert_eq!(encode(&Offsets::new()), "0\n0\n");
    }

    #[test]
    fn anything_else_is_refused_and_not_taken_for_empty() {
        for text in [
            "",
            "0",
            "1\n0\n",
            "0\nx\n",
            "0\n1\n",
            "0\n1\na 0 1\nb 0 1\n",
            "0\n1\na 0\n",
            "0\n1\na 0 1 2\n",
            "0\n1\na x 1\n",
            "0\n1\na 0 y\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
