//! What a fleet did and found, to read and to merge with those of other machines.

use super::finding::{Finding, Findings};
use crate::fleet::Ended;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Its file in the folder of a fleet.
const FILE: &str = "summary.json";

/// What a fleet did and found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Runs that were finished.
    pub runs: u64,
    /// Simulated seconds of all of them.
    pub simulated_seconds: f64,
    /// Seconds of a core that they took.
    pub run_seconds: f64,
    /// Seconds that the fleet took.
    pub wall_seconds: f64,
    /// Operations that clients completed.
    pub completed: u64,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Marks that were reached, and how often.
    pub marks: BTreeMap<String, u64>,
    /// Every kind of failure, the most frequent first.
    pub findings: Vec<Finding>,
}

impl Summary {
    /// Counts one run.
    pub fn take(&mut self, ended: &Ended) {
        self.runs += 1;
        let Some(report) = &ended.report else { return };
        self.simulated_seconds += report.simulated_seconds;
        self.run_seconds += report.wall_seconds;
        self.completed += report.completed;
        add(&mut self.faults, &report.faults);
        add(&mut self.marks, &report.marks);
    }

    /// Leaves it in the folder, for a person and for [`merge`].
    ///
    /// # Errors
    /// When that cannot be written, in words.
    #[allow(clippy::disallowed_methods)] // outside of every simulated world
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let json = serde_json::to_string_pretty(self).expect("a summary is plain data");
        let written = std::fs::write(folder.join(FILE), json)
            .and_then(|()| std::fs::write(folder.join("summary.txt"), self.to_string()));
        written.map_err(|error| format!("{}: {error}", folder.display()))
    }

    #[allow(clippy::disallowed_methods)] // outside of every simulated world
    fn read(folder: &Path) -> Result<Summary, String> {
        let file = folder.join(FILE);
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// Prints one summary of the fleets that left these folders; `true` when none of them found anything.
///
/// # Errors
/// The first folder that holds no summary, in words.
pub fn merge(folders: &[PathBuf]) -> Result<bool, String> {
    let mut whole = Summary::default();
    let mut findings = Findings::default();
    for folder in folders {
        let part = Summary::read(folder)?;
        whole.runs += part.runs;
        whole.simulated_seconds += part.simulated_seconds;
        whole.run_seconds += part.run_seconds;
        whole.wall_seconds = whole.wall_seconds.max(part.wall_seconds);
        whole.completed += part.completed;
        add(&mut whole.faults, &part.faults);
        add(&mut whole.marks, &part.marks);
        part.findings.into_iter().for_each(|finding| findings.take(finding));
    }
    whole.findings = findings.into_list();
    print!("{whole}");
    Ok(whole.findings.is_empty())
}

fn add(to: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    for (name, count) in from {
        *to.entry(name.clone()).or_insert(0) += count;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} runs, {:.2} simulated hours in {:.0} s ({:.0} : 1 on each core), {} operations completed, {} faults of {} \
             kinds, {} marks reached",
            self.runs,
            self.simulated_seconds / 3600.0,
            self.wall_seconds,
            self.simulated_seconds / self.run_seconds.max(1e-9),
            self.completed,
            self.faults.values().sum::<u64>(),
            self.faults.len(),
            self.marks.len(),
        )?;
        if self.findings.is_empty() {
            return writeln!(f, "nothing was found");
        }
        for finding in &self.findings {
            let Finding { what, profile, seed, runs, .. } = finding;
            writeln!(f, "{runs} of {} runs: {what}", self.runs)?;
            writeln!(f, "    first: cargo sim --profile {profile} --seed {seed}")?;
            if let Some(repro) = &finding.repro {
                writeln!(f, "    again: cargo sim replay {}", repro.display())?;
            }
            if let Some(page) = &finding.page {
                writeln!(f, "    to see: {}", page.display())?;
            }
        }
        writeln!(f, "{} kinds of failure", self.findings.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_to_do_with_each_finding() {
        let finding = Finding {
            what: "lost-write: record 1".into(),
            kind: "lost-write".into(),
            profile: "cluster".into(),
            seed: 7,
            runs: 2,
            repro: Some("out/seed-7.repro".into()),
            page: None,
        };
        let text = Summary { runs: 9, findings: vec![finding], ..Summary::default() }.to_string();
        assert!(text.contains("2 of 9 runs: lost-write: record 1"), "{text}");
        assert!(text.contains("cargo sim --profile cluster --seed 7"), "{text}");
        assert!(text.contains("cargo sim replay out/seed-7.repro"), "{text}");
        assert!(Summary::default().to_string().contains("nothing was found"));
    }
}
