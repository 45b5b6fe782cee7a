//! Looking for rot before a reader meets it: the batches of every segment in order, each with its checksum.
//!
//! A walk always begins at the start of a segment, or where an earlier walk from there has come: the position of a batch
//! is only known when all batches before it are whole. So of each segment only the first damage is told, and what comes
//! after it is looked at when it is repaired.

mod batch_check;
mod damage;
mod damage_file;
mod next_good;

pub use damage::Damage;
pub(crate) use damage_file::{FILE, encode, read};

use super::chain::Chain;
use super::read::LogReader;
use super::view::View;
use crate::fault::{ReadError, StorageFault};
use crate::segment::Segment;
use batch_check::Window;
use model::{LeaderEpoch, Offset, mark};
use std::sync::Arc;

/// What one step of a scrub has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// So many bytes were read, and all are what was written.
    Clean(u64),
    /// The log is damaged here. The next step goes on with the next segment.
    Damaged(Damage),
    /// The end of the log is reached.
    Done,
}

/// A walk through a log, a step at a time. It starts a segment again when the log was cut meanwhile.
#[derive(Debug)]
pub struct Scrub {
    reader: LogReader,
    /// None before the first step.
    at: Option<Walk>,
}

/// How far a walk has come: everything in the segment before this is whole.
#[derive(Clone, Copy, Debug)]
struct Walk {
    segment_base_offset: Offset,
    position: u64,
    chain: Chain,
    layout: u64,
}

/// Why a walk stopped.
enum Stop {
    /// It has read as much as it was allowed to.
    Budget,
    /// The segment is whole.
    End,
    /// What comes next is not what was written.
    Bad(Damage),
}

impl LogReader {
    /// A walk through the whole log.
    pub fn scrub(&self) -> Scrub {
        Scrub { reader: self.clone(), at: None }
    }

    /// What is known to be damaged, by segment.
    pub fn damage(&self) -> Vec<Damage> {
        self.shared.with_damage(|damage| damage.values().cloned().collect())
    }

    /// Looks at the whole segment that has `offset`, for the first damage in it.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn look_for_damage(&self, offset: Offset) -> Result<Option<Damage>, StorageFault> {
        self.look(|view| {
            let segment = view.segments.get(view.segment_of(offset)?)?;
            (offset < view.log_end_offset).then(|| self.start_of(view, segment.base_offset))
        })
        .await
    }

    /// Looks again at what was damaged, and at the rest of its segment; none when all of it is whole by now, or not part
    /// of the log any more.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn look_again(&self, damage: &Damage) -> Result<Option<Damage>, StorageFault> {
        self.look(|view| {
            let is_there = view.segments.iter().any(|segment| segment.base_offset == damage.segment_base_offset);
            let is_part = damage.first_offset < view.log_end_offset && damage.next_offset > view.log_start_offset;
            let start = (is_there && is_part).then(|| self.start_of(view, damage.segment_base_offset))?;
            // A position that was learned before the log was cut, or before this start, proves nothing.
            let is_proven = damage.layout == Some(view.layout);
            let chain = Chain { next_offset: Some(damage.first_offset), ..start.chain };
            Some(if is_proven { Walk { position: damage.position, chain, ..start } } else { start })
        })
        .await
    }

    async fn look(&self, start: impl Fn(&View) -> Option<Walk>) -> Result<Option<Damage>, StorageFault> {
        /// Bytes between two rests: nothing here is urgent.
        const STRIDE: u64 = 1 << 20;
        loop {
            let view = self.shared.view();
            let Some(mut walk) = start(&view) else { return Ok(None) };
            let stop = loop {
                let stop = self.walk(&view, &mut walk, STRIDE).await;
                if !matches!(stop, Ok(Stop::Budget)) || self.shared.layout() != view.layout {
                    break stop;
                }
                runtime::time::sleep(runtime::time::Duration::from_millis(1)).await;
            };
            match self.if_current(&view, stop) {
                Some(Ok(Stop::Bad(damage))) => return Ok(Some(damage).filter(|damage| self.is_part_of_log(damage))),
                Some(Ok(_)) => return Ok(None),
                Some(Err(fault)) => return Err(fault),
                None => {}
            }
        }
    }

    fn start_of(&self, view: &View, segment_base_offset: Offset) -> Walk {
        let chain = Chain {
            next_offset: Some(segment_base_offset),
            leader_epoch: LeaderEpoch::MIN,
            gaps_below: self.shared.gaps_below(),
            ends_by: Offset::MAX, // known once the segment is
        };
        Walk { segment_base_offset, position: 0, chain, layout: view.layout }
    }

    /// Damage of which all was deleted is none.
    fn is_part_of_log(&self, damage: &Damage) -> bool {
        damage.next_offset > self.shared.log_start_offset()
    }

    /// What was found, if no cut came in between.
    fn if_current<T>(&self, view: &View, result: Result<T, StorageFault>) -> Option<Result<T, StorageFault>> {
        let result = result.map_err(ReadError::Fault);
        if !self.is_current(view, &result) {
            mark!("a scrub began a segment again");
            return None;
        }
        Some(result.map_err(|error| match error {
            ReadError::Fault(fault) => fault,
            other => unreachable!("only faults were put in, not {other}"),
        }))
    }

    /// Goes on through the segment of `walk`, for about `budget` bytes.
    async fn walk(&self, view: &View, walk: &mut Walk, budget: u64) -> Result<Stop, StorageFault> {
        let Some(at) = view.segments.iter().position(|one| one.base_offset == walk.segment_base_offset) else {
            return Ok(Stop::End);
        };
        let segment = &view.segments[at];
        let end = self.end_of(view, at);
        walk.chain.ends_by = view.ends_by(at);
        let mut window = Window::new(self.reading.file(segment).await?, segment.path());
        let began = walk.position;
        while walk.position < end.position {
            if walk.position - began >= budget {
                return Ok(Stop::Budget);
            }
            match self.check_twice(&mut window, walk, end.position).await? {
                Ok(size) => walk.position += size,
                Err(reason) => {
                    let damage = self.measure(&mut window, segment, walk, end).await?;
                    tracing::debug!(segment = segment.path(), position = walk.position, "damaged: {reason}");
                    return Ok(Stop::Bad(damage));
                }
            }
        }
        let reached = walk.chain.next_offset.unwrap_or(walk.segment_base_offset);
        // Offsets may be missing where a cleaner was, also at the end of a segment.
        if !end.is_active && reached < end.next_offset && reached >= self.shared.gaps_below() {
            mark!("a segment is torn in the middle of the log");
            return Ok(Stop::Bad(Damage::new(walk, end, 0, end.next_offset)));
        }
        Ok(Stop::End)
    }

    /// The size of the next batch, or what is wrong with it: only what is wrong twice is.
    async fn check_twice(
        &self,
        window: &mut Window,
        walk: &mut Walk,
        end: u64,
    ) -> Result<Result<u64, String>, StorageFault> {
        for again in [false, true] {
            let mut chain = walk.chain;
            match window.check(walk.position, end, &mut chain, &|offset| self.epoch_of(offset)).await? {
                Ok(size) => {
                    walk.chain = chain;
                    return Ok(Ok(size));
                }
                Err(reason) if again => return Ok(Err(reason)),
                Err(_) => window.forget(),
            }
        }
        unreachable!("the second look ends it")
    }

    async fn measure(
        &self,
        window: &mut Window,
        segment: &Arc<Segment>,
        walk: &Walk,
        end: SegmentEnd,
    ) -> Result<Damage, StorageFault> {
        let first_offset = walk.chain.next_offset.unwrap_or(segment.base_offset);
        let wanted = next_good::Wanted { after: walk.position, first_offset, end };
        let good = next_good::find(window, wanted, &|offset| self.epoch_of(offset)).await?;
        let (position, next_offset) = good.unwrap_or((end.position, end.next_offset));
        Ok(Damage::new(walk, end, position - walk.position, next_offset))
    }

    /// Where a segment ends, in bytes and offsets that go together.
    fn end_of(&self, view: &View, at: usize) -> SegmentEnd {
        match view.segments.get(at + 1) {
            Some(next) => {
                SegmentEnd { position: view.segments[at].length(), next_offset: next.base_offset, is_active: false }
            }
            None => {
                let applied = self.shared.progress().applied();
                let is_here = applied.segment_base_offset == view.segments[at].base_offset;
                let length = view.segments[at].length();
                let (position, next_offset) =
                    if is_here { (applied.position, applied.end_offset) } else { (length, view.log_end_offset) };
                SegmentEnd { position: position.min(length), next_offset, is_active: is_here }
            }
        }
    }
}

/// Where a segment ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentEnd {
    pub position: u64,
    /// The offset after its last.
    pub next_offset: Offset,
    /// It takes appends.
    pub is_active: bool,
}

impl Scrub {
    /// Goes on, for about `budget` bytes.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn step(&mut self, budget: u64) -> Result<Scrubbed, StorageFault> {
        let view = self.reader.shared.view();
        let Some(mut walk) = self.resume(&view) else { return Ok(Scrubbed::Done) };
        let began = walk.position;
        let stop = self.reader.walk(&view, &mut walk, budget).await;
        let Some(stop) = self.reader.if_current(&view, stop) else { return Ok(Scrubbed::Clean(0)) };
        let read = walk.position - began;
        self.at = Some(walk);
        match stop? {
            Stop::Budget => Ok(Scrubbed::Clean(read)),
            Stop::End => Ok(self.after(&view, walk.segment_base_offset, Scrubbed::Clean(read))),
            Stop::Bad(damage) if self.reader.is_part_of_log(&damage) => {
                mark!("rot found by a scrub");
                Ok(self.after(&view, walk.segment_base_offset, Scrubbed::Damaged(damage)))
            }
            Stop::Bad(_) => Ok(self.after(&view, walk.segment_base_offset, Scrubbed::Clean(read))),
        }
    }

    /// Where to go on; none behind the last segment.
    fn resume(&self, view: &View) -> Option<Walk> {
        let Some(walk) = self.at else {
            let first = view.segment_of(view.log_start_offset).unwrap_or(0);
            return Some(self.reader.start_of(view, view.segments[first].base_offset));
        };
        if walk.layout == view.layout && walk.position > 0 {
            return Some(walk);
        }
        // Cut since, or at the start of a segment: the next one that is there.
        let next = view.segments.iter().find(|segment| segment.base_offset >= walk.segment_base_offset)?;
        Some(self.reader.start_of(view, next.base_offset))
    }

    /// The next step looks at the segment after this one.
    fn after(&mut self, view: &View, segment_base_offset: Offset, found: Scrubbed) -> Scrubbed {
        self.at = Some(self.reader.start_of(view, segment_base_offset + 1));
        found
    }
}
