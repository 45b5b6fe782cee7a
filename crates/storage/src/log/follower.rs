//! Appends of a follower: batches with the offsets and epochs that their leader gave them.

use super::run::{Run, producer_facts};
use super::{Appended, Chain, Log};
use crate::fault::{AppendError, StorageFault};
use crate::producers::{Tentative, Verdict};
use bytes::Bytes;
use model::{ErrorCode, LeaderEpoch, Offset, Timestamp, mark, planted};
use protocol::records::{BatchHeader, BatchView};

impl Log {
    /// Appends what a fetch from the leader brought: whole batches, offsets growing from the log end on. Sequences are
    /// not checked, the leader did that. `None` when there was nothing.
    ///
    /// # Errors
    /// The batches do not follow the log (nothing is appended), the disk is full, or the directory failed. Batches
    /// before an error may have been appended.
    pub async fn append_follower(&mut self, records: Bytes, now: Timestamp) -> Result<Option<Appended>, AppendError> {
        self.get_ready().await?;
        let headers = self.check_follower(&records, self.last_batch_epoch())?;
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return Ok(None) };
        let max_timestamp = headers.iter().map(|header| header.max_timestamp).max().unwrap_or(-1);
        let appended = Appended {
            base_offset: first.base_offset,
            last_offset: last.last_offset(),
            max_timestamp,
            duplicate: false,
        };
        match self.append_batches(headers, &records, now).await {
            Ok(()) => Ok(Some(appended)),
            Err(fault) => Err(self.append_error(&fault)),
        }
    }

    /// Appends whole batches as they are, which were checked to follow the log. Rolls between them where it is due.
    pub(super) async fn append_batches(
        &mut self,
        headers: Vec<BatchHeader>,
        records: &Bytes,
        now: Timestamp,
    ) -> Result<(), StorageFault> {
        self.allow_gaps(&headers);
        let mut run = Run::new(self.place());
        let (mut part_from, mut at, mut before) = (0, 0, run.end.end_offset);
        for header in headers {
            let size = header.size_in_bytes();
            if self.is_roll_due(&run, size, header.last_offset(), header.max_timestamp, now) {
                run.push_part(before, [records.slice(part_from..at)]);
                self.write(run).await?;
                self.roll(now).await?;
                run = Run::new(self.place());
                (part_from, before) = (at, run.end.end_offset);
            }
            let facts = producer_facts(&header, &records[at..at + size]);
            if let Some(facts) = facts.filter(|_| !planted!("followers-know-no-producers")) {
                self.producers.prepare(&mut run.tentative, &facts, now);
            }
            run.push_batch(header);
            run.now = now;
            at += size;
        }
        run.push_part(before, [records.slice(part_from..at)]);
        self.write(run).await
    }

    /// The batches' headers, if they follow the log, the last batch of which has `leader_epoch`.
    pub(super) fn check_follower(
        &self,
        records: &Bytes,
        leader_epoch: LeaderEpoch,
    ) -> Result<Vec<BatchHeader>, AppendError> {
        let refuse = |reason: String| AppendError::outcome(ErrorCode::CorruptMessage, reason);
        let mut chain = Chain {
            next_offset: Some(self.log_end_offset()),
            leader_epoch,
            gaps_below: Offset::MAX,
            ends_by: Offset::MAX,
        };
        let mut headers = Vec::new();
        let mut rest = &records[..];
        while !rest.is_empty() {
            let batch = BatchView::parse(rest).map_err(|error| refuse(error.to_string()))?;
            chain.follow(&batch.header).map_err(refuse)?;
            if planted!("followers-check-sequences") && self.is_out_of_sequence(&batch) {
                return Err(refuse("a sequence that a client could not send now".to_owned()));
            }
            headers.push(batch.header);
            rest = &rest[batch.bytes.len()..];
        }
        Ok(headers)
    }

    /// What the leader judges, and it alone: it may know more of a producer, or less, than this replica does.
    fn is_out_of_sequence(&self, batch: &BatchView<'_>) -> bool {
        let facts = producer_facts(&batch.header, batch.bytes);
        facts.is_some_and(|facts| {
            matches!(self.producers.check(&Tentative::default(), &facts, true), Verdict::Refused { .. })
        })
    }

    /// The epoch of the last batch in the log, or -1.
    fn last_batch_epoch(&self) -> LeaderEpoch {
        let last = self.log_end_offset() - 1;
        self.shared.with_epochs(|epochs| epochs.epoch_of(last)).unwrap_or(-1)
    }

    /// Where the leader's cleaner was, offsets are missing here too.
    fn allow_gaps(&self, headers: &[BatchHeader]) {
        let mut next = self.log_end_offset();
        for header in headers {
            if header.base_offset > next && self.shared.gaps_below() < header.next_offset() {
                mark!("follower fetched a gap");
                self.shared.set_gaps_below(header.next_offset());
            }
            next = header.next_offset();
        }
    }
}
