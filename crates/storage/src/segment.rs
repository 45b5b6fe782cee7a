//! One segment of a log: a file of batches, and what is known about it without reading it again.

use crate::fault::StorageFault;
use crate::names::SegmentFile;
use crate::segment_index::SegmentIndex;
use crate::volume::Volume;
use model::{Offset, Timestamp};
use runtime::disk::{File, Open};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What an index may point to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentBounds {
    /// Bytes in the file.
    pub length: u64,
    /// How many offsets the segment covers, where that is known.
    pub offsets: Option<u64>,
}

impl SegmentBounds {
    /// Whether an offset so far after the base can be in the segment.
    pub fn holds_offset(&self, relative_offset: u32) -> bool {
        match self.offsets {
            Some(offsets) => u64::from(relative_offset) < offsets,
            None => relative_offset <= i32::MAX as u32,
        }
    }
}

/// Where the index of a segment is.
#[derive(Debug)]
pub(crate) enum IndexState {
    /// In its files, not looked at yet.
    OnDisk,
    /// In its files, and in memory for a while.
    Cached(Arc<SegmentIndex>),
    /// In memory, and not in its files yet: of a segment that takes no more appends.
    Closed(Arc<SegmentIndex>),
    /// In memory: of the segment that takes appends.
    Live(SegmentIndex),
}

/// One segment. The owner of the log moves `length` on and cuts it; readers look.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The offset its file is named after. The first batch may start later in a compacted log.
    pub base_offset: Offset,
    /// The partition's directory.
    pub directory: Arc<str>,
    /// Bytes that are batches of the log.
    length: AtomicU64,
    file: Mutex<Option<File>>,
    index: Mutex<IndexState>,
    /// `UNKNOWN` until somebody asked.
    largest_timestamp: AtomicI64,
    /// By the wall clock.
    changed_at: AtomicI64,
}

/// No timestamp is this one.
const UNKNOWN: Timestamp = Timestamp::MIN;

impl Segment {
    /// A segment of a partition's `directory` with so many bytes of batches.
    pub fn new(directory: Arc<str>, base_offset: Offset, length: u64, index: IndexState, now: Timestamp) -> Segment {
        Segment {
            base_offset,
            directory,
            length: AtomicU64::new(length),
            file: Mutex::new(None),
            index: Mutex::new(index),
            largest_timestamp: AtomicI64::new(UNKNOWN),
            changed_at: AtomicI64::new(now),
        }
    }

    /// A segment that has another name still: its file is given, and stays open for as long as `index` is in memory.
    pub fn replacing(
        directory: Arc<str>,
        base_offset: Offset,
        length: u64,
        file: File,
        index: Arc<SegmentIndex>,
        changed_at: Timestamp,
    ) -> Segment {
        let segment = Segment::new(directory, base_offset, length, IndexState::Closed(index), changed_at);
        *segment.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        segment
    }

    /// Its files have their names: they can be opened again when they are needed.
    pub fn is_named(&self) {
        self.with_index(|state| {
            if let IndexState::Closed(index) = state {
                self.set_largest_timestamp(index.largest_timestamp());
                *state = IndexState::OnDisk;
            }
        });
        self.close_file();
    }

    /// The file's path in the log directory.
    pub fn path(&self) -> String {
        SegmentFile::Log.path(&self.directory, self.base_offset)
    }

    /// Bytes that are batches of the log.
    pub fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Publishes a new length: after the bytes are written, or before they are cut.
    pub fn set_length(&self, length: u64, now: Timestamp) {
        self.length.store(length, Ordering::Release);
        self.changed_at.store(now, Ordering::Relaxed);
    }

    /// When it last changed, as far as this process knows.
    pub fn changed_at(&self) -> Timestamp {
        self.changed_at.load(Ordering::Relaxed)
    }

    /// The file, opened when first needed.
    pub async fn file(&self, volume: &Volume) -> Result<File, StorageFault> {
        if let Some(file) = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(file.clone());
        }
        let file = volume.open(&self.path(), Open::Existing).await?;
        Ok(self.file.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(file).clone())
    }

    /// Whether the file is open.
    pub fn is_open(&self) -> bool {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Closes the file, which has nothing that waits for a sync. It is opened again when it is needed.
    pub fn close_file(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The same, but for a file whose bytes may wait for a sync: its handle is the one that hears of a failed write.
    pub fn close_file_if_synced(&self) {
        if self.with_index(|state| matches!(state, IndexState::OnDisk | IndexState::Cached(_))) {
            self.close_file();
        }
    }

    /// The file's length, without keeping it open.
    pub async fn measure(&self, volume: &Volume) -> Result<u64, StorageFault> {
        let path = self.path();
        let file = volume.open(&path, Open::Read).await?;
        file.length().await.map_err(StorageFault::disk(path))
    }

    /// Makes the empty file, over whatever had its name.
    pub async fn create_file(&self, volume: &Volume) -> Result<(), StorageFault> {
        let path = self.path();
        let file = volume.open(&path, Open::OrCreate).await?;
        file.set_length(0).await.map_err(|error| volume.write_failed(&path, error))?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// Runs `work` on the state of the index, which no other task sees meanwhile.
    pub fn with_index<T>(&self, work: impl FnOnce(&mut IndexState) -> T) -> T {
        work(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The segment takes no more appends: its index is whole.
    pub fn close_index(&self) {
        self.with_index(|state| {
            if let IndexState::Live(index) = state {
                index.close();
                *state = IndexState::Closed(Arc::new(std::mem::take(index)));
            }
        });
    }

    /// Writes the index files of a closed segment, if they are not written yet, and forgets what is in memory.
    pub async fn write_index(&self, volume: &Volume) -> Result<(), StorageFault> {
        let closed = self.with_index(|state| match state {
            IndexState::Closed(index) => Some(index.clone()),
            IndexState::OnDisk | IndexState::Cached(_) | IndexState::Live(_) => None,
        });
        let Some(index) = closed else { return Ok(()) };
        index.write(volume, &self.directory, self.base_offset).await?;
        self.with_index(|state| match state {
            // A cut may have opened the segment again.
            IndexState::Closed(still) if Arc::ptr_eq(still, &index) => {
                self.set_largest_timestamp(index.largest_timestamp());
                *state = IndexState::OnDisk;
            }
            _ => {}
        });
        Ok(())
    }

    /// What an index of this segment may point to, when the segment ends before `next_offset`.
    pub fn bounds(&self, next_offset: Option<Offset>) -> SegmentBounds {
        let offsets = next_offset.map(|next| u64::try_from(next - self.base_offset).unwrap_or(0));
        SegmentBounds { length: self.length(), offsets }
    }

    /// The largest timestamp of a record in it, if somebody found out; -1 when no record has one.
    pub fn known_largest_timestamp(&self) -> Option<Timestamp> {
        let live = self.with_index(|index| match index {
            IndexState::Live(index) => Some(index.largest_timestamp()),
            IndexState::Cached(index) | IndexState::Closed(index) => Some(index.largest_timestamp()),
            IndexState::OnDisk => None,
        });
        live.or_else(|| Some(self.largest_timestamp.load(Ordering::Relaxed)).filter(|known| *known != UNKNOWN))
    }

    /// Remembers the largest timestamp of a closed segment.
    pub fn set_largest_timestamp(&self, timestamp: Timestamp) {
        self.largest_timestamp.store(timestamp, Ordering::Relaxed);
    }

    /// Forgets the largest timestamp, after a cut.
    pub fn forget_largest_timestamp(&self) {
        self.largest_timestamp.store(UNKNOWN, Ordering::Relaxed);
    }
}
