//! Whether what was found is what a crash may leave.

use super::batch::Batch;
use super::found::{Contents, Found, FoundLog};
use super::ledger::Book;
use super::life::{Event, Kind, Life, State, happened};
use model::Offset;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crash {
    /// The machine lives on, with its page cache.
    Process,
    /// What was not synced may be gone.
    Power,
}

/// A process that was cut short, and what came before it.
#[derive(Clone, Debug)]
pub struct Past {
    pub book: Arc<Book>,
    /// How many events had happened, at least and at most: nothing was done to the disk in between.
    pub events: RangeInclusive<Event>,
    pub crash: Crash,
    /// Where it was cut short, for people.
    pub place: String,
    pub before: Option<Arc<Past>>,
}

impl Past {
    /// Where it and those before it were cut short.
    pub fn places(&self) -> String {
        match &self.before {
            Some(before) => format!("{}, and then {}", before.places(), self.place),
            None => self.place.clone(),
        }
    }

    /// Compares what an opening after it found.
    pub fn judge(&self, found: &Result<Found, String>) -> Result<(), String> {
        self.judge_after(self.crash, found)
    }

    fn judge_after(&self, crash: Crash, found: &Result<Found, String>) -> Result<(), String> {
        let found = found.as_ref().map_err(Clone::clone)?;
        self.judge_at(*self.events.start(), crash, found)?;
        if self.events.start() == self.events.end() { Ok(()) } else { self.judge_at(*self.events.end(), crash, found) }
    }

    fn judge_at(&self, events: Event, crash: Crash, found: &Found) -> Result<(), String> {
        if !happened(self.book.opened, events) {
            // Nothing was served yet: what came before still counts.
            return match &self.before {
                Some(before) => before.judge_after(before.crash.max(crash), &Ok(found.clone())),
                None if found.logs.is_empty() => Ok(()),
                None => Err("partitions in a directory that was never open".to_owned()),
            };
        }
        if found.directory_id != self.book.directory_id {
            return Err("the directory has another id".to_owned());
        }
        let mut seen = BTreeSet::new();
        for life in &self.book.lives {
            let log = found.logs.get(&life.topic_partition);
            let log = log.filter(|log| is_of(life, log, &self.book, events));
            seen.extend(log.map(|_| life.topic_partition.clone()));
            let verdict = Verdict { life, events, crash };
            verdict.check(log).map_err(|why| format!("{}: {why}", life.topic_partition))?;
        }
        match found.logs.iter().find(|(topic_partition, _)| !seen.contains(*topic_partition)) {
            Some((stranger, log)) => Err(format!("{stranger} was never made: {:?}", log.topic_id)),
            None => Ok(()),
        }
    }
}

/// Whether the log is of this life. One whose file with the id was lost is of the last that had its name.
fn is_of(life: &Life, log: &FoundLog, book: &Book, events: Event) -> bool {
    if !log.topic_id.is_zero() {
        return log.topic_id == life.topic_id && life.is_begun(events);
    }
    let same_name = |other: &&Life| other.topic_partition == life.topic_partition && other.is_begun(events);
    book.lives.iter().rfind(same_name).is_some_and(|last| last.topic_id == life.topic_id)
}

struct Verdict<'a> {
    life: &'a Life,
    events: Event,
    crash: Crash,
}

impl Verdict<'_> {
    fn check(&self, log: Option<&FoundLog>) -> Result<(), String> {
        let Some(log) = log else {
            return if self.must_be_there() { Err("the partition is gone".to_owned()) } else { Ok(()) };
        };
        if self.must_be_gone() {
            return Err("the deleted partition is back".to_owned());
        }
        let contents = log.contents.as_ref().map_err(Clone::clone)?;
        if self.is_loose() {
            self.check_loosely(contents)?;
            self.check_producers(&contents.state(), contents)?;
        } else {
            self.check_strictly(contents)?;
        }
        self.check_epochs(contents)
    }

    /// So many operations happened at least.
    fn floor(&self) -> usize {
        match self.crash {
            Crash::Process => self.life.cached(self.events),
            Crash::Power => self.life.acknowledged(self.events),
        }
    }

    fn must_be_there(&self) -> bool {
        let life = self.life;
        if life.dropped.is_some_and(|dropped| dropped.begun < self.events) {
            return false;
        }
        let cached = self.crash == Crash::Process && life.made_plain && happened(life.made.done, self.events);
        life.found || cached || self.floor() > 0
    }

    fn must_be_gone(&self) -> bool {
        let dropped = self.life.dropped.is_some_and(|dropped| happened(dropped.done, self.events));
        dropped && (!self.life.dropped_plain || self.crash == Crash::Process)
    }

    /// Whether page cache that may be lost decides what is there.
    fn is_loose(&self) -> bool {
        let floor = self.floor();
        if floor == 0 && !self.life.found && self.crash == Crash::Power {
            // Nothing of it was promised yet, not even that it is there.
            return true;
        }
        let mut open = self.life.operations[floor.min(self.begun())..self.begun()].iter();
        match self.crash {
            Crash::Power => {
                open.any(|o| o.plain && !matches!(o.kind, Kind::Settled | Kind::Cleaned | Kind::Epoch(_) | Kind::Other))
            }
            Crash::Process => open.any(|o| o.plain && matches!(o.kind, Kind::Cut { .. })),
        }
    }

    fn begun(&self) -> usize {
        self.life.begun(self.events)
    }

    /// The log is as it was after some number of operations.
    fn check_strictly(&self, contents: &Contents) -> Result<(), String> {
        let possible = &self.life.states[self.floor()..=self.begun()];
        let state = possible.iter().find(|state| is_same(state, contents));
        let Some(state) = state.or_else(|| self.cut_short(contents)) else {
            return Err(format!(
                "found {}, and it should be {}",
                shown(contents.start, contents.end, contents.batches.iter()),
                possible.iter().map(|s| shown(s.start, s.end, s.visible())).collect::<Vec<_>>().join(" or ")
            ));
        };
        self.check_producers(state, contents)
    }

    /// Retention that failed is only known to have moved the start to the base of some batch.
    fn cut_short(&self, contents: &Contents) -> Option<&State> {
        let last = self.life.operations.last().filter(|last| last.returned.is_none() && last.begun < self.events)?;
        let state = self.life.state();
        let same_end = || contents.end == state.end && contents.start >= state.start;
        let visible = || state.lineage.iter().filter(|batch| batch.end_offset > contents.start);
        (matches!(last.kind, Kind::Start) && same_end() && visible().eq(contents.batches.iter())).then_some(state)
    }

    /// A producer with a batch in the log is known as the log tells; others may be, as they once were.
    fn check_producers(&self, state: &State, contents: &Contents) -> Result<(), String> {
        let visible = State { start: contents.start, ..state.clone() };
        let told = visible.producers();
        for (id, expected) in &told {
            if contents.producers.get(id) != Some(expected) {
                let known = contents.producers.get(id);
                return Err(format!("producer {id} is known as {known:?}, and the log tells {expected:?}"));
            }
        }
        for (id, known) in contents.producers.iter().filter(|(id, _)| !told.contains_key(id)) {
            let mut ever = self.life.ever_appended(self.events).filter_map(|batch| batch.producer);
            if !self.life.found && !ever.any(|(other, epoch, last)| (other, (epoch, last)) == (*id, *known)) {
                return Err(format!("producer {id} is known as {known:?}, and never was that"));
            }
        }
        Ok(())
    }

    /// What was synced is there unless a cut took it, and there is nothing that was not appended in that place.
    fn check_loosely(&self, contents: &Contents) -> Result<(), String> {
        let operations = &self.life.operations[self.floor()..self.begun()];
        let floor = &self.life.states[self.floor()];
        let emptied = operations.iter().any(|o| matches!(o.kind, Kind::Cut { empties: true, .. }));
        let cuts = operations.iter().filter_map(|o| match o.kind {
            Kind::Cut { to, .. } => Some(to),
            _ => None,
        });
        let kept = cuts.min().map_or(floor.end, |to| to.min(floor.end));
        if !emptied {
            if contents.start < floor.start.min(kept) {
                return Err(format!("the log starts at {} again, and it was {}", contents.start, floor.start));
            }
            for batch in floor.visible().filter(|b| b.end_offset <= kept && b.end_offset > contents.start) {
                if !contents.batches.contains(batch) {
                    return Err(format!("the batch at {} was synced and is gone", batch.base_offset));
                }
            }
            if contents.end < kept {
                return Err(format!("the log ends at {}, and was synced up to {kept}", contents.end));
            }
        }
        for batch in &contents.batches {
            if !self.life.ever_appended(self.events).any(|appended| appended == batch) {
                return Err(format!("a batch at {} that was never appended there", batch.base_offset));
            }
        }
        Ok(())
    }

    /// Epochs end where the batches say, and none that was given durably is given again.
    fn check_epochs(&self, contents: &Contents) -> Result<(), String> {
        for (epoch, end) in &contents.epoch_ends {
            let later = contents.batches.iter().find(|batch| batch.leader_epoch > *epoch);
            let expected = (*epoch, later.map_or(contents.end, |batch| batch.base_offset));
            if *end != expected {
                return Err(format!("epoch {epoch} ends at {end:?}, and the batches say {expected:?}"));
            }
        }
        let operations = &self.life.operations[..self.begun()];
        let cut = operations.iter().rposition(|o| matches!(o.kind, Kind::Cut { .. })).map_or(0, |at| at + 1);
        for operation in operations[cut..].iter().filter(|o| happened(o.returned, self.events)) {
            if let Kind::Epoch(epoch) = operation.kind
                && contents.latest_epoch.is_none_or(|latest| latest < epoch)
                && self.must_be_there()
            {
                return Err(format!("epoch {epoch} was given, and the latest is {:?}", contents.latest_epoch));
            }
        }
        Ok(())
    }
}

fn is_same(state: &State, contents: &Contents) -> bool {
    (state.start, state.end) == (contents.start, contents.end) && state.visible().eq(contents.batches.iter())
}

fn shown<'a>(start: Offset, end: Offset, batches: impl Iterator<Item = &'a Batch>) -> String {
    let batches: Vec<String> =
        batches.map(|batch| format!("{}:{:08x}", batch.base_offset, crc32c::crc32c(&batch.bytes))).collect();
    format!("[{start}..{end}: {}]", batches.join(" "))
}
