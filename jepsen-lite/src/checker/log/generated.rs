//! Histories that a model makes: what a correct log with concurrent clients, crashes and lost page caches gives must be
//! clean, whatever the seed, and each way of spoiling it must be found as its class.

use super::check;
use super::story::{partition, received, sent};
use crate::checker::{Class, Verdict};
use crate::history::{
    Acks, Action, Answer, CreateTopic, FaultKind, FaultNature, Fetch, History, ListOffsets, OffsetQuery, Operation,
    OperationId, Outcome, Process, Produce, Received, Recorder, Session,
};
use model::{LeaderEpoch, Offset};
use std::collections::BTreeMap;

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

/// An operation of a client: sent, perhaps done, not yet answered.
struct Pending {
    id: OperationId,
    action: Action,
    answer: Option<Answer>,
}

/// A log that does everything right.
struct Model {
    recorder: Recorder,
    dice: Dice,
    now: u64,
    log: Vec<(u32, LeaderEpoch)>,
    epoch: LeaderEpoch,
    log_start: usize,
    synced: usize,
    journaled: bool,
    next_number: u32,
    waiting: BTreeMap<Process, Pending>,
    positions: BTreeMap<Process, Offset>,
}

const PRODUCERS: u32 = 3;
const CLIENTS: u32 = 8;

impl Model {
    fn run(seed: u64, steps: u32, faults: bool) -> History {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let journaled = dice.below(2) == 0;
        let mut model = Model {
            recorder: Recorder::new(),
            dice,
            now: 0,
            log: Vec::new(),
            epoch: 0,
            log_start: 0,
            synced: 0,
            journaled,
            next_number: 0,
            waiting: BTreeMap::new(),
            positions: BTreeMap::new(),
        };
        // One number sequence for all of them: not idempotent, so that order is judged by acknowledgements.
        model.recorder.session(Session { process: 0, idempotent: false, may_resend: false, producer: None });
        model.create();
        for _ in 0..steps {
            model.step(faults);
        }
        model.finish()
    }

    fn at(&mut self) -> u64 {
        self.now += 1000;
        self.now
    }

    fn create(&mut self) {
        let flush = if self.journaled { "1" } else { "1000" };
        let configs = [("retention.ms", "-1"), ("flush.messages", flush)];
        let configs = configs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (at, done) = (self.at(), self.at());
        let create = CreateTopic { topic: "t".into(), partitions: 1, replicas: 1, configs };
        let id = self.recorder.invoke(at, 99, Action::CreateTopic(create));
        self.recorder.complete(done, id, Outcome::Ok(Answer::Created { topic_id: None }));
    }

    fn step(&mut self, faults: bool) {
        let process = self.dice.below(u64::from(CLIENTS)) as Process;
        match self.dice.below(if faults { 200 } else { 198 }) {
            198 => self.crash(FaultKind::PowerFailure),
            199 => self.crash(FaultKind::ProcessCrash),
            0..20 => self.synced = self.log.len(),
            _ => match self.waiting.remove(&process) {
                None => self.invoke(process),
                Some(pending) if pending.answer.is_none() => {
                    let answer = Some(self.apply(process, &pending.action));
                    self.waiting.insert(process, Pending { answer, ..pending });
                }
                Some(pending) => {
                    let at = self.at();
                    let lost = self.dice.below(50) == 0;
                    if lost {
                        self.positions.remove(&process);
                    }
                    let outcome = match pending.answer {
                        Some(answer) if !lost => Outcome::Ok(answer),
                        _ => Outcome::Unknown("timed out".into()),
                    };
                    self.recorder.complete(at, pending.id, outcome);
                }
            },
        }
    }

    fn invoke(&mut self, process: Process) {
        let action = if process < PRODUCERS {
            let count = 1 + self.dice.below(3) as u32;
            let records = (self.next_number..self.next_number + count).map(sent).collect();
            self.next_number += count;
            Action::Produce(Produce {
                partition: partition(),
                topic_id: None,
                acks: Acks::All,
                one_batch: true,
                records,
            })
        } else {
            match self.dice.below(20) {
                0 => Action::ListOffsets(ListOffsets { partition: partition(), query: OffsetQuery::Latest }),
                1 => Action::ListOffsets(ListOffsets { partition: partition(), query: OffsetQuery::Earliest }),
                2 => {
                    let time = 1000 + self.dice.below(u64::from(self.next_number) + 2) as i64;
                    Action::ListOffsets(ListOffsets { partition: partition(), query: OffsetQuery::At(time) })
                }
                3 if self.journaled => {
                    let before = self.dice.below(self.log.len() as u64 / 4 + 1) as Offset;
                    Action::DeleteRecords { partition: partition(), before }
                }
                _ => self.next_fetch(process),
            }
        };
        let at = self.at();
        let id = self.recorder.invoke(at, process, action.clone());
        self.waiting.insert(process, Pending { id, action, answer: None });
    }

    /// Reads on, or begins anew where there is something.
    fn next_fetch(&mut self, process: Process) -> Action {
        let (start, end) = (self.log_start as Offset, self.log.len() as Offset);
        let position = self.positions.get(&process).copied().filter(|at| (start..=end).contains(at));
        let from = position.unwrap_or(start);
        Action::Fetch(Fetch {
            partition: partition(),
            topic_id: None,
            from,
            continues: position.is_some(),
            node: None,
            leader_epoch: None,
        })
    }

    fn apply(&mut self, process: Process, action: &Action) -> Answer {
        let end = self.log.len() as Offset;
        let log_start = self.log_start as Offset;
        match action {
            Action::Produce(produce) => {
                self.log.extend(produce.records.iter().map(|record| (record.id.number(), self.epoch)));
                Answer::Produced { base_offset: Some(end) }
            }
            Action::Fetch(fetch) => {
                let from = fetch.from.clamp(log_start, end);
                if from != fetch.from {
                    self.positions.remove(&process);
                    return Answer::Fetched { records: Vec::new(), high_watermark: -1, log_start: -1 };
                }
                let to = end.min(from + self.dice.below(5) as Offset);
                self.positions.insert(process, to);
                let records = (from..to).map(|offset| self.record(offset)).collect();
                Answer::Fetched { records, high_watermark: end, log_start }
            }
            Action::ListOffsets(list) => self.list(list.query),
            Action::DeleteRecords { before, .. } => {
                self.log_start = self.log_start.max(*before as usize);
                Answer::RecordsDeleted { log_start: self.log_start as Offset }
            }
            other => unreachable!("no client asks {other:?}"),
        }
    }

    fn list(&self, query: OffsetQuery) -> Answer {
        let special = |offset: usize| Answer::Offset { offset: offset as Offset, timestamp: -1, epoch: -1 };
        match query {
            OffsetQuery::Earliest => special(self.log_start),
            OffsetQuery::Latest => special(self.log.len()),
            OffsetQuery::MaxTimestamp | OffsetQuery::EndOfEpoch(_) => unreachable!("no client asks {query:?}"),
            OffsetQuery::At(time) => {
                // Numbers only grow but for what overlaps, so the place is near where the number would be.
                let number = (time - 1000).max(0) as usize;
                let guess = if self.journaled { number.saturating_sub(30 * PRODUCERS as usize) } else { 0 };
                let from = self.log_start.max(guess.min(self.log.len()));
                let found = (from..self.log.len()).find(|at| 1000 + i64::from(self.log[*at].0) >= time);
                match found {
                    Some(at) => {
                        Answer::Offset { offset: at as Offset, timestamp: 1000 + i64::from(self.log[at].0), epoch: -1 }
                    }
                    None => Answer::Offset { offset: -1, timestamp: -1, epoch: -1 },
                }
            }
        }
    }

    fn record(&self, offset: Offset) -> Received {
        let (number, epoch) = self.log[offset as usize];
        Received { epoch, ..received(offset, number) }
    }

    fn crash(&mut self, kind: FaultKind) {
        self.epoch += 1;
        if kind == FaultKind::PowerFailure && !self.journaled {
            self.log.truncate(self.synced.max(self.log_start));
        }
        let nature = FaultNature { kind, node: 1, file: None, partition: None, detail: String::new() };
        let (at, ended) = (self.at(), self.at());
        let fault = self.recorder.fault_begins(at, nature);
        self.recorder.fault_ends(ended, fault);
    }

    fn finish(mut self) -> History {
        let at = self.at();
        self.recorder.healed(at);
        let (at, done) = (self.at(), self.at());
        let scan = self.recorder.invoke(at, 98, Action::Scan { partition: partition() });
        let (log_start, end) = (self.log_start, self.log.len());
        let records = (log_start..end).map(|at| self.record(at as Offset)).collect();
        let answer = Answer::Scanned { log_start: log_start as Offset, end: end as Offset, records };
        self.recorder.complete(done, scan, Outcome::Ok(answer));
        self.recorder.finish()
    }
}

#[test]
fn what_a_correct_log_gives_is_clean() {
    let mut allowed = 0;
    for seed in 0..300 {
        let history = Model::run(seed, 1500, true);
        let verdict = check(&history);
        assert!(verdict.is_clean(), "seed {seed}: {:#?}", verdict.anomalies);
        assert!(verdict.judged > 20, "seed {seed} judged {}", verdict.judged);
        allowed += verdict.allowed.values().sum::<u64>();
    }
    assert!(allowed > 100, "page caches were lost, and the promise table was asked");
}

/// Spoils a history in one place. Gives `false` when it holds no such place.
type Spoil = fn(&mut History, &mut Dice) -> bool;

fn scanned(history: &mut History) -> &mut Vec<Received> {
    match history.operations.last_mut().map(|operation| &mut operation.outcome) {
        Some(Outcome::Ok(Answer::Scanned { records, .. })) => records,
        other => unreachable!("the last operation is the scan, not {other:?}"),
    }
}

fn any_of(history: &mut History, dice: &mut Dice, fits: impl Fn(&Action, &Answer) -> bool) -> Option<usize> {
    let places: Vec<usize> = (0..history.operations.len())
        .filter(|at| {
            history.operations[*at].answer().is_some_and(|answer| fits(&history.operations[*at].action, answer))
        })
        .collect();
    (!places.is_empty()).then(|| places[dice.below(places.len() as u64) as usize])
}

/// Whether what a fetch asked for had been shown before, and nobody asks to delete it.
fn is_known_to_be_there(history: &History, at: usize) -> bool {
    let Action::Fetch(fetch) = &history.operations[at].action else { return false };
    let since = history.operations[at].invoked.index;
    let shows = |other: &Operation| match other.answer() {
        Some(Answer::Fetched { high_watermark, .. }) => *high_watermark >= fetch.from && other.last_effect() < since,
        _ => false,
    };
    let deletes =
        |other: &Operation| matches!(&other.action, Action::DeleteRecords { before, .. } if *before > fetch.from);
    history.operations.iter().any(shows) && !history.operations.iter().any(deletes)
}

const SPOILS: &[(&str, Spoil, &[Class])] = &[
    (
        "drop the end of the final log",
        |history, _| {
            let records = scanned(history);
            records.truncate(records.len() / 2);
            let last = records.last().map_or(0, |last| last.offset + 1);
            let scan = history.operations.last_mut().expect("the scan");
            if let Outcome::Ok(Answer::Scanned { end, .. }) = &mut scan.outcome {
                *end = last;
            }
            true
        },
        &[Class::LostWrite],
    ),
    (
        "drop a record from the final log",
        |history, dice| {
            let records = scanned(history);
            let at = dice.below(records.len() as u64) as usize;
            records.remove(at);
            true
        },
        &[Class::Hole],
    ),
    (
        "swap two records of the final log",
        |history, dice| {
            let records = scanned(history);
            let at = dice.below(records.len() as u64 - 1) as usize;
            let (a, b) = (records[at], records[at + 1]);
            records[at] = Received { offset: a.offset, ..b };
            records[at + 1] = Received { offset: b.offset, ..a };
            true
        },
        &[Class::InconsistentOffsets, Class::TornBatch],
    ),
    (
        "repeat a record in the final log",
        |history, dice| {
            let records = scanned(history);
            let at = dice.below(records.len() as u64) as usize;
            let end = records.last().map_or(0, |last| last.offset + 1);
            let copy = Received { offset: end, ..records[at] };
            records.push(copy);
            true
        },
        &[Class::Duplicate],
    ),
    (
        "change the bytes of a record",
        |history, dice| {
            let records = scanned(history);
            let at = dice.below(records.len() as u64) as usize;
            records[at].content ^= 1;
            true
        },
        &[Class::Corruption],
    ),
    (
        "refuse a write that is in the log",
        |history, dice| {
            let id = scanned(history)[0].id;
            let _ = dice;
            let write = history.operations.iter_mut().find(|operation| match &operation.action {
                Action::Produce(produce) => produce.records.iter().any(|record| record.id == id),
                _ => false,
            });
            write.expect("it was sent").outcome = Outcome::Fail("MESSAGE_TOO_LARGE".into());
            true
        },
        &[Class::AbortedRead],
    ),
    (
        "acknowledge another offset",
        |history, dice| {
            let fits = |_: &Action, answer: &Answer| matches!(answer, Answer::Produced { .. });
            let Some(at) = any_of(history, dice, fits) else { return false };
            if let Outcome::Ok(Answer::Produced { base_offset: Some(base) }) = &mut history.operations[at].outcome {
                *base += 1;
            }
            true
        },
        &[Class::InconsistentOffsets, Class::Duplicate, Class::LostWrite, Class::NonmonotonicSend],
    ),
    (
        "leave a record out of a read",
        |history, dice| {
            let fits =
                |_: &Action, answer: &Answer| matches!(answer, Answer::Fetched { records, .. } if records.len() > 1);
            let Some(at) = any_of(history, dice, fits) else { return false };
            if let Outcome::Ok(Answer::Fetched { records, .. }) = &mut history.operations[at].outcome {
                records.remove(records.len() - 2);
            }
            true
        },
        &[Class::InternalPollSkip],
    ),
    (
        "have a read be out of range",
        |history, dice| {
            let known: Vec<usize> =
                (0..history.operations.len()).filter(|at| is_known_to_be_there(history, *at)).collect();
            let Some(at) = known.get(dice.below(known.len().max(1) as u64) as usize) else { return false };
            history.operations[*at].outcome = Outcome::Fail("OFFSET_OUT_OF_RANGE".into());
            true
        },
        &[Class::WrongOutOfRange],
    ),
    (
        "begin a read too late",
        |history, dice| {
            let fits = |action: &Action, answer: &Answer| {
                matches!((action, answer), (Action::Fetch(fetch), Answer::Fetched { records, .. })
                    if fetch.continues && !records.is_empty())
            };
            let Some(at) = any_of(history, dice, fits) else { return false };
            let read = &mut history.operations[at];
            if let (Action::Fetch(fetch), Outcome::Ok(Answer::Fetched { records, .. })) =
                (&mut read.action, &mut read.outcome)
            {
                fetch.from += 1;
                records.remove(0);
            }
            true
        },
        &[Class::ExternalPollSkip],
    ),
];

#[test]
fn each_way_of_spoiling_a_history_is_found_as_its_class() {
    for (name, spoil, classes) in SPOILS {
        let mut spoiled = 0;
        for seed in 0..40 {
            let mut history = Model::run(seed, 1000, false);
            let mut dice = Dice(seed + 77);
            if scanned(&mut history).len() < 8 || !spoil(&mut history, &mut dice) {
                continue;
            }
            spoiled += 1;
            let verdict: Verdict = check(&history);
            let found = classes.iter().any(|class| verdict.counts.contains_key(class));
            assert!(found, "{name}, seed {seed}: found {:?}", verdict.counts);
        }
        assert!(spoiled > 20, "{name}: only {spoiled} histories could be spoiled so");
    }
}

#[test]
#[allow(clippy::disallowed_methods, clippy::disallowed_types)] // measures the checker itself
fn judging_is_about_linear() {
    let time = |steps| {
        let history = Model::run(4, steps, false);
        let begun = std::time::Instant::now();
        let verdict = check(&history);
        assert!(verdict.is_clean(), "{:#?}", verdict.anomalies);
        let taken = begun.elapsed();
        println!("{} operations judged in {taken:?}", history.operations.len());
        (taken, history.operations.len())
    };
    let (small, few) = time(40_000);
    let (large, many) = time(320_000);
    let grown = many as f64 / few as f64;
    let slower = large.as_secs_f64() / small.as_secs_f64().max(1e-3);
    assert!(slower < grown * 4.0, "{few} operations take {small:?}, {many} take {large:?}");
}
