//! What the owner of a log publishes and everybody else reads.

use super::progress::{Capture, Progress};
use super::read_hints::ReadHints;
use super::scrub::Damage;
use super::{Bounds, Durable};
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::fault::StorageFault;
use crate::open_files::OpenFiles;
use crate::read_buffers::ReadBuffers;
use crate::segment::Segment;
use crate::segment_index::{IndexCache, LoadHint};
use crate::volume::Volume;
use arc_swap::ArcSwap;
use model::{LeaderEpoch, Offset, TopicPartition, Uuid};
use runtime::disk::File;
use runtime::sync::watch;
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What every reader of a log directory uses.
#[derive(Debug)]
pub(crate) struct Reading {
    pub volume: Volume,
    pub indexes: IndexCache,
    pub open_files: OpenFiles,
    pub buffers: Arc<ReadBuffers>,
    pub decompressed_batch_bytes: usize,
}

impl Reading {
    /// The file of a segment, for a reader.
    pub async fn file(&self, segment: &Arc<Segment>) -> Result<File, StorageFault> {
        let was_open = segment.is_open();
        let file = segment.file(&self.volume).await?;
        if !was_open {
            self.open_files.opened(segment);
        }
        Ok(file)
    }
}

/// The segments of a log, by base offset. Never empty: the last one takes the appends.
pub(crate) type Segments = Vec<Arc<Segment>>;

/// One log, as others than its owner see it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub topic_partition: TopicPartition,
    /// The partition's directory.
    pub directory: Arc<str>,
    topic_id: Mutex<Uuid>,
    segments: ArcSwap<Segments>,
    log_start_offset: AtomicI64,
    /// What the file of log start offsets should say; may be ahead of what is published.
    start_to_write: AtomicI64,
    log_end_offset: AtomicI64,
    /// Counts the cuts.
    truncation: AtomicU64,
    /// Counts the cuts, and the swaps of cleaned segments: whenever what is at a position of a file changes. Bytes that
    /// were read while it moved may be anything. Odd while the owner publishes such a change.
    layout: AtomicU64,
    high_watermark: AtomicI64,
    /// Below this offset others may be missing: a cleaner was there.
    gaps_below: AtomicI64,
    /// The cleaner has been over all below this offset.
    first_dirty: AtomicI64,
    epochs: Mutex<LeaderEpochs>,
    /// One writer at a time for the epochs' file.
    pub epochs_file: runtime::sync::Mutex<()>,
    pub durable: watch::Sender<Durable>,
    progress: Mutex<Progress>,
    pub hints: ReadHints,
    config: ArcSwap<LogConfig>,
    deleted: AtomicBool,
    /// What is known to be damaged, by the base offset of its segment.
    damage: Mutex<BTreeMap<Offset, Damage>>,
}

/// A consistent look at a log.
#[derive(Debug)]
pub(crate) struct View {
    pub layout: u64,
    pub log_start_offset: Offset,
    pub log_end_offset: Offset,
    pub segments: Arc<Segments>,
}

/// What a log is published with.
#[derive(Debug)]
pub(crate) struct Published {
    pub topic_partition: TopicPartition,
    pub topic_id: Uuid,
    pub directory: Arc<str>,
    pub segments: Segments,
    pub log_start_offset: Offset,
    pub log_end_offset: Offset,
    pub high_watermark: Offset,
    pub gaps_below: Offset,
    pub first_dirty: Offset,
    pub epochs: LeaderEpochs,
    pub progress: Progress,
    pub damage: BTreeMap<Offset, Damage>,
}

impl Shared {
    pub fn new(published: Published) -> Shared {
        let durable = Durable { offset: published.log_end_offset, truncation: 0 };
        Shared {
            topic_partition: published.topic_partition,
            directory: published.directory,
            topic_id: Mutex::new(published.topic_id),
            segments: ArcSwap::from_pointee(published.segments),
            log_start_offset: AtomicI64::new(published.log_start_offset),
            start_to_write: AtomicI64::new(published.log_start_offset),
            log_end_offset: AtomicI64::new(published.log_end_offset),
            truncation: AtomicU64::new(0),
            layout: AtomicU64::new(0),
            high_watermark: AtomicI64::new(published.high_watermark),
            gaps_below: AtomicI64::new(published.gaps_below),
            first_dirty: AtomicI64::new(published.first_dirty),
            epochs: Mutex::new(published.epochs),
            epochs_file: runtime::sync::Mutex::new(()),
            durable: watch::Sender::new(durable),
            progress: Mutex::new(published.progress),
            hints: ReadHints::default(),
            config: ArcSwap::from_pointee(LogConfig::default()),
            deleted: AtomicBool::new(false),
            damage: Mutex::new(published.damage),
        }
    }

    /// A consistent look. What is read with it counts if [`Shared::layout`] is still the same afterwards.
    pub fn view(&self) -> View {
        let view = self.look();
        if view.layout.is_multiple_of(2) && self.layout() == view.layout {
            return view;
        }
        // Half of a change may be what was seen: the owner has it locked until all is published.
        let _owner = self.progress();
        self.look()
    }

    fn look(&self) -> View {
        // First the generation, then what it guards.
        let layout = self.layout();
        let log_start_offset = self.log_start_offset();
        let log_end_offset = self.log_end_offset();
        View { layout, log_start_offset, log_end_offset, segments: self.segments() }
    }

    pub fn bounds(&self) -> Bounds {
        let truncation = self.truncation();
        let view = self.view();
        Bounds {
            log_start_offset: view.log_start_offset,
            log_end_offset: view.log_end_offset,
            truncation,
            leader_epoch: self.with_epochs(|epochs| epochs.latest()),
        }
    }

    pub fn segments(&self) -> Arc<Segments> {
        self.segments.load_full()
    }

    /// The segment that takes the appends.
    pub fn active(&self) -> Arc<Segment> {
        self.segments.load().last().expect("a log always has a segment").clone()
    }

    /// Publishes other segments.
    pub fn set_segments(&self, segments: Segments) {
        assert!(!segments.is_empty(), "a log always has a segment");
        self.segments.store(Arc::new(segments));
    }

    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset.load(Ordering::Acquire)
    }

    pub fn set_log_start_offset(&self, offset: Offset) {
        self.log_start_offset.store(offset, Ordering::Release);
        self.set_start_to_write(offset);
    }

    /// What the file of log start offsets should say.
    pub fn start_to_write(&self) -> Offset {
        self.start_to_write.load(Ordering::Acquire)
    }

    pub fn set_start_to_write(&self, offset: Offset) {
        self.start_to_write.store(offset, Ordering::Release);
    }

    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset.load(Ordering::Acquire)
    }

    /// Publishes a new end, after the segments have it.
    pub fn set_log_end_offset(&self, offset: Offset) {
        self.log_end_offset.store(offset, Ordering::Release);
    }

    pub fn truncation(&self) -> u64 {
        self.truncation.load(Ordering::Acquire)
    }

    /// Counts a cut whose ends are published and whose files are about to change.
    pub fn count_truncation(&self) {
        self.truncation.fetch_add(1, Ordering::AcqRel);
    }

    /// Whenever it moves, what was at a position of a segment's file may be somewhere else.
    pub fn layout(&self) -> u64 {
        self.layout.load(Ordering::Acquire)
    }

    /// Other segments, lengths or ends are about to be published, and then files to change. Nobody gets a look before all
    /// is published and what this gives is gone; no sync begins either.
    pub fn change_layout(&self) -> LayoutChange<'_> {
        let progress = self.progress();
        self.layout.fetch_add(1, Ordering::AcqRel);
        LayoutChange { shared: self, progress }
    }

    pub fn high_watermark(&self) -> Offset {
        self.high_watermark.load(Ordering::Relaxed)
    }

    pub fn set_high_watermark(&self, offset: Offset) {
        self.high_watermark.store(offset, Ordering::Relaxed);
    }

    pub fn gaps_below(&self) -> Offset {
        self.gaps_below.load(Ordering::Relaxed)
    }

    pub fn set_gaps_below(&self, offset: Offset) {
        self.gaps_below.store(offset, Ordering::Relaxed);
    }

    /// Where the cleaner will go on: below it no key is there twice.
    pub fn first_dirty(&self) -> Offset {
        self.first_dirty.load(Ordering::Acquire)
    }

    /// The cleaner has been over all below `offset`.
    pub fn set_first_dirty(&self, offset: Offset) {
        self.first_dirty.store(offset, Ordering::Release);
    }

    /// What is at or above `offset` will be other records, which no cleaner has seen.
    pub fn lower_first_dirty(&self, offset: Offset) {
        self.first_dirty.fetch_min(offset, Ordering::AcqRel);
    }

    pub fn topic_id(&self) -> Uuid {
        *self.topic_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_topic_id(&self, topic_id: Uuid) {
        *self.topic_id.lock().unwrap_or_else(PoisonError::into_inner) = topic_id;
    }

    /// Looks at, or changes, the epochs.
    pub fn with_epochs<T>(&self, work: impl FnOnce(&mut LeaderEpochs) -> T) -> T {
        work(&mut self.epochs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at, or changes, what is known to be damaged.
    pub fn with_damage<T>(&self, work: impl FnOnce(&mut BTreeMap<Offset, Damage>) -> T) -> T {
        work(&mut self.damage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last epoch, or -1.
    pub fn latest_epoch(&self) -> LeaderEpoch {
        self.with_epochs(|epochs| epochs.latest()).unwrap_or(-1)
    }

    /// Locks the progress; never over an await.
    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what a sync that begins now will prove.
    pub fn capture(&self) -> Option<Capture> {
        // Under the lock: the owner changes segments and progress together.
        let mut progress = self.progress();
        let active = self.active();
        progress.capture(&active)
    }

    /// The sync of `capture` proves nothing: all of it waits for the next one.
    pub fn give_up(&self, capture: Capture) {
        let mut progress = self.progress();
        self.give_up_locked(&mut progress, capture);
    }

    /// The same for who has locked the progress.
    pub fn give_up_locked(&self, progress: &mut Progress, capture: Capture) {
        let segments = self.segments();
        progress.give_up(capture, &segments[..segments.len() - 1], Instant::now());
    }

    /// Tells what is durable now, unless a cut made that old news.
    pub fn publish_durable(&self, news: Durable) {
        self.durable.send_if_modified(|durable| {
            let newer = news.truncation == durable.truncation && news.offset > durable.offset;
            if newer {
                durable.offset = news.offset;
            }
            newer
        });
    }

    /// What others than the owner need of the log's config.
    pub fn configure(&self, config: &LogConfig) {
        self.config.store(Arc::new(config.clone()));
    }

    /// Whether what waits for a sync has waited for as long as the config allows.
    pub fn is_sync_due(&self, now: Instant, interval: Duration) -> bool {
        let progress = self.progress();
        let Some((since, records)) = progress.waiting() else { return false };
        let config = self.config.load();
        let flush_ms = u64::try_from(config.flush_ms).unwrap_or(0);
        let longest = interval.min(Duration::from_millis(flush_ms));
        let enough = !progress.journaled && records >= config.flush_messages;
        // Until there is a line, nothing on the disk tells a log that was never journaled from one whose making the journal lost.
        let is_unknown = !progress.journaled && progress.line().is_none();
        enough || is_unknown || progress.has_closed_segments() || now.saturating_duration_since(since) >= longest
    }

    pub fn index_interval(&self) -> usize {
        self.config.load().index_interval_bytes
    }

    pub fn checks_crc(&self) -> bool {
        self.config.load().check_crc_on_read
    }

    /// The settings in use.
    pub fn config(&self) -> Arc<LogConfig> {
        self.config.load_full()
    }

    /// Whether the log was deleted: its files are gone, or going.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    pub fn set_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.load().iter().map(|segment| segment.length()).sum()
    }
}

/// A change of what is at a position of a segment's file, while it is published.
pub(crate) struct LayoutChange<'a> {
    shared: &'a Shared,
    pub progress: MutexGuard<'a, Progress>,
}

impl Drop for LayoutChange<'_> {
    fn drop(&mut self) {
        self.shared.layout.fetch_add(1, Ordering::AcqRel);
    }
}

impl View {
    /// Which segment holds `offset`; `None` below the first.
    pub fn segment_of(&self, offset: Offset) -> Option<usize> {
        self.segments.partition_point(|segment| segment.base_offset <= offset).checked_sub(1)
    }

    /// Where the segment after `at` starts: no batch of `at` ends above it. Without one that takes appends has no such end.
    pub fn ends_by(&self, at: usize) -> Offset {
        self.segments.get(at + 1).map_or(Offset::MAX, |next| next.base_offset)
    }

    /// What helps to load the index of segment `at`.
    pub fn load_hint(&self, at: usize, interval: usize) -> LoadHint {
        let next = self.segments.get(at + 1).map_or(self.log_end_offset, |next| next.base_offset);
        LoadHint { next_offset: Some(next), interval }
    }
}
