//! What there is to tell of a run: what clients saw, what was recorded inside, what is wrong with it, and where to look.

use super::recording::Recording;
use super::words;
use crate::fleet::Ending;
use crate::fleet::shrink::signature::partition_in;
use jepsen_lite::checker::{self, Verdict};
use jepsen_lite::history::{Action, History, Operation, OperationId};
use std::collections::BTreeSet;

/// Partitions that are drawn in full, at most.
const FOCUS: usize = 3;
/// Witnesses that are told, at most.
const WITNESSES: usize = 12;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// What kind.
    pub class: String,
    /// One sentence that says what.
    pub sentence: String,
    /// The partition it names, if any.
    pub partition: Option<String>,
    /// The operations that show it.
    pub operations: Vec<OperationId>,
    /// From when to when, in microseconds.
    pub span: (u64, u64),
}

/// Everything about one run.
pub struct Story {
    /// What clients saw.
    pub history: History,
    /// What was recorded inside; empty when nothing was.
    pub recording: Recording,
    /// What is wrong, what matters most first.
    pub witnesses: Vec<Witness>,
    /// The partitions to look at.
    pub focus: Vec<String>,
}

impl Story {
    /// Judges a history, and finds out where to look. `partition` is looked at first.
    pub fn new(history: History, recording: Recording, partition: Option<&str>) -> Story {
        let witnesses = witnesses(&history, &recording);
        let named = witnesses.iter().filter_map(|witness| witness.partition.clone());
        let mut focus: Vec<String> = Vec::new();
        for one in partition.map(str::to_owned).into_iter().chain(named) {
            if !focus.contains(&one) && focus.len() < FOCUS {
                focus.push(one);
            }
        }
        if focus.is_empty() {
            focus.extend(busiest(&history));
        }
        Story { history, recording, witnesses, focus }
    }

    /// When it was over, in microseconds.
    pub fn ended(&self) -> u64 {
        let last = self.history.operations.iter().map(|operation| {
            let moment = operation.completed.unwrap_or(operation.invoked);
            moment.at / 1000
        });
        last.max().unwrap_or(0).max(self.recording.ended).max(1)
    }

    /// From when to when to look, in microseconds: what the first witness speaks of.
    pub fn span(&self) -> (u64, u64) {
        self.witnesses.first().map_or_else(|| (0, self.ended()), |witness| witness.span)
    }

    /// How far from what is wrong a moment is, in microseconds.
    pub fn distance(&self, at: u64) -> u64 {
        let (from, to) = self.span();
        from.saturating_sub(at) + at.saturating_sub(to)
    }

    /// The operations that show what is wrong.
    pub fn shown(&self) -> BTreeSet<OperationId> {
        self.witnesses.iter().flat_map(|witness| witness.operations.iter().copied()).collect()
    }

    /// What is wrong, in a line.
    pub fn headline(&self) -> String {
        match &self.witnesses[..] {
            [] => "nothing is wrong".into(),
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
                format!("{}: {}{more}", first.class, first.sentence)
            }
        }
    }

    /// The name of a client.
    pub fn client(&self, process: u32) -> String {
        self.recording.clients.get(&process).cloned().unwrap_or_else(|| format!("client {process}"))
    }
}

fn witnesses(history: &History, recording: &Recording) -> Vec<Witness> {
    let ending = recording.report.as_ref().map(|report| &report.ending);
    let mut all: Vec<Witness> = match ending {
        Some(Ending::Invariant(what)) => vec![inside("invariant", what, history, recording)],
        Some(Ending::Panic(what)) => vec![inside("assertion", what, history, recording)],
        _ => Vec::new(),
    };
    // What did not come to its end lacks its final reads, and would be judged by what is not there.
    if all.is_empty() {
        all.extend(seen(history, &checker::check(history)));
    }
    all.truncate(WITNESSES);
    all
}

/// What an assertion or an invariant says, at the moment at which the run ended.
fn inside(class: &str, what: &str, history: &History, recording: &Recording) -> Witness {
    let headline = what.lines().next().unwrap_or_default();
    let sentence = headline.strip_prefix(crate::invariants::PREFIX).unwrap_or(headline).to_owned();
    let mut topics: Vec<String> = history.operations.iter().filter_map(|o| topic_of(&o.action)).collect();
    topics.sort();
    topics.dedup();
    topics.push(crate::plan::OFFSETS_TOPIC.to_owned());
    let partition = partition_in(&sentence, &topics);
    let last = history.operations.iter().rposition(|o| o.is_ok() && words::partition(&o.action) == partition);
    let operations = last.filter(|_| partition.is_some()).map(|last| last as OperationId).into_iter().collect();
    let at = recording.ended;
    Witness { class: class.into(), sentence, partition, operations, span: (at.saturating_sub(1_000_000), at) }
}

fn topic_of(action: &Action) -> Option<String> {
    match action {
        Action::CreateTopic(create) => Some(create.topic.clone()),
        _ => None,
    }
}

/// What the history shows.
fn seen(history: &History, verdict: &Verdict) -> Vec<Witness> {
    let witness = |anomaly: &checker::Anomaly| Witness {
        class: anomaly.class.name().to_owned(),
        sentence: anomaly.witness.clone(),
        partition: anomaly.partition.as_ref().map(ToString::to_string),
        operations: anomaly.operations.clone(),
        span: span_of(history, &anomaly.operations),
    };
    verdict.anomalies.iter().map(witness).collect()
}

/// From when to when operations were on their way. The final reads, which only find out, count where there is nothing else.
fn span_of(history: &History, operations: &[OperationId]) -> (u64, u64) {
    let all: Vec<&Operation> = operations.iter().filter_map(|id| history.operations.get(*id as usize)).collect();
    let healed = history.healed.map_or(u64::MAX, |moment| moment.at);
    let early: Vec<&Operation> = all.iter().copied().filter(|operation| operation.invoked.at < healed).collect();
    let of = if early.is_empty() { all } else { early };
    let began = of.iter().map(|operation| operation.invoked.at / 1000).min().unwrap_or(0);
    let ended = of.iter().map(|operation| operation.completed.unwrap_or(operation.invoked).at / 1000).max();
    (began, ended.unwrap_or(0).max(began + 1))
}

/// The partition that was written to most.
fn busiest(history: &History) -> Option<String> {
    let mut writes: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    for operation in history.operations.iter().filter(|o| matches!(o.action, Action::Produce(_))) {
        *writes.entry(words::partition(&operation.action)?).or_default() += 1;
    }
    writes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name)
}
