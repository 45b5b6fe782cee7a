//! Histories that a model makes: what a right coordinator with concurrent members and committers gives must be clean,
//! whatever the seed, and each way of spoiling it must be found as its class.

use super::story::{classic, partition};
use crate::checker::{Class, check};
use crate::history::{
    Action, Answer, CommitOffset, Consume, FetchOffset, GroupMember, History, OperationId, Outcome, Own, PartitionText,
    Process, Received, RecordId, Recorder,
};
use model::Offset;
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

/// A request of a client: sent, perhaps done, not yet answered.
struct Pending {
    id: OperationId,
    action: Action,
    outcome: Option<Outcome>,
}

/// A coordinator that does everything right, with one group and one partition; one member owns it at a time.
struct Model {
    recorder: Recorder,
    dice: Dice,
    now: u64,
    committed: Option<(Offset, u64)>,
    generation: i32,
    owner: Option<(OperationId, GroupMember)>,
    members: i32,
    position: Offset,
    marks: u64,
    /// Credentials that somebody may still use.
    known: Vec<GroupMember>,
    waiting: BTreeMap<Process, Pending>,
}

const CLIENTS: u64 = 6;
/// Who consumes and commits in good order.
const OWNER: Process = 50;

impl Model {
    fn run(seed: u64, steps: u32) -> History {
        let mut model = Model {
            recorder: Recorder::new(),
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: 0,
            committed: None,
            generation: 0,
            owner: None,
            members: 0,
            position: 0,
            marks: 0,
            known: Vec::new(),
            waiting: BTreeMap::new(),
        };
        for _ in 0..steps {
            model.step();
        }
        model.recorder.finish()
    }

    fn at(&mut self) -> u64 {
        self.now += 1000;
        self.now
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..3 => self.rebalance(),
            3..10 => self.consume(),
            _ => {
                let process = self.dice.below(CLIENTS) as Process;
                match self.waiting.remove(&process) {
                    None => self.invoke(process),
                    Some(pending) if pending.outcome.is_none() => {
                        let outcome = Some(self.apply(&pending.action));
                        self.waiting.insert(process, Pending { outcome, ..pending });
                    }
                    Some(pending) => {
                        let lost = self.dice.below(30) == 0;
                        let outcome = pending.outcome.filter(|_| !lost);
                        let at = self.at();
                        let outcome = outcome.unwrap_or_else(|| Outcome::Unknown("timed out".into()));
                        self.recorder.complete(at, pending.id, outcome);
                    }
                }
            }
        }
    }

    /// The partition goes to another member, who begins where the last commit is. The one before may not know.
    fn rebalance(&mut self) {
        let before = self.owner.take();
        let silent = self.dice.below(2) == 0;
        if let (Some((id, _)), false) = (&before, silent) {
            let at = self.at();
            self.recorder.complete(at, *id, Outcome::Ok(Answer::Done));
        }
        self.generation += 1;
        self.members += 1;
        let by = classic(&format!("m-{}", self.members), self.generation);
        let own = Own {
            group: "g".into(),
            by: by.clone(),
            partitions: vec![PartitionText(partition(0))],
            session_ms: 1,
            commits_itself: false,
            from_start: true,
        };
        let at = self.at();
        let id = self.recorder.invoke(at, OWNER, Action::Own(own));
        if let (Some((id, _)), true) = (before, silent) {
            let at = self.at();
            self.recorder.complete(at, id, Outcome::Unknown("crashed".into()));
        }
        self.position = self.committed.map_or(0, |(offset, _)| offset);
        self.known.push(by.clone());
        self.owner = Some((id, by));
    }

    fn consume(&mut self) {
        let Some((_, by)) = self.owner.clone() else { return };
        let count = 1 + self.dice.below(5) as Offset;
        let received = |offset: Offset| Received {
            offset,
            id: RecordId::new(0, offset as u32),
            content: 1,
            timestamp: 1,
            epoch: 0,
        };
        let records = (self.position..self.position + count).map(received).collect();
        self.position += count;
        let consume = Consume { group: "g".into(), member: by.id, partition: partition(0) };
        let (from, to) = (self.at(), self.at());
        let id = self.recorder.invoke(from, OWNER, Action::Consume(consume));
        let answer = Answer::Fetched { records, high_watermark: -1, log_start: -1 };
        self.recorder.complete(to, id, Outcome::Ok(answer));
    }

    fn invoke(&mut self, process: Process) {
        let action = if self.known.is_empty() || self.dice.below(2) == 0 {
            let (group, partition) = ("g".to_owned(), partition(0));
            Action::FetchOffset(FetchOffset { group, partition, node: None, may_be_old_ms: 0, may_expire: false })
        } else {
            self.marks += 1;
            let which = self.dice.below(3).min(self.known.len() as u64 - 1) as usize;
            let by = self.known[self.known.len() - 1 - which].clone();
            Action::CommitOffset(CommitOffset {
                group: "g".into(),
                by: Some(by),
                partition: partition(0),
                offset: self.position,
                leader_epoch: 0,
                mark: self.marks,
            })
        };
        let at = self.at();
        let id = self.recorder.invoke(at, process, action.clone());
        self.waiting.insert(process, Pending { id, action, outcome: None });
    }

    fn apply(&mut self, action: &Action) -> Outcome {
        match action {
            Action::CommitOffset(commit) => {
                let by = commit.by.as_ref().expect("members alone commit here");
                if by.epoch != self.generation {
                    return Outcome::Fail("ILLEGAL_GENERATION".into());
                }
                self.committed = Some((commit.offset, commit.mark));
                Outcome::Ok(Answer::Committed { epoch: by.epoch })
            }
            _ => Outcome::Ok(match self.committed {
                Some((offset, mark)) => Answer::CommittedOffset { offset, leader_epoch: 0, mark: Some(mark) },
                None => Answer::CommittedOffset { offset: -1, leader_epoch: -1, mark: None },
            }),
        }
    }
}

#[test]
fn a_right_coordinator_is_clean() {
    for seed in 0..150 {
        let verdict = check(&Model::run(seed, 4000));
        assert!(verdict.is_clean(), "seed {seed}: {:#?}", verdict.anomalies);
    }
}

/// A way of making a history wrong, and what must be found then. Gives whether it could be done.
type Spoil = fn(&mut History, &mut Dice) -> bool;

fn any_of(history: &History, dice: &mut Dice, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..history.operations.len()).filter(|at| fits(*at)).collect();
    (!fitting.is_empty()).then(|| fitting[dice.below(fitting.len() as u64) as usize])
}

fn is_lookup(history: &History, at: usize) -> bool {
    matches!(history.operations[at].answer(), Some(Answer::CommittedOffset { mark: Some(_), .. }))
}

const SPOILS: &[(&str, Spoil, Class)] = &[
    (
        "a lookup is told what an earlier one was told, long ago",
        |history, dice| {
            let Some(late) = any_of(history, dice, |at| at > 600 && is_lookup(history, at)) else { return false };
            let Some(early) = (0..late).find(|at| is_lookup(history, *at)) else { return false };
            history.operations[late].outcome = history.operations[early].outcome.clone();
            late - early > 300
        },
        Class::StaleCommitRead,
    ),
    (
        "a lookup is told that nothing was committed",
        |history, dice| {
            let Some(late) = any_of(history, dice, |at| at > 600 && is_lookup(history, at)) else { return false };
            let nothing = Answer::CommittedOffset { offset: -1, leader_epoch: -1, mark: None };
            history.operations[late].outcome = Outcome::Ok(nothing);
            true
        },
        Class::StaleCommitRead,
    ),
    (
        "a commit comes back with another offset",
        |history, dice| {
            let Some(at) = any_of(history, dice, |at| is_lookup(history, at)) else { return false };
            if let Outcome::Ok(Answer::CommittedOffset { offset, .. }) = &mut history.operations[at].outcome {
                *offset += 1;
            }
            true
        },
        Class::WrongCommit,
    ),
    (
        "a zombie's commit is taken",
        |history, dice| {
            // What was sent after the next owner knew.
            let newest = |history: &History, at: usize| {
                let owns = history.operations[..at].iter().filter_map(|o| match &o.action {
                    Action::Own(own) => Some(own.by.epoch),
                    _ => None,
                });
                owns.max().unwrap_or(0)
            };
            let fits = |at: usize| match &history.operations[at].action {
                Action::CommitOffset(CommitOffset { by: Some(by), .. }) => {
                    history.operations[at].is_failed() && by.epoch < newest(history, at)
                }
                _ => false,
            };
            let Some(at) = any_of(history, dice, fits) else { return false };
            let Action::CommitOffset(CommitOffset { by: Some(by), .. }) = &history.operations[at].action else {
                return false;
            };
            history.operations[at].outcome = Outcome::Ok(Answer::Committed { epoch: by.epoch });
            true
        },
        Class::ZombieCommit,
    ),
    (
        "two are given the partition in one generation",
        |history, dice| {
            let fits = |at: usize| at > 100 && matches!(history.operations[at].action, Action::Own(_));
            let Some(at) = any_of(history, dice, fits) else { return false };
            if let Action::Own(own) = &mut history.operations[at].action {
                own.by.epoch -= 1;
            }
            true
        },
        Class::DoubleOwner,
    ),
];

#[test]
fn each_way_of_spoiling_a_history_is_found_as_its_class() {
    for (name, spoil, class) in SPOILS {
        let mut spoiled = 0;
        for seed in 0..40 {
            let mut history = Model::run(seed, 4000);
            if !spoil(&mut history, &mut Dice(seed + 77)) {
                continue;
            }
            spoiled += 1;
            let verdict = check(&history);
            assert!(verdict.counts.contains_key(class), "{name}, seed {seed}: found {:?}", verdict.counts);
        }
        assert!(spoiled > 20, "{name}: only {spoiled} histories could be spoiled so");
    }
}
