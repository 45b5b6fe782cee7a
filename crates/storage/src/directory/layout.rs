//! What is in a log directory: partitions, and what is on its way out.

use super::removals::remove_directory;
use crate::fault::StorageFault;
use crate::names::{
    CLEANED_SUFFIX, DELETE_DIRECTORY_SUFFIX, DELETED_SUFFIX, SWAP_SUFFIX, SegmentFile, parse_partition_directory,
};
use crate::volume::{Volume, join};
use crate::{partition_metadata, volume};
use model::{Offset, TopicPartition, Uuid, mark};
use std::collections::BTreeMap;

/// The partition directories, and those that wait to be removed.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub partitions: Vec<TopicPartition>,
    pub to_remove: Vec<String>,
}

/// Where Kafka and Thalweg keep the metadata log.
const METADATA_DIRECTORY: &str = "__cluster_metadata-0";

/// Lists the root.
pub(super) async fn list(volume: &Volume) -> Result<Layout, StorageFault> {
    let mut layout = Layout::default();
    for entry in volume.disk().list("").await.map_err(StorageFault::disk(""))? {
        // The metadata log is in a directory of that form, and is none of ours.
        if !entry.is_directory || entry.name == METADATA_DIRECTORY {
            continue;
        }
        if entry.name.ends_with(DELETE_DIRECTORY_SUFFIX) {
            layout.to_remove.push(entry.name);
        } else if let Some(topic_partition) = parse_partition_directory(&entry.name) {
            layout.partitions.push(topic_partition);
        }
    }
    Ok(layout)
}

/// What is in a partition's directory.
#[derive(Debug, Default)]
pub(super) struct PartitionFiles {
    /// The segments' base offsets, in order.
    pub segments: Vec<Offset>,
    /// Names that are not needed: of deleted segments, of what a cleaner did not end, or of segments without a log.
    pub strays: Vec<String>,
    /// The base offsets of segments that are to take the place of others.
    pub swaps: Vec<Offset>,
    /// Why that cannot be done.
    pub broken_swap: Option<String>,
    /// Whether there is a file that says the partition failed closed.
    pub failed_closed: bool,
}

/// Lists a partition's directory.
pub(super) async fn list_partition(volume: &Volume, directory: &str) -> Result<PartitionFiles, StorageFault> {
    let mut files = PartitionFiles::default();
    let mut indexes: BTreeMap<Offset, Vec<String>> = BTreeMap::new();
    for entry in volume.disk().list(directory).await.map_err(StorageFault::disk(directory))? {
        let is_stray = [DELETED_SUFFIX, CLEANED_SUFFIX, ".tmp"].iter().any(|suffix| entry.name.ends_with(suffix));
        if is_stray {
            files.strays.push(entry.name);
        } else if let Some(name) = entry.name.strip_suffix(SWAP_SUFFIX) {
            match SegmentFile::parse(name) {
                Some((SegmentFile::Log, base_offset)) => files.swaps.push(base_offset),
                // An index, which is made again.
                _ => files.strays.push(entry.name),
            }
        } else if entry.name == super::fail_closed::FILE {
            files.failed_closed = true;
        } else {
            match SegmentFile::parse(&entry.name) {
                Some((SegmentFile::Log, base_offset)) => files.segments.push(base_offset),
                Some((SegmentFile::ProducerSnapshot, _)) | None => {}
                Some((_, base_offset)) => indexes.entry(base_offset).or_default().push(entry.name),
            }
        }
    }
    files.segments.sort_unstable();
    for (base_offset, names) in indexes {
        if files.segments.binary_search(&base_offset).is_err() {
            mark!("index without a segment");
            files.strays.extend(names);
        }
    }
    Ok(files)
}

/// Removes what is not needed.
pub(super) async fn remove_strays(
    volume: &Volume,
    directory: &str,
    files: &PartitionFiles,
) -> Result<(), StorageFault> {
    for name in &files.strays {
        volume.remove_if_there(&join(directory, name)).await?;
    }
    Ok(())
}

/// The topic id in a partition's directory; zero where there is none that can be read.
pub(super) async fn topic_id(volume: &Volume, directory: &str) -> Result<Uuid, StorageFault> {
    let path = volume::join(directory, partition_metadata::FILE);
    let Some(bytes) = volume.read_small(&path).await? else { return Ok(Uuid::ZERO) };
    let parsed = std::str::from_utf8(&bytes).map_err(|error| error.to_string());
    Ok(parsed.and_then(partition_metadata::parse).unwrap_or_else(|reason| {
        mark!("partition metadata not usable");
        tracing::warn!("{path}: {reason}");
        Uuid::ZERO
    }))
}

/// Makes a partition's directory, empty but for its topic id. Nothing of it is durable yet.
pub(super) async fn make_partition(volume: &Volume, directory: &str, topic_id: Uuid) -> Result<(), StorageFault> {
    volume.disk().create_directory(directory).await.map_err(StorageFault::disk(directory))?;
    write_topic_id(volume, directory, topic_id).await
}

/// Writes a partition's topic id. It is durable once the file and the directory are synced.
pub(super) async fn write_topic_id(volume: &Volume, directory: &str, topic_id: Uuid) -> Result<(), StorageFault> {
    if topic_id.is_zero() {
        return Ok(());
    }
    let path = volume::join(directory, partition_metadata::FILE);
    volume.write_new(&path, partition_metadata::encode(topic_id).into()).await.map(|_| ())
}

/// Empties a partition's directory but for its topic id and its leader epochs: a crash before those are written anew
/// must not lose an epoch that was given.
pub(super) async fn clear_partition(volume: &Volume, directory: &str) -> Result<(), StorageFault> {
    for entry in volume.disk().list(directory).await.map_err(StorageFault::disk(directory))? {
        if entry.name != partition_metadata::FILE && entry.name != crate::epochs::FILE {
            volume.remove_if_there(&join(directory, &entry.name)).await?;
        }
    }
    Ok(())
}

/// Removes everything in a partition's directory, and the directory.
pub(super) async fn remove_partition(volume: &Volume, directory: &str) -> Result<(), StorageFault> {
    remove_directory(volume, directory).await
}
