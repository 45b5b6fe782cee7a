//! What the files of a data directory are, by their names.

use jepsen_lite::history::FileKind;

/// The directory of the metadata log, which is no partition of anybody's.
const METADATA: &str = "__cluster_metadata";

/// What kind of file it is; `None` for one that holds nothing (a lock).
pub fn kind_of(path: &str) -> Option<FileKind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "changes" | "records" if path.contains(METADATA) => Some(FileKind::MetadataLog),
        _ if path.contains(METADATA) => Some(FileKind::Metadata),
        "log" => Some(FileKind::Segment),
        "index" | "timeindex" | "snapshot" => Some(FileKind::Derived),
        "lock" => None,
        _ if path.contains("journal") => Some(FileKind::Journal),
        _ => Some(FileKind::Metadata),
    }
}

/// Files of one sort hold the same of different things: segments, one kind of index, one checkpoint.
pub fn sort_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, extension)) => extension,
        None if kind_of(path) == Some(FileKind::Journal) => "journal",
        None => name,
    }
}

/// The partition (`topic-number`) whose directory the file is in.
pub fn partition_of(path: &str) -> Option<String> {
    let (directory, _) = path.rsplit_once('/')?;
    let directory = directory.rsplit('/').next()?;
    let (topic, number) = directory.rsplit_once('-')?;
    (!topic.is_empty() && topic != METADATA && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        .then(|| directory.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        assert_eq!(kind_of("topic-0-1/00000000000000000000.log"), Some(FileKind::Segment));
        assert_eq!(kind_of("topic-0-1/00000000000000000000.timeindex"), Some(FileKind::Derived));
        assert_eq!(kind_of("topic-0-1/leader-epoch-checkpoint"), Some(FileKind::Metadata));
        assert_eq!(kind_of(".lock"), None);
        assert_eq!(partition_of("topic-0-1/x.log").as_deref(), Some("topic-0-1"));
        assert_eq!(kind_of("__cluster_metadata-0/00000000000000001234.snapshot"), Some(FileKind::Metadata));
        assert_eq!(kind_of("__cluster_metadata-0/00000000000000001234.changes"), Some(FileKind::MetadataLog));
        assert_eq!(partition_of("meta.properties"), None);
        assert_eq!(partition_of("__cluster_metadata-0/x.records"), None);
        assert_eq!(partition_of("journal/0001"), None);
    }

    #[test]
    fn the_same_of_different_things_is_of_one_sort() {
        assert_eq!(sort_of("topic-0-1/00000000000000000000.log"), sort_of("topic-2-0/00000000000000000017.log"));
        assert_eq!(sort_of("journal/0001"), sort_of("journal/0002"));
        let metadata = ["00000000000000000000.log", "00000000000000000100-0000000003.checkpoint", "quorum-state"];
        let sorts = metadata.map(|name| format!("__cluster_metadata-0/{name}"));
        assert_eq!(sorts.each_ref().map(|path| sort_of(path)), ["metadata log", "metadata snapshot", "quorum-state"]);
    }
}
