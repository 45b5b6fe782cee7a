//! Whether batches follow one another, and which of those in a buffer answer a read. Pure.

use crate::scan::check_offsets;
use model::{LeaderEpoch, Offset, mark, planted};
use protocol::records::{BatchError, BatchHeader, BatchView};
use std::ops::Range;

/// The rule for a run of batches of one log: offsets go on without a gap, or only grow where a cleaner was; leader
/// epochs never fall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// The next batch starts here; `None` where that is not known.
    pub next_offset: Option<Offset>,
    pub leader_epoch: LeaderEpoch,
    /// Below this offset others may be missing.
    pub gaps_below: Offset,
    /// No batch ends above this, where the next segment starts: no checksum covers a base offset, and where others may be
    /// missing none that follows in the segment shows that the last one's is too high.
    pub ends_by: Offset,
}

impl Chain {
    /// Takes one more batch, or says why it cannot be the next.
    pub fn follow(&mut self, header: &BatchHeader) -> Result<(), String> {
        check_offsets(header)?;
        let in_order = match self.next_offset {
            None => true,
            Some(next) if header.base_offset < self.gaps_below => header.base_offset >= next,
            Some(next) => header.base_offset == next,
        };
        if !in_order && !planted!("skip-offset-contiguity") {
            mark!("batch out of order");
            return Err(format!("offset {} where {:?} was expected", header.base_offset, self.next_offset));
        }
        if header.next_offset() > self.ends_by && !planted!("a batch may reach into the next segment") {
            mark!("a batch reaches into the next segment");
            return Err(format!("offset {} where the next segment starts at {}", header.last_offset(), self.ends_by));
        }
        if header.leader_epoch < self.leader_epoch {
            mark!("leader epoch fell");
            return Err(format!("leader epoch {} after {}", header.leader_epoch, self.leader_epoch));
        }
        self.leader_epoch = header.leader_epoch;
        self.next_offset = Some(header.next_offset());
        Ok(())
    }
}

/// A batch's checksum leaves its leader epoch out, but the log knows it from elsewhere too. Batches from before there were
/// leader epochs have none.
pub(crate) fn check_epoch(header: &BatchHeader, known: Option<LeaderEpoch>) -> Result<(), String> {
    match known {
        Some(known) if known != header.leader_epoch && header.leader_epoch != -1 => {
            mark!("leader epoch is not what was written");
            Err(format!("leader epoch {} where {known} was", header.leader_epoch))
        }
        _ => Ok(()),
    }
}

/// What is wanted of a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The batch with this offset comes first.
    pub from: Offset,
    /// Only batches that end at or below this.
    pub up_to: Offset,
    pub max_bytes: usize,
    /// Even when it is larger than `max_bytes`.
    pub at_least_one_batch: bool,
    pub check_crc: bool,
}

/// What a buffer has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The answer: these bytes, and the offset after them.
    Found { bytes: Range<usize>, next_offset: Offset },
    /// No batch is both wanted and allowed.
    Nothing,
    /// All batches up to here come before the one that is wanted; from here on at least so many bytes are needed.
    Later { position: usize, needed: usize, next_offset: Option<Offset> },
    /// The bytes are not what was written.
    Bad(String),
}

/// Walks the batches at the front of `buffer`. `chain` is the state before them.
pub(crate) fn walk(buffer: &[u8], mut chain: Chain, wanted: &Wanted) -> Step {
    let mut position = 0;
    let mut start = None;
    loop {
        let rest = &buffer[position..];
        let batch = match BatchView::parse(rest) {
            Ok(batch) => batch,
            Err(BatchError::Cut { needed, .. }) => return cut(start, position, needed, chain, wanted),
            Err(error) => return end_or_bad(start, position, chain, error.to_string()),
        };
        let size = batch.bytes.len();
        if let Err(reason) = chain_or_crc(&mut chain, &batch, wanted) {
            return match start {
                Some((start, next_offset)) => Step::Found { bytes: start..position, next_offset },
                None => Step::Bad(reason),
            };
        }
        let is_wanted = batch.header.last_offset() >= wanted.from;
        if is_wanted && !(batch.header.base_offset < wanted.from && planted!("start-at-next-batch")) {
            let (first, _) = start.unwrap_or((position, 0));
            let fits = position + size - first <= wanted.max_bytes || (start.is_none() && wanted.at_least_one_batch);
            if !fits || batch.header.next_offset() > wanted.up_to {
                return found(start, position);
            }
            start = Some((first, batch.header.next_offset()));
        }
        position += size;
    }
}

fn chain_or_crc(chain: &mut Chain, batch: &BatchView<'_>, wanted: &Wanted) -> Result<(), String> {
    chain.follow(&batch.header)?;
    // The batches before the wanted one may stay unread: whoever wants them checks them.
    if wanted.check_crc && batch.header.last_offset() >= wanted.from {
        batch.check_crc().map_err(|error| {
            mark!("rot found by a read");
            format!("offset {}: {error}", batch.header.base_offset)
        })?;
    }
    Ok(())
}

fn found(start: Option<(usize, Offset)>, position: usize) -> Step {
    match start {
        Some((start, next_offset)) => Step::Found { bytes: start..position, next_offset },
        None => Step::Nothing,
    }
}

fn end_or_bad(start: Option<(usize, Offset)>, position: usize, chain: Chain, reason: String) -> Step {
    match start {
        Some(_) => found(start, position),
        None => Step::Bad(format!("after offset {:?}: {reason}", chain.next_offset)),
    }
}

/// The buffer ends inside a batch.
fn cut(start: Option<(usize, Offset)>, position: usize, needed: usize, chain: Chain, wanted: &Wanted) -> Step {
    if start.is_some() {
        return found(start, position);
    }
    let reached = chain.next_offset.is_some_and(|next| next >= wanted.up_to);
    if reached { Step::Nothing } else { Step::Later { position, needed, next_offset: chain.next_offset } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_batches::batch;

    fn chain(next_offset: Offset) -> Chain {
        Chain { next_offset: Some(next_offset), leader_epoch: 0, gaps_below: 0, ends_by: Offset::MAX }
    }

    fn wanted(from: Offset, up_to: Offset, max_bytes: usize) -> Wanted {
        Wanted { from, up_to, max_bytes, at_least_one_batch: true, check_crc: true }
    }

    /// Offsets 0 to 9, 10 to 19 and 20 to 29, and where each ends.
    fn three() -> (Vec<u8>, [usize; 3]) {
        let batches = [batch(0, 10, 0), batch(10, 10, 0), batch(20, 10, 0)];
        let one = batches[0].len();
        (batches.concat(), [one, one + batches[1].len(), one + batches[1].len() + batches[2].len()])
    }

    #[test]
    fn a_read_starts_with_the_batch_that_has_the_offset() {
        let (bytes, ends) = three();
        let found = walk(&bytes, chain(0), &wanted(15, 30, 1 << 20));
        assert_eq!(found, Step::Found { bytes: ends[0]..ends[2], next_offset: 30 });
    }

    #[test]
    fn a_read_ends_before_the_batch_that_is_not_allowed_or_does_not_fit() {
        let (bytes, ends) = three();
        let found = Step::Found { bytes: 0..ends[0], next_offset: 10 };
        assert_eq!(walk(&bytes, chain(0), &wanted(0, 19, 1 << 20)), found);
        assert_eq!(walk(&bytes, chain(0), &wanted(0, 30, ends[1] - 1)), found);
        assert_eq!(walk(&bytes, chain(0), &wanted(0, 30, 1)), found, "one batch at least");
        let strict = Wanted { at_least_one_batch: false, ..wanted(0, 30, 1) };
        assert_eq!(walk(&bytes, chain(0), &strict), Step::Nothing);
        assert_eq!(walk(&bytes, chain(0), &wanted(5, 9, 1 << 20)), Step::Nothing);
    }

    #[test]
    fn a_buffer_that_ends_too_early_says_how_much_is_missing() {
        let (bytes, ends) = three();
        let later = |needed| Step::Later { position: ends[1], needed, next_offset: Some(20) };
        assert_eq!(walk(&bytes[..ends[2] - 1], chain(0), &wanted(25, 30, 99)), later(ends[2] - ends[1]));
        assert_eq!(walk(&bytes[..ends[1]], chain(0), &wanted(25, 30, 99)), later(12));
        let found = Step::Found { bytes: 0..ends[1], next_offset: 20 };
        assert_eq!(walk(&bytes[..ends[2] - 1], chain(0), &wanted(0, 30, 1 << 20)), found);
    }

    #[test]
    fn a_flipped_bit_is_not_served() {
        let (good, ends) = three();
        for at in ends[0] + 17..ends[1] {
            let mut bytes = good.clone();
            bytes[at] ^= 4;
            assert!(matches!(walk(&bytes, chain(0), &wanted(10, 30, 1 << 20)), Step::Bad(_)), "byte {at}");
            let found = Step::Found { bytes: 0..ends[0], next_offset: 10 };
            assert_eq!(walk(&bytes, chain(0), &wanted(0, 30, 1 << 20)), found, "what comes before is good");
        }
    }

    #[test]
    fn a_well_formed_batch_from_elsewhere_is_refused() {
        let bytes = [batch(0, 10, 3), batch(50, 10, 3)].concat();
        assert!(matches!(walk(&bytes, chain(0), &wanted(10, 60, 1 << 20)), Step::Bad(_)), "a gap");
        let cleaned = Chain { gaps_below: 60, ..chain(0) };
        assert!(matches!(walk(&bytes, cleaned, &wanted(10, 60, 1 << 20)), Step::Found { .. }), "a cleaner was here");
        let bounded = Chain { ends_by: 59, ..cleaned };
        assert!(
            matches!(walk(&bytes, bounded, &wanted(10, 60, 1 << 20)), Step::Bad(_)),
            "the next segment starts at 59"
        );
        let bytes = [batch(10, 10, 3), batch(0, 10, 3)].concat();
        assert!(matches!(walk(&bytes, cleaned, &wanted(25, 60, 1 << 20)), Step::Bad(_)), "offsets never fall");
        let bytes = [batch(0, 10, 3), batch(10, 10, 2)].concat();
        assert!(matches!(walk(&bytes, chain(0), &wanted(10, 60, 1 << 20)), Step::Bad(_)), "epochs never fall");
    }
}
