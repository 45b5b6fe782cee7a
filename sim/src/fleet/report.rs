//! What a run tells the process that started it, as one line of JSON on stdout.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What begins the line.
pub const PREFIX: &str = "REPORT ";

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Nothing was found.
    Clean,
    /// The client history breaks a promise: class and witness of each anomaly.
    Anomalies(Vec<(String, String)>),
    /// A white-box invariant does not hold.
    Invariant(String),
    /// An assertion of the code failed, or something else panicked.
    Panic(String),
    /// The run did too little to prove anything.
    TooTame(String),
}

impl Ending {
    /// Who found something, for the ledger.
    pub fn caught_by(&self) -> Option<&'static str> {
        match self {
            Ending::Clean | Ending::TooTame(_) => None,
            Ending::Anomalies(_) => Some("client history"),
            Ending::Invariant(_) => Some("invariant"),
            Ending::Panic(_) => Some("assert"),
        }
    }

    /// What was found, shortly.
    pub fn headline(&self) -> String {
        match self {
            Ending::Clean => "clean".into(),
            Ending::Anomalies(anomalies) => {
                let mut classes: Vec<&str> = anomalies.iter().map(|(class, _)| class.as_str()).collect();
                classes.dedup();
                classes.join(", ")
            }
            Ending::Invariant(what) | Ending::Panic(what) | Ending::TooTame(what) => {
                what.lines().next().unwrap_or_default().to_owned()
            }
        }
    }
}

/// What one run did and found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Which.
    pub seed: u64,
    /// How it ended.
    pub ending: Ending,
    /// Simulated seconds, healing and scan included.
    pub simulated_seconds: f64,
    /// Wall-clock seconds of the run, without starting the process.
    pub wall_seconds: f64,
    /// Operations that clients completed, reads included.
    pub completed: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Operations of any outcome.
    pub operations: u64,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<String, u64>,
    /// What the promise table allowed, by class and reason.
    pub allowed: BTreeMap<String, u64>,
    /// Hash of the whole trace.
    pub trace_hash: u64,
    /// Events in it.
    pub trace_events: u64,
    /// Marks that were reached, and how often.
    pub marks: BTreeMap<String, u64>,
    /// Planted bugs that the run would have met, when none was planted.
    pub passed: BTreeSet<String>,
    /// The last events, when something was found.
    pub last_events: Vec<String>,
    /// How the cluster was in the end, when something was found.
    pub state: Vec<String>,
}

impl RunReport {
    /// Of a run that did nothing yet.
    pub fn nothing(seed: u64) -> RunReport {
        RunReport {
            seed,
            ending: Ending::Clean,
            simulated_seconds: 0.0,
            wall_seconds: 0.0,
            completed: 0,
            acknowledged: 0,
            operations: 0,
            faults: BTreeMap::new(),
            allowed: BTreeMap::new(),
            trace_hash: 0,
            trace_events: 0,
            marks: BTreeMap::new(),
            passed: BTreeSet::new(),
            last_events: Vec::new(),
            state: Vec::new(),
        }
    }

    /// The line for stdout.
    pub fn line(&self) -> String {
        format!("{PREFIX}{}", serde_json::to_string(self).expect("a report is plain data"))
    }

    /// Reads it out of a run's stdout.
    pub fn find(stdout: &str) -> Option<RunReport> {
        stdout.lines().rev().find_map(|line| serde_json::from_str(line.strip_prefix(PREFIX)?).ok())
    }

    /// Faults of all kinds.
    pub fn fault_count(&self) -> u64 {
        self.faults.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_found_among_other_output() {
        let anomaly = ("lost-write".to_owned(), "record 0/1 is not there".to_owned());
        let report = RunReport { ending: Ending::Anomalies(vec![anomaly]), ..RunReport::nothing(7) };
        let stdout = format!("hello\n{}\nworld\n", report.line());
        assert_eq!(RunReport::find(&stdout), Some(report));
        assert_eq!(RunReport::find("REPORT {}"), None);
    }

    #[test]
    fn each_ending_says_who_found_it() {
        assert_eq!(Ending::Clean.caught_by(), None);
        assert_eq!(Ending::TooTame("3 faults".into()).caught_by(), None);
        assert_eq!(Ending::Anomalies(Vec::new()).caught_by(), Some("client history"));
        assert_eq!(Ending::Panic("assertion failed\nmore".into()).headline(), "assertion failed");
    }
}
