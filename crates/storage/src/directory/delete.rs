//! Deleting a log: its directory gets another name at once, and goes with its files after a delay.

use super::LogDirectory;
use crate::fault::StorageFault;
use crate::journal::Change;
use crate::log::Log;
use crate::names::{deleted_directory, partition_directory};
use model::TopicPartition;
use runtime::time::Duration;

impl LogDirectory {
    /// Deletes a log. Its name is free when this returns; its files go after `file.delete.delay.ms`.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn delete(&self, log: Log) -> Result<(), StorageFault> {
        let core = &self.core;
        core.reading.volume.check()?;
        log.shared.progress().change();
        // It works on the names that are about to go: what it does not find would be the end of the directory.
        log.wait_for_sync().await;
        let journaled = log.is_journaled();
        // Write ahead: that it is dropped is durable before its name changes.
        if journaled {
            let (entry, place) = log.drop_entry(Change::Dropped);
            let sequence = core.submit(&log.shared, [(entry, place)]);
            core.wait_durable(sequence).await?;
        }
        log.shared.set_deleted();
        let delay = Duration::from_millis(log.config().file_delete_delay_ms);
        let renamed = self.rename_away(log.topic_partition(), delay).await;
        core.unregister(&log.shared, true);
        renamed?;
        if !journaled {
            // No journal would tell a directory that came back from the next one of that name.
            core.sync_root().await?;
        }
        // Kafka's files know logs by name: the next of this name must not find this one's offsets.
        core.checkpoints.forget(core).await
    }

    /// Deletes a partition that is closed for safety.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn delete_failed(&self, topic_partition: &TopicPartition) -> Result<(), StorageFault> {
        self.core.reading.volume.check()?;
        assert!(
            !self.core.logs().iter().any(|log| log.topic_partition == *topic_partition),
            "an open log is deleted by its owner"
        );
        self.rename_away(topic_partition, Duration::ZERO).await
    }

    async fn rename_away(&self, topic_partition: &TopicPartition, delay: Duration) -> Result<(), StorageFault> {
        let unique = u128::from(runtime::rand::u64()) << 64 | u128::from(runtime::rand::u64());
        let from = partition_directory(topic_partition);
        let to = deleted_directory(topic_partition, unique);
        let disk = self.core.reading.volume.disk();
        disk.rename(&from, &to).await.map_err(StorageFault::disk(from))?;
        self.core.root_changed();
        self.core.removals.directory_after(to, delay);
        Ok(())
    }
}
