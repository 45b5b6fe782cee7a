//! Leader epochs of a log, and their file.

use super::{Log, Shared};
use crate::directory::Core;
use crate::epochs::FILE;
use crate::fault::StorageFault;
use model::LeaderEpoch;

impl Log {
    /// The last leader epoch; `None` in a log that never had one.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.shared.with_epochs(|epochs| epochs.latest())
    }

    /// `epoch` begins at the log end, durably when this returns. An epoch that is not above the last changes nothing.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn assign_leader_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), StorageFault> {
        if self.note_leader_epoch(epoch) {
            write_epochs(&self.core, &self.shared).await?;
            // Of a new log the directory's name may not be durable yet.
            self.core.sync_root().await?;
        }
        Ok(())
    }

    /// As [`Log::assign_leader_epoch`], for an epoch that is durable elsewhere (a metadata log): its file is written
    /// with the next checkpoint. Says whether it was news.
    pub fn note_leader_epoch(&mut self, epoch: LeaderEpoch) -> bool {
        let log_end = self.log_end_offset();
        let news = self
            .shared
            .with_epochs(|epochs| epochs.latest().is_none_or(|latest| latest < epoch) && epochs.assign(epoch, log_end));
        if news {
            self.shared.progress().epochs_changed(runtime::time::Instant::now());
        }
        news
    }
}

/// Writes the epochs' file, durably.
pub(crate) async fn write_epochs(core: &Core, shared: &Shared) -> Result<(), StorageFault> {
    let _one_writer = shared.epochs_file.lock().await;
    let text = shared.with_epochs(|epochs| epochs.encode());
    core.reading.volume.replace(&shared.directory, FILE, text.into()).await
}
