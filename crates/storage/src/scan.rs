//! Walking the batches of a segment file in order, without holding more of it than one batch or one chunk.

use crate::fault::StorageFault;
use model::Offset;
use protocol::records::{BatchHeader, HEADER_BYTES};
use runtime::disk::File;

/// Read at once where batches are small or wanted whole.
const CHUNK: usize = 64 << 10;
/// Read at once where only headers are wanted and batches are larger than [`LARGE_BATCH`].
const HEADER_CHUNK: usize = 128;
const LARGE_BATCH: usize = 8 << 10;

/// A batch's header and where the batch starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned {
    pub position: u64,
    pub header: BatchHeader,
}

impl Scanned {
    /// Where the batch ends.
    pub fn end_position(&self) -> u64 {
        self.position + self.header.size_in_bytes() as u64
    }
}

/// Why a scan cannot go on.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// What is there is no whole batch.
    NoBatch { position: u64, reason: String },
    /// The disk refused.
    Fault(StorageFault),
}

impl ScanError {
    /// As a fault of the file at `path`, where every byte should be part of a batch.
    pub fn into_fault(self, path: &str) -> StorageFault {
        match self {
            ScanError::NoBatch { position, reason } => StorageFault::corrupt(path, format!("at {position}: {reason}")),
            ScanError::Fault(fault) => fault,
        }
    }
}

/// A walk over the batches between two positions of a file.
pub(crate) struct Scan {
    file: File,
    path: String,
    /// Of the next batch.
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Where in the file the buffer starts, and how much of it was read.
    buffered_from: u64,
    buffered: usize,
    last_size: usize,
}

impl Scan {
    /// Starts at `from`, which is the start of a batch, and ends at `end`.
    pub fn new(file: File, path: String, from: u64, end: u64) -> Scan {
        Scan { file, path, position: from, end, buffer: Vec::new(), buffered_from: from, buffered: 0, last_size: 0 }
    }

    /// Where the next batch starts: everything before it was whole.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next batch's header; `None` at the end. Only the header is looked at.
    pub async fn next_header(&mut self) -> Result<Option<Scanned>, ScanError> {
        let chunk = if self.last_size > LARGE_BATCH { HEADER_CHUNK } else { CHUNK };
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        let left = self.end - position;
        let from = self.fill(position, HEADER_BYTES, chunk).await?;
        let no_batch = |reason| ScanError::NoBatch { position, reason };
        let there = (self.buffered - from).min(usize::try_from(left).unwrap_or(usize::MAX));
        let header = BatchHeader::parse(&self.buffer[from..from + there]).map_err(|e| no_batch(e.to_string()))?;
        if header.size_in_bytes() as u64 > left {
            return Err(no_batch(format!("{} bytes are left of a batch of {}", left, header.size_in_bytes())));
        }
        check_offsets(&header).map_err(no_batch)?;
        self.last_size = header.size_in_bytes();
        let scanned = Scanned { position, header };
        self.position = scanned.end_position();
        Ok(Some(scanned))
    }

    /// The bytes of a batch that this scan gave last.
    pub async fn bytes_of(&mut self, scanned: &Scanned) -> Result<&[u8], ScanError> {
        let size = scanned.header.size_in_bytes();
        let from = self.fill(scanned.position, size, CHUNK.max(size)).await?;
        self.buffer[..self.buffered].get(from..from + size).ok_or_else(|| ScanError::NoBatch {
            position: scanned.position,
            reason: "the file ends inside the batch".to_owned(),
        })
    }

    /// Makes sure that `needed` bytes from `position` on are in the buffer, as far as the file has them, reading
    /// `chunk` if not. Gives where in the buffer they start.
    async fn fill(&mut self, position: u64, needed: usize, chunk: usize) -> Result<usize, ScanError> {
        let from = usize::try_from(position.wrapping_sub(self.buffered_from)).unwrap_or(usize::MAX);
        if from <= self.buffered && self.buffered - from >= needed {
            return Ok(from);
        }
        let left = usize::try_from(self.end - position).unwrap_or(usize::MAX);
        let wanted = chunk.max(needed).min(left);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        self.buffered = 0;
        let read = self.file.read_at(&mut self.buffer[..wanted], position).await;
        self.buffered =
            read.map_err(|error| ScanError::Fault(StorageFault::Disk { path: self.path.clone(), error }))?;
        self.buffered_from = position;
        Ok(0)
    }
}

/// Offsets that a writer cannot have meant.
pub(crate) fn check_offsets(header: &BatchHeader) -> Result<(), String> {
    let spans = header.last_offset_delta >= 0 && header.base_offset >= 0;
    if !spans || header.base_offset > Offset::MAX - i64::from(i32::MAX) - 1 {
        return Err(format!("offsets {} + {}", header.base_offset, header.last_offset_delta));
    }
    Ok(())
}
