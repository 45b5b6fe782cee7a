//! One cleaning of one log: first the map of the last offset of each key in what was never cleaned, then, from the start of
//! the log, group by group, segments in which only those stay. It runs beside the owner of the log and reads what no longer
//! changes; only to swap a group's segments the owner is needed.

use super::group::Group;
use super::key_map::KeyMap;
use super::outcomes::Outcomes;
use super::output::{Output, discard};
use super::retention::{LastOfProducer, Retention};
use super::source::{Piece, Source, Verified, Walk};
use super::{CleanerMemory, CleaningFault, Pace};
use crate::config::LogConfig;
use crate::directory::{BeingCleaned, Core};
use crate::fault::StorageFault;
use crate::log::{Segments, Shared};
use crate::segment::Segment;
use crate::segment_index::SegmentIndex;
use model::{Offset, ProducerId, Timestamp, mark};
use protocol::records::RecordViews;
use runtime::disk::File;
use runtime::task::blocking;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A cleaning that is under way. Dropped before its end, it leaves the log as far as it was swapped.
#[derive(Debug)]
pub struct Cleaning {
    pub(crate) shared: Arc<Shared>,
    pub(crate) core: Arc<Core>,
    config: Arc<LogConfig>,
    memory: CleanerMemory,
    bounds: CleaningBounds,
    /// All segments of the log when it began, and how many of them may be cleaned.
    segments: Segments,
    sources: Vec<Source>,
    last_of_producers: BTreeMap<ProducerId, LastOfProducer>,
    /// None before the map is made, and while it is elsewhere.
    retention: Option<Retention>,
    map_end: Offset,
    /// The next source.
    at: usize,
    summary: CleaningSummary,
    _name: BeingCleaned,
}

/// What a cleaning may touch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CleaningBounds {
    /// Below it no key is there twice.
    pub first_dirty: Offset,
    /// Segments that end at or below it may be cleaned.
    pub limit: Offset,
    /// What is below it never goes away: the high watermark and the last stable offset are not below it.
    pub up_to: Offset,
    /// The wall clock.
    pub now: Timestamp,
    /// How often the log was cut.
    pub truncation: u64,
}

/// What a cleaning has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleaningSummary {
    /// Below this offset each key is there once; what was cleaned before began where the log did.
    pub cleaned_to: Offset,
    /// Keys that were found in what was never cleaned.
    pub keys: usize,
    /// Memory that the map of keys took, in bytes.
    pub map_bytes: usize,
    /// The map had no room for all keys: there is more to clean.
    pub is_full: bool,
    /// Bytes that were read.
    pub read: u64,
    /// Bytes that were written.
    pub written: u64,
}

/// A segment that takes the place of those that it was made of, once the log's owner lets it.
#[derive(Debug)]
pub struct Cleaned {
    pub(crate) sources: Vec<Arc<Segment>>,
    pub(crate) base_offset: Offset,
    pub(crate) length: u64,
    pub(crate) file: File,
    pub(crate) index: SegmentIndex,
    pub(crate) truncation: u64,
}

/// What one piece of a dirty segment led to.
enum Mapped {
    On,
    /// What comes next is not to be cleaned now.
    Stop,
    /// How the next transaction ended must be known.
    Transaction,
}

impl Cleaning {
    pub(crate) fn new(
        (shared, core): (Arc<Shared>, Arc<Core>),
        memory: CleanerMemory,
        bounds: CleaningBounds,
        last_of_producers: BTreeMap<ProducerId, LastOfProducer>,
        name: BeingCleaned,
    ) -> Cleaning {
        let segments = shared.segments().to_vec();
        let start = shared.log_start_offset();
        let pairs = segments.windows(2).map(|pair| (pair[0].clone(), pair[1].base_offset));
        let mine = pairs.filter(|(_, end)| *end > start).take_while(|(_, end)| *end <= bounds.limit);
        let sources = mine.map(|(segment, end_offset)| Source { segment, end_offset }).collect();
        Cleaning {
            config: shared.config(),
            shared,
            core,
            memory,
            bounds,
            segments,
            sources,
            last_of_producers,
            retention: None,
            map_end: bounds.first_dirty,
            at: 0,
            summary: CleaningSummary::default(),
            _name: name,
        }
    }

    /// Goes on to the next segment that should take the place of others, for [`Log::swap`](crate::Log::swap). None when
    /// there are no more: then [`Log::end_cleaning`](crate::Log::end_cleaning) should hear of it.
    ///
    /// # Errors
    /// See [`CleaningFault`]. The log is as good as before; the cleaning must be dropped.
    pub async fn next(&mut self, pace: &Pace) -> Result<Option<Cleaned>, CleaningFault> {
        let result = self.next_group(pace).await;
        // What was read while the log was cut or deleted may be anything.
        match self.check_current() {
            Ok(()) => result,
            Err(abandoned) if result.is_err() => Err(abandoned),
            Err(_) => result,
        }
    }

    /// What was done so far.
    pub fn summary(&self) -> CleaningSummary {
        self.summary
    }

    pub(crate) fn bounds(&self) -> CleaningBounds {
        self.bounds
    }

    /// Makes durable how far the log is cleaned, after [`Log::end_cleaning`](crate::Log::end_cleaning).
    ///
    /// # Errors
    /// The disk refused: after a restart the same is cleaned again.
    pub async fn save(self) -> Result<(), StorageFault> {
        self.core.checkpoints.write_cleaned(&self.core).await
    }

    fn check_current(&self) -> Result<(), CleaningFault> {
        let is_current = !self.shared.is_deleted() && self.shared.truncation() == self.bounds.truncation;
        if is_current { Ok(()) } else { Err(CleaningFault::Abandoned) }
    }

    async fn next_group(&mut self, pace: &Pace) -> Result<Option<Cleaned>, CleaningFault> {
        if self.retention.is_none() {
            // That offsets may be missing here is known to the next start, whatever it is told of the topic's policy.
            self.core.checkpoints.write_cleaned(&self.core).await?;
            self.make_map(pace).await?;
        }
        while self.at < self.sources.len() && self.sources[self.at].segment.base_offset < self.map_end {
            self.check_current()?;
            if let Some(cleaned) = self.clean_group(pace).await? {
                return Ok(Some(cleaned));
            }
        }
        Ok(None)
    }

    async fn make_map(&mut self, pace: &Pace) -> Result<(), CleaningFault> {
        let bounds = self.bounds;
        self.retention = Some(Retention {
            map: KeyMap::new(self.memory.map_bytes, self.memory.load_factor),
            map_end: bounds.first_dirty,
            outcomes: Outcomes::default(),
            last_of_producers: std::mem::take(&mut self.last_of_producers),
            now: bounds.now,
            delete_retention_ms: self.config.delete_retention_ms,
            decompressed_limit: self.core.options.decompressed_batch_bytes,
            with_records: BTreeSet::new(),
        });
        let dirty = self.sources.partition_point(|source| source.end_offset <= bounds.first_dirty);
        let mut goes_on = true;
        for at in dirty..self.sources.len() {
            goes_on = self.map_source(at, pace).await?;
            if !goes_on {
                break;
            }
        }
        let retention = self.retention.as_mut().expect("given back");
        if goes_on && let Some(last) = self.sources.last() {
            retention.map_end = retention.map_end.max(last.end_offset);
        }
        self.map_end = retention.map_end;
        self.summary.keys = retention.map.len();
        self.summary.map_bytes = retention.map.size_in_bytes();
        self.summary.cleaned_to = self.map_end;
        Ok(())
    }

    /// Puts the keys of a source into the map. Says whether those of the next one are wanted, too.
    async fn map_source(&mut self, at: usize, pace: &Pace) -> Result<bool, CleaningFault> {
        let mut piece = self.piece(at).await?;
        loop {
            let Some(read) = piece.read().await? else { return Ok(true) };
            self.summary.read += read;
            let mut retention = self.retention.take().expect("given back");
            let bounds = self.bounds;
            let (mapped, retention, given_back) = blocking(move || {
                let mapped = map_piece(&mut retention, &mut piece, bounds);
                (mapped, retention, piece)
            })
            .await;
            (self.retention, piece) = (Some(retention), given_back);
            pace.spent(read).await;
            match mapped? {
                (Mapped::On, _) => {}
                (Mapped::Stop, is_full) => {
                    self.summary.is_full = is_full;
                    return Ok(false);
                }
                (Mapped::Transaction, _) => self.learn_outcomes(at, piece.position, pace).await?,
            }
        }
    }

    async fn learn_outcomes(&mut self, at: usize, position: u64, pace: &Pace) -> Result<(), CleaningFault> {
        let first = &self.sources[at].segment;
        let from =
            self.segments.iter().position(|segment| Arc::ptr_eq(segment, first)).expect("a source is one of them");
        let segments = self.segments[from..].to_vec();
        let volume = &self.core.reading.volume;
        let outcomes = Outcomes::look(volume, &segments, position, self.bounds.up_to, pace).await?;
        self.retention.as_mut().expect("given back").outcomes = outcomes;
        Ok(())
    }

    async fn piece(&self, at: usize) -> Result<Piece, StorageFault> {
        let epochs = self.shared.with_epochs(|epochs| epochs.clone());
        Piece::before(&self.core.reading.volume, &self.sources[at], self.memory.io_bytes, epochs).await
    }

    /// Cleans the next sources that fit into one segment; none when nothing would change.
    async fn clean_group(&mut self, pace: &Pace) -> Result<Option<Cleaned>, CleaningFault> {
        let group = Group::new(&self.sources[self.at], &self.config);
        let base_offset = group.base_offset;
        let result = self.clean_into(group, pace).await;
        if result.is_err() {
            discard(&self.core.reading.volume, &self.shared.directory, base_offset).await;
        }
        result
    }

    async fn clean_into(&mut self, mut group: Group, pace: &Pace) -> Result<Option<Cleaned>, CleaningFault> {
        let core = self.core.clone();
        let shared = self.shared.clone();
        let mut output = Output::new(&core.reading.volume, &shared.directory, group.base_offset);
        loop {
            group = self.clean_source(group, &mut output, pace).await?;
            self.at += 1;
            let next = self.sources.get(self.at).filter(|next| next.segment.base_offset < self.map_end);
            match next {
                Some(next) if group.may_join(next, &self.config) => group.join(next),
                _ => break,
            }
        }
        group.close();
        if !group.is_changed {
            mark!("the cleaner leaves a segment as it is");
            return Ok(None);
        }
        output.write(&mut group, pace).await?;
        let file = output.finish(&group.index).await?;
        self.summary.written += group.length;
        Ok(Some(Cleaned {
            sources: group.sources,
            base_offset: group.base_offset,
            length: group.length,
            file,
            index: group.index,
            truncation: self.bounds.truncation,
        }))
    }

    async fn clean_source(
        &mut self,
        mut group: Group,
        output: &mut Output<'_>,
        pace: &Pace,
    ) -> Result<Group, CleaningFault> {
        let mut piece = self.piece(self.at).await?;
        loop {
            let Some(read) = piece.read().await? else { return Ok(group) };
            self.summary.read += read;
            let mut retention = self.retention.take().expect("given back");
            let (fed, retention, given_back) = blocking(move || {
                let fed = piece.walk(|batch, left| group.feed(&mut retention, batch, left).map(|()| Walk::On));
                (fed.map(|_| group), retention, piece)
            })
            .await;
            (self.retention, piece) = (Some(retention), given_back);
            pace.spent(read).await;
            group = fed?;
            if group.unwritten.len() >= self.memory.io_bytes {
                output.write(&mut group, pace).await?;
            }
        }
    }
}

/// Puts the keys in a piece of a dirty segment into the map. Says beside what comes next whether the map is full.
fn map_piece(
    retention: &mut Retention,
    piece: &mut Piece,
    bounds: CleaningBounds,
) -> Result<(Mapped, bool), CleaningFault> {
    let (mut mapped, mut is_full) = (Mapped::On, false);
    piece.walk(|batch, _| {
        let header = batch.0.header;
        let is_open = header.is_transactional() && !header.is_control() && header.next_offset() > bounds.first_dirty;
        if is_open && header.base_offset >= retention.outcomes.known_to {
            let is_known = retention.outcomes.known_to > Offset::MIN;
            mapped = if is_known { Mapped::Stop } else { Mapped::Transaction };
            return Ok(Walk::Stop);
        }
        match map_batch(retention, batch, bounds)? {
            true => Ok(Walk::On),
            false => {
                (mapped, is_full) = (Mapped::Stop, true);
                Ok(Walk::Stop)
            }
        }
    })?;
    Ok((mapped, is_full))
}

/// Puts the keys of a batch into the map; says no when there was no room for all.
fn map_batch(retention: &mut Retention, batch: Verified<'_>, bounds: CleaningBounds) -> Result<bool, String> {
    let Verified(batch) = batch;
    let header = batch.header;
    let is_aborted = || retention.outcomes.is_aborted(header.producer_id, header.base_offset);
    if header.record_count > 0 && !header.is_control() && !(header.is_transactional() && is_aborted()) {
        let payload = batch.decompressed(retention.decompressed_limit).map_err(|error| error.to_string())?;
        for record in RecordViews::new(&payload, header.record_count) {
            let record = record.map_err(|error| error.to_string())?;
            let offset = header.base_offset + i64::from(record.offset_delta);
            let Some(key) = record.key.filter(|_| offset >= bounds.first_dirty) else { continue };
            if !retention.map.insert(key, offset) {
                retention.map_end = retention.map_end.max(offset);
                return Ok(false);
            }
        }
    }
    retention.map_end = retention.map_end.max(header.next_offset());
    Ok(true)
}
