//! A run: appends that go into one segment with one write. Nothing is known to have happened before the write is done;
//! if it fails, the file is cut back to its last good end and nothing was appended.

use super::progress::Place;
use super::{Durable, Log};
use crate::fault::{StorageFault, is_out_of_space};
use crate::journal::{Change, Entry};
use crate::producers::{BatchFacts, BatchKind, Tentative};
use bytes::Bytes;
use model::{Offset, Timestamp, mark, planted};
use protocol::records::BatchHeader;

/// What will be written, and what will be learned once it is.
#[derive(Debug)]
pub(super) struct Run {
    /// Where the log will end.
    pub end: Place,
    /// The largest wall clock of its appends.
    pub now: Timestamp,
    pub tentative: Tentative,
    pieces: Vec<Bytes>,
    /// For each part: its pieces, the offset before it and the place after it.
    parts: Vec<(usize, Offset, Place)>,
    batches: Vec<(BatchHeader, u64)>,
}

impl Run {
    pub fn new(end: Place) -> Run {
        Run { end, now: 0, tentative: Tentative::default(), pieces: Vec::new(), parts: Vec::new(), batches: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes it adds to the segment that had `length`.
    pub fn added_to(&self, length: u64) -> usize {
        (self.end.position - length) as usize
    }

    /// Adds one batch of the part that comes next.
    pub fn push_batch(&mut self, header: BatchHeader) {
        self.batches.push((header, self.end.position));
        self.end.position += header.size_in_bytes() as u64;
        self.end.end_offset = header.next_offset();
    }

    /// Adds the bytes of the batches since the last part, in pieces; the log ended at `before` until then.
    pub fn push_part(&mut self, before: Offset, pieces: impl IntoIterator<Item = Bytes>) {
        let so_far = self.pieces.len();
        self.pieces.extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
        if self.pieces.len() > so_far {
            self.parts.push((self.pieces.len() - so_far, before, self.end));
        }
    }
}

impl Log {
    /// Where the log ends now.
    pub(super) fn place(&self) -> Place {
        self.shared.progress().applied()
    }

    /// Writes `run` and makes it part of the log. On an error nothing of it is.
    pub(super) async fn write(&mut self, mut run: Run) -> Result<(), StorageFault> {
        if run.is_empty() {
            return Ok(());
        }
        if planted!("dedup-before-append") {
            self.producers.commit(std::mem::take(&mut run.tentative));
        }
        let segment = self.shared.active();
        let before = segment.length();
        let volume = &self.core.reading.volume;
        let file = segment.file(volume).await?;
        if self.recovering && planted!("recovery-skips-matching-bytes") && has_bytes(&file, &run.pieces, before).await {
            // The page cache shows them. What is on the disk is another matter.
        } else if let Err(error) = file.write_at(&run.pieces, before).await {
            if is_out_of_space(&error) {
                mark!("append cut back");
                let path = segment.path();
                if let Err(error) = file.set_length(before).await {
                    volume.fail(format!("cut of {path} after a failed write: {error}"));
                }
            }
            return Err(volume.write_failed(&segment.path(), error));
        }
        self.learn(&mut run);
        self.publish(run);
        Ok(())
    }

    /// The bytes are in the file: indexes, epochs and producers hear of them.
    fn learn(&mut self, run: &mut Run) {
        let segment = self.shared.active();
        let interval = self.config.index_interval_bytes;
        segment.with_index(|state| {
            if let crate::segment::IndexState::Live(index) = state {
                for (header, position) in &run.batches {
                    index.learn(segment.base_offset, header, *position, interval);
                }
            }
        });
        self.producers.commit(std::mem::take(&mut run.tentative));
        let new_epoch = self.shared.with_epochs(|epochs| {
            let mut new = false;
            for (header, _) in &run.batches {
                new |= epochs.learn(header.leader_epoch, header.base_offset);
            }
            new
        });
        if new_epoch {
            self.shared.progress().epochs_changed(runtime::time::Instant::now());
        }
        if let Some((first, _)) = run.batches.first().filter(|(_, position)| *position == 0) {
            self.rolling.first_batch(first.max_timestamp);
        }
    }

    /// Readers see the batches, the journal gets its entries, and what is durable now is told.
    fn publish(&mut self, run: Run) {
        let segment = self.shared.active();
        segment.set_length(run.end.position, run.now);
        self.shared.set_log_end_offset(run.end.end_offset);
        let journaled = {
            let mut progress = self.shared.progress();
            progress.applied_to(run.end, runtime::time::Instant::now());
            progress.journaled
        };
        if journaled {
            let mut pieces = run.pieces.into_iter();
            let entries = run.parts.iter().map(|(count, end_before, place)| {
                let batches = pieces.by_ref().take(*count).collect();
                (self.entry(*end_before, place.end_offset, Change::Append(batches)), *place)
            });
            self.core.submit(&self.shared, entries);
        }
        if !journaled || planted!("ack-before-sync") {
            let truncation = self.shared.truncation();
            self.shared.publish_durable(Durable { offset: run.end.end_offset, truncation });
        }
    }

    /// The last journal entry of a log that goes, and where the log is.
    pub(crate) fn drop_entry(&self, change: Change) -> (Entry, Place) {
        let end = self.log_end_offset();
        (self.entry(end, end, change), self.place())
    }

    /// A journal entry of this log.
    pub(super) fn entry(&self, end_before: Offset, end_after: Offset, change: Change) -> Entry {
        let partition = self.shared.topic_partition.partition;
        Entry { topic_id: self.shared.topic_id(), partition, end_before, end_after, change }
    }
}

/// Whether the file already shows `pieces` at `position`.
async fn has_bytes(file: &runtime::disk::File, pieces: &[Bytes], position: u64) -> bool {
    let wanted = pieces.concat();
    let mut found = vec![0; wanted.len()];
    file.read_at(&mut found, position).await.is_ok() && found == wanted
}

/// What the batch tells about its producer; `None` for batches without one, and for control records that are no markers.
pub(crate) fn producer_facts(header: &BatchHeader, batch: &[u8]) -> Option<BatchFacts> {
    if !header.has_producer_id() {
        return None;
    }
    if !header.is_control() {
        return Some(BatchFacts::new(header, BatchKind::Data));
    }
    let coordinator_epoch = crate::control::marker(batch)?.coordinator_epoch;
    Some(BatchFacts::new(header, BatchKind::EndTransaction { coordinator_epoch }))
}
