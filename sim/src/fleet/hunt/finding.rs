//! One kind of failure: what was found, and where. Seeds that differ in nothing else are the same kind.

use crate::fleet::{Ended, Ending};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A kind of failure, and the first run that showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was found, in a line.
    pub what: String,
    /// The same without what differs from run to run: numbers, and names that end with one.
    pub kind: String,
    /// The profile of the first run.
    pub profile: String,
    /// Its seed.
    pub seed: u64,
    /// So many runs showed it.
    pub runs: u64,
    /// Its file, cut down where that went well.
    pub repro: Option<PathBuf>,
    /// The page that shows it.
    pub page: Option<PathBuf>,
}

impl Finding {
    /// What a run found that did not end clean.
    pub fn of(ended: &Ended, profile: String, repro: Option<PathBuf>) -> Finding {
        let what = match ended.report.as_ref().map(|report| &report.ending) {
            None => last_line(&ended.stderr),
            Some(Ending::Anomalies(anomalies)) => {
                anomalies.first().map_or_else(String::new, |(class, witness)| format!("{class}: {witness}"))
            }
            Some(ending) => ending.headline(),
        };
        Finding { kind: kind(ended, &what), what, profile, seed: ended.child.seed, runs: 1, repro, page: None }
    }
}

fn last_line(stderr: &str) -> String {
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    format!("died without a report: {}", last.unwrap_or("it said nothing"))
}

/// Anomalies are told apart by their classes: their witnesses name what only one run has. All else is told apart by its words.
fn kind(ended: &Ended, what: &str) -> String {
    match ended.report.as_ref().map(|report| &report.ending) {
        Some(ending @ Ending::Anomalies(_)) => ending.headline(),
        _ => without_numbers(what),
    }
}

fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if words.ends_with('#') => {}
            '0'..='9' => words.push('#'),
            other => words.push(other),
        }
    }
    words
}

/// All kinds so far.
#[derive(Debug, Default)]
pub struct Findings {
    by_kind: BTreeMap<String, Finding>,
}

impl Findings {
    /// Notes one more; the first of its kind stays.
    pub fn take(&mut self, finding: Finding) {
        match self.by_kind.get_mut(&finding.kind) {
            Some(known) => known.runs += finding.runs,
            None => drop(self.by_kind.insert(finding.kind.clone(), finding)),
        }
    }

    /// The kinds, the most frequent first.
    pub fn into_list(self) -> Vec<Finding> {
        let mut all: Vec<Finding> = self.by_kind.into_values().collect();
        all.sort_by_key(|finding| std::cmp::Reverse(finding.runs));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::children::Child;
    use crate::fleet::report::RunReport;

    fn ended(seed: u64, ending: Ending) -> Ended {
        let report = Some(RunReport { ending, ..RunReport::nothing(seed) });
        Ended { child: Child { seed, arguments: Vec::new() }, report, stderr: String::new() }
    }

    fn anomaly(class: &str, witness: &str) -> Ending {
        Ending::Anomalies(vec![(class.to_owned(), witness.to_owned())])
    }

    #[test]
    fn what_differs_in_numbers_alone_is_one_kind() {
        let mut findings = Findings::default();
        for (seed, ending) in [
            (1, Ending::Panic("assertion failed at log.rs:17: offset 5 of 9".into())),
            (2, Ending::Panic("assertion failed at log.rs:17: offset 12 of 100".into())),
            (3, anomaly("lost-write", "record 1 of topic-0")),
            (4, anomaly("lost-write", "record 2 of another")),
            (5, anomaly("duplicate", "record 2 of another")),
        ] {
            findings.take(Finding::of(&ended(seed, ending), "standard".into(), None));
        }
        let all = findings.into_list();
        let seen: Vec<(u64, u64)> = all.iter().map(|finding| (finding.seed, finding.runs)).collect();
        assert_eq!(seen.len(), 3);
        assert!(seen.contains(&(1, 2)) && seen.contains(&(3, 2)) && seen.contains(&(5, 1)), "{seen:?}");
    }

    #[test]
    fn a_run_that_died_says_its_last_words() {
        let child = Child { seed: 1, arguments: Vec::new() };
        let ended = Ended { child, report: None, stderr: "one\nmemory allocation of 9 bytes failed\n".into() };
        let finding = Finding::of(&ended, "standard".into(), None);
        assert_eq!(finding.what, "died without a report: memory allocation of 9 bytes failed");
        assert_eq!(finding.kind, "died without a report: memory allocation of # bytes failed");
    }
}
