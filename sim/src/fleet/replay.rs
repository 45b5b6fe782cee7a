//! `cargo sim replay`: plays a `.repro` file, and says whether what it expects was found.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use super::shrink::signature::is_expected;
use super::{Child, Ending, Request, run_each, seeds};
use crate::repro::Repro;
use std::path::Path;
use std::process::ExitCode;

/// What came of playing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What it expects was found.
    AsExpected,
    /// Something else was found.
    Another,
    /// Nothing is found any more.
    Nothing,
    /// It cannot be read, or the run died.
    Unusable,
}

impl Outcome {
    /// How a run ended, compared with the headline of an earlier one.
    pub fn of(ending: &Ending, expected: &str) -> Outcome {
        match ending {
            Ending::Clean | Ending::TooTame(_) => Outcome::Nothing,
            _ if is_expected(ending, expected) => Outcome::AsExpected,
            _ => Outcome::Another,
        }
    }

    /// For people.
    pub fn describe(self, ending: &Ending, expected: &str) -> String {
        let now = ending.headline();
        match self {
            Outcome::AsExpected => format!("as expected: {now}"),
            Outcome::Another => format!("expected {expected}, and found: {now}"),
            Outcome::Nothing => format!("expected {expected}, and nothing is found any more: {now}"),
            Outcome::Unusable => "the run died".into(),
        }
    }

    /// What the process exits with: 0 when nothing is found any more, 1 for the same anomaly, 2 when the file cannot be
    /// played, 3 for another anomaly.
    pub fn of_replay(self) -> ExitCode {
        match self {
            Outcome::Nothing => ExitCode::SUCCESS,
            Outcome::AsExpected => ExitCode::from(1),
            Outcome::Unusable => ExitCode::from(2),
            Outcome::Another => ExitCode::from(3),
        }
    }

    /// The same for what has to find the anomaly to do its work: 0 when it did, 4 when nothing is found any more.
    pub fn of_shrinking(self) -> ExitCode {
        match self {
            Outcome::AsExpected => ExitCode::SUCCESS,
            Outcome::Nothing => ExitCode::from(4),
            Outcome::Unusable | Outcome::Another => self.of_replay(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// Why it cannot be played.
pub fn read(file: &Path) -> Result<Repro, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    Repro::read(&text)
}

/// What a run is told to be like the one that the file is of, besides what was `given` by whoever asks for it.
pub fn arguments(repro: &Repro, given: &[String]) -> Vec<String> {
    let mut arguments = given.to_vec();
    let of_file = [("--plant", repro.planted.as_ref()), ("--profile", Some(&repro.profile))];
    for (name, value) in of_file.into_iter().filter(|(name, _)| !given.iter().any(|one| one == name)) {
        arguments.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.clone()]));
    }
    arguments
}

/// Plays it.
pub fn run(file: &Path, request: &Request) -> Outcome {
    let repro = match read(file) {
        Ok(repro) => repro,
        Err(why) => {
            println!("{}: {why}", file.display());
            return Outcome::Unusable;
        }
    };
    println!("found at commit {}, profile {}: {}", repro.commit, repro.profile, repro.expected);
    let mut arguments = arguments(&repro, &request.arguments);
    arguments.extend(["--repro".to_owned(), file.display().to_string()]);
    let request = Request { from: repro.plan.seed, count: 1, arguments, ..request.clone() };
    let mut ending = None;
    run_each([Child { seed: request.from, arguments: request.arguments.clone() }].into_iter(), 1, |ended| {
        seeds::show(&request, &ended);
        ending = ended.report.map(|report| report.ending);
        true
    });
    let outcome = ending.as_ref().map_or(Outcome::Unusable, |ending| Outcome::of(ending, &repro.expected));
    println!("{}", outcome.describe(&ending.unwrap_or(Ending::Clean), &repro.expected));
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_another_and_no_anomaly_are_told_apart() {
        let found = |class: &str| Ending::Anomalies(vec![(class.to_owned(), "in topic-0-0, it is gone".to_owned())]);
        assert_eq!(Outcome::of(&found("lost-write"), "lost-write, unseen"), Outcome::AsExpected);
        assert_eq!(Outcome::of(&found("hole"), "lost-write, unseen"), Outcome::Another);
        assert_eq!(Outcome::of(&Ending::Panic("x (a.rs:1)".into()), "lost-write"), Outcome::Another);
        assert_eq!(Outcome::of(&Ending::Panic("x 7 (a.rs:1)".into()), "x 9 (a.rs:12)"), Outcome::AsExpected);
        assert_eq!(Outcome::of(&Ending::TooTame("1 fault".into()), "lost-write"), Outcome::Nothing);
        let codes = [Outcome::AsExpected, Outcome::Another, Outcome::Nothing, Outcome::Unusable];
        let codes: Vec<String> = codes.iter().map(|outcome| format!("{:?}", outcome.of_replay())).collect();
        let unique: std::collections::BTreeSet<&String> = codes.iter().collect();
        assert_eq!(unique.len(), 4, "{codes:?}");
    }
}
