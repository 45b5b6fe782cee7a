//! Deleting a log: its directory gets another name at once, and goes with its files after a delay. Or setting it aside:
//! it gets another name and stays, for a person to look at.

use super::LogDirectory;
use crate::fault::StorageFault;
use crate::journal::Change;
use crate::log::Log;
use crate::names::{DELETE_DIRECTORY_SUFFIX, STRAY_DIRECTORY_SUFFIX, partition_directory, renamed_directory};
use model::{TopicPartition, mark};
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
        let journaled = log.is_journaled();
        // Write ahead: that it is dropped is durable before its name changes.
        if journaled {
            let (entry, place) = log.drop_entry(Change::Dropped);
            core.announce(&log.shared, entry, place).await?;
        }
        // It works on the names that are about to go: what it does not find would be the end of the directory.
        log.wait_for_sync().await;
        log.shared.set_deleted();
        let delay = Duration::from_millis(log.config().file_delete_delay_ms);
        let renamed = self.rename(log.topic_partition(), DELETE_DIRECTORY_SUFFIX).await;
        core.unregister(&log.shared, true);
        let renamed = renamed?;
        if !journaled {
            // No journal would tell a directory that came back from the next one of that name, nor whose the line is. And
            // one that comes back must have its files.
            core.sync_root().await?;
            core.checkpoints.cover(core, Vec::new()).await?;
        }
        core.removals.directory_after(renamed, delay);
        // Kafka's files know logs by name: the next of this name must not find this one's offsets.
        core.checkpoints.forget(core).await
    }

    /// Takes a log out that belongs to nothing known: its directory is renamed as Kafka renames such ones, to
    /// `<topic>-<partition>.<unique>-stray`, and nothing of it is removed. Gives the new name.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn set_aside(&self, mut log: Log) -> Result<String, StorageFault> {
        let core = &self.core;
        if log.is_journaled() {
            // What is journaled is found by the journal, under its old name.
            log.set_journaled(false).await?;
        }
        log.shared.progress().change();
        log.wait_for_sync().await;
        log.shared.set_deleted();
        let renamed = self.rename(log.topic_partition(), STRAY_DIRECTORY_SUFFIX).await;
        core.unregister(&log.shared, true);
        core.sync_root().await?;
        core.checkpoints.cover(core, Vec::new()).await?;
        core.checkpoints.forget(core).await?;
        renamed
    }

    /// [`LogDirectory::set_aside`] for a partition that is closed for safety.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn set_failed_aside(&self, topic_partition: &TopicPartition) -> Result<String, StorageFault> {
        self.check_closed(topic_partition)?;
        let renamed = self.rename(topic_partition, STRAY_DIRECTORY_SUFFIX).await?;
        // The next log of its name must not find it there after a power failure.
        self.core.sync_root().await?;
        Ok(renamed)
    }

    /// Deletes a partition that is closed for safety.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn delete_failed(&self, topic_partition: &TopicPartition) -> Result<(), StorageFault> {
        self.check_closed(topic_partition)?;
        let renamed = self.rename(topic_partition, DELETE_DIRECTORY_SUFFIX).await?;
        // As above: no journal says that it was dropped.
        self.core.sync_root().await?;
        self.core.removals.directory_after(renamed, Duration::ZERO);
        Ok(())
    }

    fn check_closed(&self, topic_partition: &TopicPartition) -> Result<(), StorageFault> {
        if self.core.logs().iter().any(|log| log.topic_partition == *topic_partition) {
            mark!("a closed log's name belongs to an open one");
            // Of another topic that had its name, or has it by now: that one is moved by its owner.
            let error = std::io::ErrorKind::ResourceBusy.into();
            return Err(StorageFault::Disk { path: partition_directory(topic_partition), error });
        }
        self.core.reading.volume.check()
    }

    async fn rename(&self, topic_partition: &TopicPartition, suffix: &str) -> Result<String, StorageFault> {
        let unique = u128::from(runtime::rand::u64()) << 64 | u128::from(runtime::rand::u64());
        let from = partition_directory(topic_partition);
        let to = renamed_directory(topic_partition, unique, suffix);
        let disk = self.core.reading.volume.disk();
        disk.rename(&from, &to).await.map_err(StorageFault::disk(from))?;
        self.core.root_changed();
        Ok(to)
    }
}
