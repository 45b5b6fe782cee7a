//! The clean stop: a barrier to "not journaled" for every log, and then the mark. What is left is plain Kafka.

use super::parallel::in_parallel;
use super::{Barrier, LogDirectory};
use crate::checkpoint::Mode;
use crate::clean_mark;
use crate::fault::StorageFault;
use crate::log::{Claim, Log};
use model::{TopicPartition, planted};
use std::collections::BTreeSet;

impl LogDirectory {
    /// Closes the directory cleanly: all `logs` are synced with their indexes and producers, no line says "journaled",
    /// and the mark is left. Every open log must be given.
    ///
    /// # Errors
    /// A log is missing, or the disk refused: there is no mark, and the next open recovers.
    pub async fn close(self, logs: Vec<Log>) -> Result<(), StorageFault> {
        let result = self.close_cleanly(logs).await;
        self.core.stop_tasks();
        self.core.unlock();
        result
    }

    async fn close_cleanly(&self, logs: Vec<Log>) -> Result<(), StorageFault> {
        let core = &self.core;
        core.reading.volume.check()?;
        let given: BTreeSet<TopicPartition> = logs.iter().map(|log| log.topic_partition().clone()).collect();
        if let Some(missing) = core.logs().iter().find(|known| !given.contains(&known.topic_partition)) {
            let reason = format!("{} was not given to be closed", missing.topic_partition);
            return Err(StorageFault::Failed(reason));
        }
        // Before any log is captured: what a captured one holds of the journal it holds until the barrier, and a group of
        // another log may wait for that room.
        if !planted!("a log is closed before the journal has all of the others") {
            let last = logs.iter().map(|log| log.shared.progress().last_submitted()).max();
            core.wait_durable(last.unwrap_or(0)).await?;
        }
        let barriers = in_parallel(core, logs, |_, log| close_log(log)).await?;
        // Groups may have become durable since a log was closed; none of them has an entry of it.
        core.checkpoints.write_barriers(core, barriers).await?;
        core.checkpoints.write_offsets(core).await?;
        clean_mark::leave(&core.reading.volume).await
    }
}

async fn close_log(mut log: Log) -> Result<Barrier, StorageFault> {
    log.write_for_clean_stop().await?;
    log.sync_all().await?;
    let claim = Claim { sequence: log.core.journal_durable(), place: log.shared.progress().applied() };
    Ok(Barrier { shared: log.shared.clone(), mode: Mode::Closed, claim })
}
