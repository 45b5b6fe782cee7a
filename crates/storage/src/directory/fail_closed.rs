//! Partitions that are closed for safety. A file in the partition's directory says why and keeps it closed over
//! restarts: the journal that contradicted the files is used again.

use super::layout;
use crate::fault::{FailedClosed, StorageFault};
use crate::volume::{Volume, join};
use model::{TopicPartition, Uuid, mark};

/// The file in the partition's directory. Ours.
pub(super) const FILE: &str = "closed-for-safety";

/// Leaves the file, durably. The other files are kept as they are.
pub(super) async fn leave(
    volume: &Volume,
    topic_partition: &TopicPartition,
    topic_id: Uuid,
    failed: &FailedClosed,
) -> Result<(), StorageFault> {
    mark!("partition failed closed");
    tracing::error!(%topic_partition, "closed for safety: {}", failed.reason);
    let directory = crate::names::partition_directory(topic_partition);
    match volume.disk().list(&directory).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            layout::make_partition(volume, &directory, topic_id).await?;
        }
        Err(error) => return Err(StorageFault::Disk { path: directory, error }),
    }
    let text = format!(
        "{}\nThe files are kept as they are. Delete the partition, or remove this file to open what is there.\n",
        failed.reason
    );
    volume.replace(&directory, FILE, text.into()).await?;
    volume.sync_directory("").await
}

/// Why the partition is closed.
pub(super) async fn read(volume: &Volume, directory: &str) -> Result<FailedClosed, StorageFault> {
    let bytes = volume.read_small(&join(directory, FILE)).await?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let reason = text.lines().next().filter(|line| !line.is_empty()).unwrap_or("an earlier start closed it");
    Ok(FailedClosed { reason: reason.to_owned() })
}
