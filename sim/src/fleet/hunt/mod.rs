//! `cargo sim fleet`: runs seeds of several profiles on all cores until the time is up, tells failures apart by what was found
//! and where, and leaves a folder that a person can act on: a `.repro` file of each kind of failure, cut down, with a page that
//! shows it, and a summary.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the fleet lives outside of every simulated world

mod finding;
mod summary;

use super::children::{Child, run_each};
use super::menu::LastFleet;
use super::{Ended, Ending};
use crate::profile::Profile;
use finding::{Finding, Findings};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use summary::Summary;
pub use summary::merge;

/// What is asked of a fleet.
pub struct Options {
    /// So long new seeds are begun.
    pub time: Duration,
    /// The first seed of each profile.
    pub from: u64,
    /// So many runs at the same time.
    pub jobs: usize,
    /// The profiles, in turn.
    pub profiles: Vec<&'static Profile>,
    /// What each run is told besides.
    pub arguments: Vec<String>,
    /// Where everything is left.
    pub out: PathBuf,
    /// So long each kind of failure is cut down; not at all when zero.
    pub shrink_for: Duration,
}

/// Runs them; `true` when nothing was found.
///
/// # Errors
/// When the folder cannot be written to, in words.
pub fn run(options: &Options) -> Result<bool, String> {
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    let begun = Instant::now();
    let (mut summary, mut findings) = (Summary::default(), Findings::default());
    run_each(seeds(options, begun), options.jobs, |ended| {
        summary.take(&ended);
        if let Some(finding) = finding_of(options, &ended) {
            println!("seed {} of {}: {}", ended.child.seed, finding.profile, finding.what);
            findings.take(finding);
        }
        true
    });
    summary.wall_seconds = begun.elapsed().as_secs_f64();
    summary.findings = findings.into_list();
    for finding in &mut summary.findings {
        present(options, finding);
    }
    summary.write(&options.out)?;
    LastFleet { runs: summary.runs, faults: summary.faults.clone() }.remember();
    print!("{summary}");
    Ok(summary.findings.is_empty())
}

/// Seeds of each profile in turn, until the time is up.
fn seeds(options: &Options, begun: Instant) -> impl Iterator<Item = Child> + Send + use<> {
    let (time, from, profiles, arguments) =
        (options.time, options.from, options.profiles.clone(), options.arguments.clone());
    let out = options.out.join("runs");
    (0_u64..).take_while(move |_| begun.elapsed() < time).map(move |number| {
        let turn = number % profiles.len() as u64;
        let profile = profiles[turn as usize];
        let mut arguments = arguments.clone();
        arguments.extend(["--profile".to_owned(), profile.name.to_owned()]);
        arguments.extend(["--out".to_owned(), out.join(profile.name).display().to_string()]);
        Child { seed: from + number / profiles.len() as u64, arguments }
    })
}

/// What a run found; takes away what a run left that found nothing.
fn finding_of(options: &Options, ended: &Ended) -> Option<Finding> {
    let after = |name: &str| {
        let at = ended.child.arguments.iter().rposition(|argument| argument == name)?;
        ended.child.arguments.get(at + 1).cloned()
    };
    let profile = after("--profile").unwrap_or_default();
    let seed = ended.child.seed;
    let folder = options.out.join("runs").join(&profile);
    if ended.report.as_ref().is_some_and(|report| report.ending == Ending::Clean) {
        let _ = std::fs::remove_file(folder.join(format!("seed-{seed}.history.jsonl")));
        return None;
    }
    let repro = folder.join(format!("seed-{seed}.repro"));
    Some(Finding::of(ended, profile, repro.exists().then_some(repro)))
}

/// Cuts the first failure of a kind down and draws it. What does not work is said, and what there is stays.
fn present(options: &Options, finding: &mut Finding) {
    let Some(repro) = finding.repro.clone() else { return };
    if !options.shrink_for.is_zero() {
        let time = format!("{}s", options.shrink_for.as_secs());
        this_program(&["shrink", &repro.display().to_string(), "--for", &time]);
        let shrunk = repro.with_extension("shrunk.repro");
        if shrunk.exists() {
            finding.repro = Some(shrunk);
        }
    }
    let repro = finding.repro.as_deref().unwrap_or(&repro);
    if this_program(&["report", &repro.display().to_string()]) {
        finding.page = Some(repro.with_extension("html")).filter(|page| Path::exists(page));
    }
}

/// Runs this program with other arguments, and says whether it ended well.
fn this_program(arguments: &[&str]) -> bool {
    let program = std::env::current_exe().expect("this program has a file");
    let ended = Command::new(program).args(arguments).stdin(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}
