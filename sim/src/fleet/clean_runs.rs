//! What this program's runs did with no bug planted: a bug that a seed does not pass cannot change its run, so the ledger
//! need not run it, and what is found in a seed that is not clean by itself the bug did not do.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the fleet lives outside of every simulated world

use super::{Child, Ended, run_each};
use crate::building;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// A seed's run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanRun {
    /// Of the program with this size and time of building.
    program: String,
    /// What the world is.
    world: String,
    seed: u64,
    /// Whether nothing was found.
    pub is_clean: bool,
    /// The bugs whose places it passed.
    pub passed: BTreeSet<String>,
}

/// All that are known, kept in a file from one command to the next while the program stays the same.
pub struct CleanRuns {
    program: String,
    of: BTreeMap<(String, u64), CleanRun>,
}

impl CleanRuns {
    /// Those of earlier commands. Without a file, or with one of another program, there are none.
    pub fn remembered() -> CleanRuns {
        let program = program();
        let text = fs::read_to_string(file()).unwrap_or_default();
        let runs = text.lines().filter_map(|line| serde_json::from_str::<CleanRun>(line).ok());
        let of = runs.filter(|run| run.program == program).map(|run| ((run.world.clone(), run.seed), run)).collect();
        CleanRuns { program, of }
    }

    /// A run that ended. One with a bug planted, or that died, tells nothing.
    pub fn take(&mut self, ended: &Ended) {
        let (Some(world), Some(report)) = (world(&ended.child.arguments), &ended.report) else { return };
        let run = CleanRun {
            program: self.program.clone(),
            world: world.clone(),
            seed: report.seed,
            is_clean: report.ending.caught_by().is_none(),
            passed: report.passed.clone(),
        };
        remember(&run);
        self.of.insert((world, report.seed), run);
    }

    /// The run of one seed, when it is known.
    pub fn get(&self, seed: u64, arguments: &[String]) -> Option<&CleanRun> {
        self.of.get(&(world(arguments)?, seed))
    }

    /// Runs those of the seeds that are not known.
    pub fn learn(&mut self, seeds: std::ops::Range<u64>, arguments: &[String], jobs: usize) {
        let missing: Vec<u64> = seeds.filter(|seed| self.get(*seed, arguments).is_none()).collect();
        let children = missing.into_iter().map(|seed| Child { seed, arguments: arguments.to_vec() });
        run_each(children, jobs, |ended| {
            self.take(&ended);
            true
        });
    }
}

/// What decides a run besides its seed; `None` when a bug is planted. How it is judged, and what it leaves behind, does not.
fn world(arguments: &[String]) -> Option<String> {
    let mut words = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--plant" | "--planted-nondeterminism" | "--repro" => return None,
            "--out" | "--log" => drop(arguments.next()),
            "--blind" | "--trace" | "--record" => {}
            word => words.push(word),
        }
    }
    Some(words.join(" "))
}

fn file() -> PathBuf {
    building::target().join("clean-runs.jsonl")
}

fn program() -> String {
    let of_program = std::env::current_exe().and_then(fs::metadata).and_then(|file| Ok((file.len(), file.modified()?)));
    format!("{:?}", of_program.expect("this program has a file"))
}

/// One line, appended at once, so that several commands may write. Where that cannot be done each learns for itself.
fn remember(run: &CleanRun) {
    let line = serde_json::to_string(run).expect("a run is plain data") + "\n";
    let opened = OpenOptions::new().create(true).append(true).open(file());
    let _ = opened.and_then(|mut file| file.write_all(line.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_what_decides_a_run() {
        let world = |words: &str| world(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(world("--profile groups --blind --out somewhere"), Some("--profile groups".to_owned()));
        assert_eq!(world("--out somewhere --time 5s --profile groups"), Some("--time 5s --profile groups".to_owned()));
        assert_eq!(world("--profile groups --plant R07"), None);
    }
}
