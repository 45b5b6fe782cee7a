//! Moving the log start up.

use super::Log;
use crate::fault::StorageFault;
use crate::journal::Change;
use model::Offset;
use runtime::time::Instant;

impl Log {
    /// The log starts at `to` from now on, durably (`DeleteRecords`, or a leader's start that a follower takes over).
    /// Files go with the next [`Log::apply_retention`]. A log that starts there or later stays as it is.
    ///
    /// # Errors
    /// `to` is above the log end; the disk refused.
    pub async fn advance_start(&mut self, to: Offset) -> Result<(), StorageFault> {
        self.core.reading.volume.check()?;
        let (start, end) = (self.log_start_offset(), self.log_end_offset());
        if to > end {
            let topic_partition = self.topic_partition().clone();
            return Err(StorageFault::OffsetOutOfRange { topic_partition, offset: to, start, end });
        }
        if to <= start {
            return Ok(());
        }
        self.move_start(to).await
    }

    /// Write ahead: that the log starts at `to` is durable before it is seen, and before a file may go.
    pub(super) async fn move_start(&mut self, to: Offset) -> Result<(), StorageFault> {
        if !self.shared.progress().journaled {
            self.core.checkpoints.write_ahead(&self.core, &self.shared, to).await?;
            self.start_at(to);
            return Ok(());
        }
        let end = self.log_end_offset();
        let entry = self.entry(end, end, Change::StartMoved(to));
        // A checkpoint that covers the entry has the new start: no capture comes between its being durable and its effect.
        self.shared.progress().change_beside_files();
        let announced = self.core.announce(&self.shared, entry, self.place()).await;
        if announced.is_ok() {
            self.start_at(to);
        }
        self.shared.progress().changed();
        announced.map(drop)
    }

    fn start_at(&self, to: Offset) {
        self.shared.set_log_start_offset(to);
        if self.shared.with_epochs(|epochs| epochs.start_at(to)) {
            self.shared.progress().epochs_changed(Instant::now());
        }
    }
}
