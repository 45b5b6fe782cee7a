//! Reading a segment to clean it: large pieces, whole batches, each of them checked as a reader would. What rot has changed
//! must not get a new place in a new file.

use super::CleaningFault;
use crate::LeaderEpochs;
use crate::fault::StorageFault;
use crate::log::{Chain, check_epoch};
use crate::segment::Segment;
use crate::volume::Volume;
use model::{LeaderEpoch, Offset};
use protocol::records::{BatchError, BatchView};
use runtime::disk::File;
use std::sync::Arc;

/// Read at once, at least.
const SMALLEST: usize = 4 << 10;

/// A segment, and the offset after its last.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub segment: Arc<Segment>,
    pub end_offset: Offset,
}

/// A batch that is whole and comes where it should.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verified<'a>(pub BatchView<'a>);

/// A piece of a segment in memory.
#[derive(Debug)]
pub(super) struct Piece {
    file: File,
    path: String,
    /// Where the piece begins, and where the segment ends.
    pub position: u64,
    end: u64,
    bytes: Vec<u8>,
    /// So many of them are what comes next.
    filled: usize,
    /// Bytes to read at once; more where a batch is larger.
    size: usize,
    chain: Chain,
    epochs: LeaderEpochs,
}

/// Whether a walk through a piece goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    On,
    Stop,
}

impl Piece {
    /// Nothing of `source` is read yet.
    pub async fn before(
        volume: &Volume,
        source: &Source,
        size: usize,
        epochs: LeaderEpochs,
    ) -> Result<Piece, StorageFault> {
        let segment = &source.segment;
        let chain = Chain {
            next_offset: Some(segment.base_offset),
            leader_epoch: LeaderEpoch::MIN,
            gaps_below: Offset::MAX, // another cleaner may have been there
            ends_by: source.end_offset,
        };
        Ok(Piece {
            file: segment.file(volume).await?,
            path: segment.path(),
            position: 0,
            end: segment.length(),
            bytes: Vec::new(),
            filled: 0,
            size: size.max(SMALLEST),
            chain,
            epochs,
        })
    }

    /// Reads the next piece. Says how many bytes were read for it; none at the end.
    pub async fn read(&mut self) -> Result<Option<u64>, CleaningFault> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let wanted = self.size.min(left).max(self.filled);
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        }
        let (from, missing) = (self.position + self.filled as u64, wanted - self.filled);
        if missing > 0 {
            let read = self.file.read_at(&mut self.bytes[self.filled..wanted], from).await;
            if read.map_err(StorageFault::disk(&self.path))? < missing {
                return Err(self.corrupt("the file is shorter than it was"));
            }
        }
        self.filled = wanted;
        Ok(Some(missing as u64))
    }

    /// Gives the whole batches of the piece to `work`, with the bytes of the segment that come after each, until that stops
    /// it. The next piece begins after the last one that it was given and did not stop at.
    pub fn walk(
        &mut self,
        mut work: impl FnMut(Verified<'_>, u64) -> Result<Walk, String>,
    ) -> Result<Walk, CleaningFault> {
        let bytes = std::mem::take(&mut self.bytes);
        let walked = self.walk_in(&bytes[..self.filled], &mut work);
        self.bytes = bytes;
        let (done, walk) = walked?;
        self.position += done as u64;
        self.bytes.copy_within(done..self.filled, 0);
        self.filled -= done;
        Ok(walk)
    }

    fn walk_in(
        &mut self,
        bytes: &[u8],
        work: &mut impl FnMut(Verified<'_>, u64) -> Result<Walk, String>,
    ) -> Result<(usize, Walk), CleaningFault> {
        let mut done = 0;
        while done < bytes.len() {
            let batch = match BatchView::parse(&bytes[done..]) {
                Ok(batch) => batch,
                Err(BatchError::Cut { needed, .. }) if self.end - self.position - (done as u64) >= needed as u64 => {
                    self.size = self.size.max(needed);
                    break;
                }
                Err(error) => return Err(self.corrupt(&error.to_string())),
            };
            let before = self.chain;
            self.verify(&batch).map_err(|reason| self.corrupt(&reason))?;
            let left = self.end - self.position - (done + batch.bytes.len()) as u64;
            if work(Verified(batch), left).map_err(|reason| self.corrupt(&reason))? == Walk::Stop {
                self.chain = before;
                return Ok((done, Walk::Stop));
            }
            done += batch.bytes.len();
        }
        Ok((done, Walk::On))
    }

    fn verify(&mut self, batch: &BatchView<'_>) -> Result<(), String> {
        batch.check_crc().map_err(|error| error.to_string())?;
        self.chain.follow(&batch.header)?;
        check_epoch(&batch.header, self.epochs.epoch_of(batch.header.last_offset()))
    }

    /// What comes next is not what was written.
    fn corrupt(&self, reason: &str) -> CleaningFault {
        CleaningFault::Corrupt {
            offset: self.chain.next_offset.unwrap_or(0),
            reason: format!("{} after {}: {reason}", self.path, self.position),
        }
    }
}
