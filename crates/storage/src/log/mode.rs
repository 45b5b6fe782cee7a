//! Between journaled and page cache.
//!
//! A mode change is a barrier (DESIGN section 6, rule 9): everything so far is synced, names included, then the
//! checkpoint's line says the new mode, durably, and only then is anything appended under it.

use super::{Capture, Claim, Durable, Log};
use crate::checkpoint::Mode;
use crate::directory::Barrier;
use crate::fault::StorageFault;
use runtime::time::{Duration, Instant};

/// How often a barrier looks whether the sync in the background is done.
const IN_FLIGHT_CHECK: Duration = Duration::from_millis(1);

impl Log {
    /// Makes the log journaled, or ends that. What was appended before is durable when this returns.
    ///
    /// # Errors
    /// The topic's id is not known; the disk refused. The mode is as before.
    pub async fn set_journaled(&mut self, journaled: bool) -> Result<(), StorageFault> {
        self.core.reading.volume.check()?;
        if self.is_journaled() == journaled {
            return Ok(());
        }
        if self.topic_id().is_zero() {
            let path = format!("{}/{}", self.shared.directory, crate::partition_metadata::FILE);
            return Err(StorageFault::corrupt(path, "without a topic id the log cannot be journaled"));
        }
        self.settle_all(journaled).await
    }

    /// Syncs all of the log and writes its line with the mode `journaled`.
    async fn settle_all(&mut self, journaled: bool) -> Result<(), StorageFault> {
        let capture = self.sync_all().await?;
        self.shared.progress().change();
        let claim = Claim { sequence: self.core.journal_durable(), place: self.place() };
        let barrier = Barrier { shared: self.shared.clone(), mode: Mode::of(journaled), claim };
        let result = self.core.checkpoints.write_barriers(&self.core, vec![barrier]).await;
        let mut progress = self.shared.progress();
        progress.changed();
        if let (Err(_), Some(capture)) = (&result, capture) {
            self.shared.give_up_locked(&mut progress, capture);
        }
        drop(progress);
        result?;
        let truncation = self.shared.truncation();
        self.shared.publish_durable(Durable { offset: self.log_end_offset(), truncation });
        Ok(())
    }

    /// Makes all of the log durable, in the journal and in its files. The capture is given back for the barrier that
    /// follows, or to be given up.
    pub(crate) async fn sync_all(&mut self) -> Result<Option<Capture>, StorageFault> {
        let last = self.shared.progress().last_submitted();
        self.core.wait_durable(last).await?;
        self.core.settle_acknowledgements_of(&self.shared);
        let capture = self.capture_alone().await;
        if let Some(capture) = capture {
            return match self.core.sync_capture(&self.shared, &capture).await {
                Ok(()) => Ok(Some(capture)),
                Err(fault) => {
                    self.shared.give_up(capture);
                    Err(fault)
                }
            };
        }
        Ok(None)
    }

    /// Captures what is not synced, when no sync in the background is under way. None means that all of it is: who looks
    /// and captures under two locks takes the syncer's capture in between for that.
    async fn capture_alone(&self) -> Option<Capture> {
        loop {
            self.wait_for_sync().await;
            let mut progress = self.shared.progress();
            if !progress.is_in_flight() {
                return progress.capture(&self.shared.active());
            }
        }
    }

    /// Waits until no sync in the background is under way.
    pub(crate) async fn wait_for_sync(&self) {
        while self.shared.progress().is_in_flight() {
            runtime::time::sleep(IN_FLIGHT_CHECK).await;
        }
    }

    /// Writes what a clean stop leaves for the next start: the index of the last segment, and the producers.
    pub(crate) async fn write_for_clean_stop(&mut self) -> Result<(), StorageFault> {
        // It may be writing an older index of the same segment.
        self.wait_for_sync().await;
        let end = self.log_end_offset();
        let segment = self.shared.active();
        let volume = &self.core.reading.volume;
        let live = segment.with_index(|state| matches!(state, crate::segment::IndexState::Live(_)));
        if live && segment.length() > 0 {
            segment.close_index();
            segment.write_index(volume).await?;
            crate::segment_index::SegmentIndex::sync(volume, &segment.directory, segment.base_offset).await?;
            self.shared.progress().names_changed(Instant::now());
        }
        let path = crate::names::SegmentFile::ProducerSnapshot.path(&self.shared.directory, end);
        let unchanged = !live && volume.read_small(&path).await?.is_some();
        if end > 0 && !unchanged {
            volume.write_new(&path, self.producers.encode_snapshot()).await?;
            self.shared.progress().names_changed(Instant::now());
        }
        Ok(())
    }
}
