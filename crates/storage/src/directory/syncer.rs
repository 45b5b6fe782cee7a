//! Syncing segments in the background, and moving the checkpoint and the journal's tail after them.

use super::Core;
use crate::fault::StorageFault;
use crate::log::{Capture, Shared, write_epochs};
use crate::segment::Segment;
use crate::segment_index::SegmentIndex;
use crate::volume::join;
use model::{mark, planted};
use runtime::disk::Open;
use runtime::sync::Notify;
use runtime::time::{Duration, Instant};
use std::sync::{Arc, Weak};

/// Syncs that run at the same time.
const CONCURRENT: usize = 8;
/// Logs that share one write of the checkpoint.
const CHUNK: usize = 1024;

/// Which logs a syncer syncs. Those that are not journaled may have left very much for later: what is synced then keeps nobody
/// waiting, and the journal, for whose room others wait, must not be emptied behind it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Journaled,
    PageCache,
}

/// Syncs what is due of a kind, for as long as the directory is open.
pub(super) async fn run(core: Weak<Core>, kind: Kind, news: Arc<Notify>, pause: Duration) {
    loop {
        // The core is not held meanwhile, so that the directory can be dropped.
        runtime::sync::select! {
            biased;
            () = news.notified() => {}
            () = runtime::time::sleep(pause) => {}
        }
        let Some(open) = core.upgrade() else { return };
        if open.reading.volume.check().is_err() {
            continue;
        }
        let synced = match kind {
            Kind::Journaled => open.sync_journaled().await,
            Kind::PageCache => open.sync_page_cache().await,
        };
        if let Err(fault) = synced {
            tracing::warn!("segments are not synced: {fault}");
        }
    }
}

/// Whether one syncer does everything.
fn is_one_for_all() -> bool {
    planted!("the journal waits for the page cache")
}

impl Core {
    async fn sync_page_cache(self: &Arc<Self>) -> Result<(), StorageFault> {
        let due = self.due(|log| !log.progress().journaled);
        if due.is_empty() || is_one_for_all() { Ok(()) } else { self.sync_logs(due).await }
    }

    /// The logs of a kind that have waited long enough.
    fn due(&self, is_of_kind: impl Fn(&Shared) -> bool) -> Vec<Arc<Shared>> {
        let now = Instant::now();
        let mut due: Vec<Arc<Shared>> = self.logs();
        due.retain(|log| is_of_kind(log) && log.is_sync_due(now, self.options.sync_interval));
        due
    }

    /// Syncs what has waited long enough, and while the journal is half full the logs that hold its oldest groups.
    async fn sync_journaled(self: &Arc<Self>) -> Result<(), StorageFault> {
        let due = self.due(|log| log.progress().journaled || is_one_for_all());
        if !due.is_empty() || !self.dropped().is_empty() {
            self.sync_logs(due).await?;
        }
        let mut before = Vec::new();
        while self.is_journal_half_full() {
            mark!("journal half full");
            // Before the look: news that come meanwhile bring us back.
            self.await_news();
            let (first, mut holding): (Vec<u64>, Vec<Arc<Shared>>) = self.holding_the_journal().into_iter().unzip();
            // One pass may free no file, where others hold it too. Where it covers nothing, entries that are not durable
            // yet hold the journal.
            if first == before {
                break;
            }
            holding.truncate(holding.len().div_ceil(2));
            self.sync_logs(holding).await?;
            before = first;
        }
        Ok(())
    }

    /// The logs with uncovered entries, and the group of the oldest of each; the oldest first.
    fn holding_the_journal(&self) -> Vec<(u64, Arc<Shared>)> {
        let mut holding: Vec<(u64, Arc<Shared>)> = Vec::new();
        for log in self.logs() {
            let first = log.progress().first_uncovered();
            holding.extend(first.map(|first| (first, log)));
        }
        holding.sort_by_key(|(first, _)| *first);
        holding
    }

    async fn sync_logs(self: &Arc<Self>, logs: Vec<Arc<Shared>>) -> Result<(), StorageFault> {
        if logs.is_empty() {
            return self.checkpoints.cover(self, Vec::new()).await;
        }
        for chunk in logs.chunks(CHUNK) {
            let captures: Vec<(Arc<Shared>, Capture)> =
                chunk.iter().filter_map(|log| Some((log.clone(), log.capture()?))).collect();
            let synced = self.sync_captures(captures).await;
            self.checkpoints.cover(self, synced).await?;
        }
        Ok(())
    }

    /// Syncs the files of all `captures`, some at a time; those that could not be synced are given up.
    async fn sync_captures(self: &Arc<Self>, captures: Vec<(Arc<Shared>, Capture)>) -> Vec<(Arc<Shared>, Capture)> {
        let mut waiting = captures.into_iter();
        let mut running = std::collections::VecDeque::new();
        let mut synced = Vec::new();
        loop {
            while running.len() < CONCURRENT
                && let Some((shared, capture)) = waiting.next()
            {
                let core = self.clone();
                running.push_back(runtime::task::spawn("sync one log", async move {
                    let result = core.sync_capture(&shared, &capture).await;
                    (shared, capture, result)
                }));
            }
            let Some(task) = running.pop_front() else { return synced };
            match task.await {
                Ok((shared, capture, Ok(()))) => synced.push((shared, capture)),
                Ok((shared, capture, Err(fault))) => {
                    tracing::warn!(log = %shared.topic_partition, "not synced: {fault}");
                    shared.give_up(capture);
                }
                Err(error) => self.reading.volume.fail(format!("a sync task ended: {error}")),
            }
        }
    }

    /// Makes durable what `capture` will prove: segments with their indexes, epochs, names. Producer snapshots need
    /// no sync: they have a CRC, and can be made again from the batches.
    pub async fn sync_capture(&self, shared: &Arc<Shared>, capture: &Capture) -> Result<(), StorageFault> {
        if planted!("recovery-point-before-flush") {
            return Ok(());
        }
        let (active, closed) = capture.segments.split_last().expect("a capture has the last segment");
        for segment in closed {
            match self.sync_closed(segment).await {
                // Retention was faster.
                Err(fault) if fault.is_not_found() && !is_part_of(shared, segment) => {}
                result => result?,
            }
        }
        let volume = &self.reading.volume;
        volume.sync_file(&active.file(volume).await?, &active.path()).await?;
        if capture.identity && !shared.topic_id().is_zero() {
            let path = join(&shared.directory, crate::partition_metadata::FILE);
            volume.sync_file(&volume.open(&path, Open::Existing).await?, &path).await?;
        }
        if capture.epochs {
            write_epochs(self, shared).await?;
        }
        if capture.names {
            volume.sync_directory(&shared.directory).await?;
        }
        Ok(())
    }

    async fn sync_closed(&self, segment: &Segment) -> Result<(), StorageFault> {
        let volume = &self.reading.volume;
        segment.write_index(volume).await?;
        volume.sync_file(&segment.file(volume).await?, &segment.path()).await?;
        SegmentIndex::sync(volume, &segment.directory, segment.base_offset).await?;
        segment.close_file_if_synced();
        Ok(())
    }
}

fn is_part_of(shared: &Shared, segment: &Arc<Segment>) -> bool {
    shared.segments().iter().any(|part| Arc::ptr_eq(part, segment))
}
