//! Both indexes of a segment together: how batches enter them, how they come from their files, and how they are made
//! again from the batches where the files cannot be trusted.

use crate::fault::StorageFault;
use crate::names::SegmentFile;
use crate::offset_index::{self, OffsetIndex};
use crate::scan::{Scan, ScanError};
use crate::segment::{IndexState, Segment};
use crate::time_index::{self, TimeEntry, TimeIndex};
use crate::volume::{Volume, read_all};
use model::{Offset, Timestamp, mark};
use protocol::records::BatchHeader;
use runtime::disk::Open;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The indexes of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentIndex {
    pub offsets: OffsetIndex,
    pub times: TimeIndex,
    /// The largest timestamp of all batches so far, and the batch that has it.
    largest: Option<TimeEntry>,
    bytes_since_entry: usize,
}

impl SegmentIndex {
    /// A batch at `position` of the segment that starts at `base_offset` enters, every `interval` bytes with an entry.
    pub fn learn(&mut self, base_offset: Offset, header: &BatchHeader, position: u64, interval: usize) {
        let Ok(relative_offset) = u32::try_from(header.last_offset() - base_offset) else { return };
        let entry = TimeEntry { timestamp: header.max_timestamp, relative_offset };
        // A batch that the cleaner has emptied keeps its time, and has no record with it.
        let has_time = entry.timestamp >= 0 && header.record_count > 0;
        if has_time && self.largest.is_none_or(|largest| largest.timestamp < entry.timestamp) {
            self.largest = Some(entry);
        }
        if self.bytes_since_entry > interval && position > 0 {
            if let Ok(position) = u32::try_from(position) {
                self.offsets.push(relative_offset, position);
            }
            self.close();
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += header.size_in_bytes();
    }

    /// Gives the largest timestamp an entry: when an offset gets one, and when the segment is closed.
    pub fn close(&mut self) {
        if let Some(largest) = self.largest {
            self.times.push_if_larger(largest);
        }
    }

    /// The segment now ends before `relative_offset`. From the position that is given on, its batches are to be learned
    /// again.
    pub fn cut_to(&mut self, relative_offset: i64) -> u64 {
        self.offsets.truncate_to(relative_offset);
        self.times.truncate_to(relative_offset);
        self.largest = self.times.last();
        self.bytes_since_entry = 0;
        self.offsets.last().map_or(0, |(_, position)| u64::from(position))
    }

    /// The largest timestamp so far; -1 when no record has one.
    pub fn largest_timestamp(&self) -> Timestamp {
        self.largest.map_or(-1, |largest| largest.timestamp)
    }

    /// Whether one more entry could make either file larger than `limit` bytes.
    pub fn is_full(&self, limit: usize) -> bool {
        self.offsets.size_in_bytes() + offset_index::ENTRY_BYTES > limit
            || self.times.size_in_bytes() + 2 * time_index::ENTRY_BYTES > limit
    }

    /// Bytes of both files.
    pub fn file_bytes(&self) -> usize {
        self.offsets.size_in_bytes() + self.times.size_in_bytes()
    }

    /// Memory it takes, about.
    fn size_in_bytes(&self) -> usize {
        self.offsets.size_in_bytes() + self.times.size_in_bytes() * 4 / 3 + 128
    }

    /// Writes both files into the page cache.
    pub async fn write(&self, volume: &Volume, directory: &str, base_offset: Offset) -> Result<(), StorageFault> {
        volume.write_new(&SegmentFile::OffsetIndex.path(directory, base_offset), self.offsets.encode()).await?;
        volume.write_new(&SegmentFile::TimeIndex.path(directory, base_offset), self.times.encode()).await?;
        Ok(())
    }

    /// Makes the time index durable: with fewer entries it would hide the last timestamps. The offset index needs no
    /// sync: whatever is left of it, a reader that is led astray finds another way.
    pub async fn sync(volume: &Volume, directory: &str, base_offset: Offset) -> Result<(), StorageFault> {
        let path = SegmentFile::TimeIndex.path(directory, base_offset);
        volume.sync_file(&volume.open(&path, Open::Existing).await?, &path).await
    }
}

/// What helps to load an index: the offset after the segment, where it is known, and the index interval in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadHint {
    pub next_offset: Option<Offset>,
    pub interval: usize,
}

/// Takes the index from its files if they can be trusted, else from the batches.
pub(crate) async fn load(volume: &Volume, segment: &Segment, hint: LoadHint) -> Result<SegmentIndex, StorageFault> {
    match from_files(volume, segment, hint.next_offset).await? {
        Ok(index) => Ok(index),
        Err(reason) => {
            mark!("index rebuilt");
            tracing::info!(segment = segment.path(), "index rebuilt: {reason}");
            rebuild(volume, segment, hint.interval).await
        }
    }
}

async fn from_files(
    volume: &Volume,
    segment: &Segment,
    next_offset: Option<Offset>,
) -> Result<Result<SegmentIndex, String>, StorageFault> {
    let bounds = segment.bounds(next_offset);
    let (directory, base) = (&segment.directory, segment.base_offset);
    let Some(offsets) = read_index(volume, &SegmentFile::OffsetIndex.path(directory, base)).await? else {
        return Ok(Err("there is no offset index".to_owned()));
    };
    let Some(times) = read_index(volume, &SegmentFile::TimeIndex.path(directory, base)).await? else {
        return Ok(Err("there is no time index".to_owned()));
    };
    Ok(OffsetIndex::parse(&offsets, bounds).and_then(|offsets| {
        let times = TimeIndex::parse(&times, bounds)?;
        let largest = times.last();
        // How much was appended since the last entry is not known: the next batch gets one.
        Ok(SegmentIndex { offsets, largest, times, bytes_since_entry: usize::MAX / 2 })
    }))
}

async fn read_index(volume: &Volume, path: &str) -> Result<Option<bytes::Bytes>, StorageFault> {
    match volume.open(path, Open::Read).await {
        Ok(file) => read_all(&file, path).await.map(Some),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Makes the index from the headers of the segment's batches, as far as they follow from one another: who reads on
/// from the last entry finds what is wrong.
pub(crate) async fn rebuild(volume: &Volume, segment: &Segment, interval: usize) -> Result<SegmentIndex, StorageFault> {
    let mut scan = Scan::new(segment.file(volume).await?, segment.path(), 0, segment.length());
    let mut index = SegmentIndex::default();
    let mut next_offset = segment.base_offset;
    loop {
        let scanned = match scan.next_header().await {
            Ok(Some(scanned)) if scanned.header.base_offset >= next_offset => scanned,
            Ok(None) => break,
            Err(ScanError::Fault(fault)) => return Err(fault),
            Ok(Some(_)) | Err(ScanError::NoBatch { .. }) => {
                mark!("index ends at a corrupt batch");
                break;
            }
        };
        index.learn(segment.base_offset, &scanned.header, scanned.position, interval);
        next_offset = scanned.header.next_offset();
    }
    index.close();
    Ok(index)
}

/// Which closed segments have their index in memory; the oldest go when there are too many bytes.
#[derive(Debug)]
pub(crate) struct IndexCache {
    limit: usize,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    bytes: usize,
    oldest_first: VecDeque<(Weak<Segment>, usize)>,
}

impl IndexCache {
    pub fn new(limit: usize) -> IndexCache {
        IndexCache { limit, loaded: Mutex::default() }
    }

    /// Looks something up in the index of `segment`, which is loaded if need be.
    pub async fn look_up<T>(
        &self,
        volume: &Volume,
        segment: &Arc<Segment>,
        hint: LoadHint,
        question: impl Fn(&SegmentIndex) -> T,
    ) -> Result<T, StorageFault> {
        let answer = segment.with_index(|state| match state {
            IndexState::Cached(index) | IndexState::Closed(index) => Some(question(index)),
            IndexState::Live(index) => Some(question(index)),
            IndexState::OnDisk => None,
        });
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let index = Arc::new(load(volume, segment, hint).await?);
        let answer = question(&index);
        let bytes = index.size_in_bytes();
        let stored = segment.with_index(|state| {
            let on_disk = matches!(state, IndexState::OnDisk);
            if on_disk {
                *state = IndexState::Cached(index);
            }
            on_disk
        });
        if stored {
            self.remember(segment, bytes);
        }
        Ok(answer)
    }

    fn remember(&self, segment: &Arc<Segment>, bytes: usize) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.bytes += bytes;
        loaded.oldest_first.push_back((Arc::downgrade(segment), bytes));
        while loaded.bytes > self.limit && loaded.oldest_first.len() > 1 {
            let Some((oldest, bytes)) = loaded.oldest_first.pop_front() else { break };
            loaded.bytes -= bytes;
            if let Some(oldest) = oldest.upgrade() {
                oldest.with_index(|state| {
                    if matches!(state, IndexState::Cached(_)) {
                        *state = IndexState::OnDisk;
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_offset: Offset, size: usize, max_timestamp: Timestamp) -> BatchHeader {
        BatchHeader {
            base_offset,
            length: size as i32 - 12,
            leader_epoch: 0,
            checksum: 0,
            attributes: 0,
            last_offset_delta: 9,
            base_timestamp: 0,
            max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 10,
        }
    }

    #[test]
    fn an_entry_comes_after_more_bytes_than_the_interval() {
        let mut index = SegmentIndex::default();
        for n in 0..10 {
            index.learn(100, &batch(100 + 10 * n, 500, 1000 - n), 500 * n as u64, 1000);
        }
        // After 1,500 bytes: before the batch at 1,500, and so on.
        assert_eq!(index.offsets.lookup(38), 0);
        assert_eq!(index.offsets.lookup(39), 1500);
        assert_eq!(index.offsets.lookup(69), 3000);
        assert_eq!(index.times.last(), Some(TimeEntry { timestamp: 1000, relative_offset: 9 }));
        assert_eq!(index.largest_timestamp(), 1000);
    }

    #[test]
    fn the_largest_timestamp_has_an_entry_once_the_segment_is_closed() {
        let mut index = SegmentIndex::default();
        index.learn(0, &batch(0, 100, 5), 0, 4096);
        index.learn(0, &batch(10, 100, 7), 100, 4096);
        assert_eq!(index.times.last(), None);
        index.close();
        assert_eq!(index.times.last(), Some(TimeEntry { timestamp: 7, relative_offset: 19 }));
    }

    #[test]
    fn a_segment_without_times_has_none() {
        let mut index = SegmentIndex::default();
        index.learn(0, &batch(0, 100, -1), 0, 10);
        index.learn(0, &batch(10, 100, -1), 100, 10);
        index.close();
        assert_eq!((index.times.last(), index.largest_timestamp()), (None, -1));
        assert_eq!(index.offsets.lookup(19), 100);
    }

    #[test]
    fn a_full_index_closes_the_segment() {
        let mut index = SegmentIndex::default();
        assert!(!index.is_full(24) && index.is_full(23));
        index.offsets.push(1, 1);
        index.offsets.push(2, 2);
        assert!(!index.is_full(24));
        index.offsets.push(3, 3);
        assert!(index.is_full(31));
    }
}
