//! One batch of a file: whether it is whole and is the next. However long it says it is, no more of it than a chunk is in
//! memory.

use crate::fault::StorageFault;
use crate::log::chain::{Chain, check_epoch};
use model::{LeaderEpoch, Offset};
use protocol::records::{BatchHeader, HEADER_BYTES};
use runtime::disk::File;

/// Read at once.
const CHUNK: usize = 64 << 10;
/// Where in a batch that begins which its checksum covers.
const COVERED_FROM: u64 = 21;

/// What the log's leader epochs say of an offset.
pub(super) type EpochOf<'a> = &'a (dyn Fn(Offset) -> Option<LeaderEpoch> + Sync);

/// A part of a file in memory.
pub(super) struct Window {
    file: File,
    path: String,
    buffer: Vec<u8>,
    from: u64,
    filled: usize,
}

impl Window {
    pub fn new(file: File, path: String) -> Window {
        Window { file, path, buffer: vec![0; CHUNK], from: 0, filled: 0 }
    }

    /// What was read may be wrong: it is read again.
    pub fn forget(&mut self) {
        self.filled = 0;
    }

    /// The bytes from `position` on: `wanted` at least, [`CHUNK`] at most, fewer where the file ends.
    pub async fn bytes(&mut self, position: u64, wanted: usize) -> Result<&[u8], StorageFault> {
        let known = position >= self.from && position + wanted as u64 <= self.from + self.filled as u64;
        if !known {
            self.filled = 0;
            let read = self.file.read_at(&mut self.buffer, position).await;
            self.filled = read.map_err(StorageFault::disk(&self.path))?;
            self.from = position;
        }
        let at = usize::try_from(position - self.from).unwrap_or(usize::MAX);
        Ok(self.buffer[..self.filled].get(at..).unwrap_or_default())
    }

    /// The size of the batch at `position`, if it is whole, ends at or before `end`, and is the next one in `chain`; else
    /// what is wrong.
    pub async fn check(
        &mut self,
        position: u64,
        end: u64,
        chain: &mut Chain,
        epoch_of: EpochOf<'_>,
    ) -> Result<Result<u64, String>, StorageFault> {
        let header = match self.header(position, end).await? {
            Ok(header) => header,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = chain.follow(&header).and_then(|()| check_epoch(&header, epoch_of(header.last_offset()))) {
            return Ok(Err(reason));
        }
        let found = self.checksum(position, &header).await?;
        Ok(match found {
            Some(found) if found == header.checksum => Ok(header.size_in_bytes() as u64),
            Some(found) => Err(format!("the checksum is {found:08x}, and {:08x} was stored", header.checksum)),
            None => Err("the file ends inside the batch".to_owned()),
        })
    }

    /// The header at `position`, of a batch that may end at or before `end`.
    pub async fn header(&mut self, position: u64, end: u64) -> Result<Result<BatchHeader, String>, StorageFault> {
        let left = end - position;
        let bytes = self.bytes(position, HEADER_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX))).await?;
        let there = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(match BatchHeader::parse(&bytes[..there]) {
            Ok(header) if header.size_in_bytes() as u64 > left => {
                Err(format!("{left} bytes are left of a batch of {}", header.size_in_bytes()))
            }
            Ok(header) => Ok(header),
            Err(error) => Err(error.to_string()),
        })
    }

    /// The checksum of the batch's bytes; none when the file ends before it does.
    pub async fn checksum(&mut self, position: u64, header: &BatchHeader) -> Result<Option<u32>, StorageFault> {
        let (mut at, end) = (position + COVERED_FROM, position + header.size_in_bytes() as u64);
        let mut checksum = 0;
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let bytes = self.bytes(at, 1).await?;
            let part = &bytes[..bytes.len().min(left)];
            if part.is_empty() {
                return Ok(None);
            }
            checksum = crc32c::crc32c_append(checksum, part);
            at += part.len() as u64;
        }
        Ok(Some(checksum))
    }
}
