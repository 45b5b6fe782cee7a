//! The files that a run leaves behind, for whoever looks into it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // outside of the simulated world

use super::Options;
use super::stage::{Books, Played};
use crate::fleet::{Ending, RunReport};
use crate::plan::Plan;
use crate::report::recording::Recording;
use crate::repro::Repro;
use jepsen_lite::history::History;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::PoisonError;

/// Writes the history of a run, what is needed to play one that failed again, and what was recorded for a report.
///
/// # Errors
/// When the directory cannot be written to.
pub fn write(
    directory: &Path,
    options: &Options,
    plan: &Plan,
    report: &RunReport,
    (played, books): (Option<Played>, &Books),
) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let named = |what: &str| directory.join(format!("seed-{}.{what}", plan.seed));
    let repro = repro(options, plan, report);
    if report.ending != Ending::Clean {
        fs::write(named("repro"), repro.text())?;
    }
    let history = played.map_or_else(|| unfinished(books), |played| played.history);
    let mut file = BufWriter::new(File::create(named("history.jsonl"))?);
    jepsen_lite::history::write(&history, &mut file)?;
    file.flush()?;
    if let Some(recorder) = &books.recorder {
        let recording = told(recorder.recording(), &repro, report);
        let mut file = BufWriter::new(File::create(named("recording.json"))?);
        serde_json::to_writer(&mut file, &recording)?;
        file.flush()?;
    }
    Ok(())
}

/// What clients saw of a run that did not come to its end.
fn unfinished(books: &Books) -> History {
    let mut recorder = books.history.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *recorder).finish()
}

fn told(recording: Recording, repro: &Repro, report: &RunReport) -> Recording {
    let planted = repro.planted.as_ref().map_or(String::new(), |name| format!(", planted: {name}"));
    let Repro { commit, profile, plan, .. } = repro;
    let title = format!("seed {} of {profile} at commit {commit}{planted}", plan.seed);
    let mut clients: std::collections::BTreeMap<u32, String> =
        (1..).zip(plan.clients.iter().map(|client| client.name.clone())).collect();
    clients.extend([(0, "founder".to_owned()), (1000, "scanner".to_owned()), (1001, "operator".to_owned())]);
    Recording { report: Some(report.clone()), title, clients, ..recording }
}

fn repro(options: &Options, plan: &Plan, report: &RunReport) -> Repro {
    let mut git = std::process::Command::new("git");
    git.args(["describe", "--always", "--dirty"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let commit = git.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    Repro {
        commit: commit.ok().filter(|commit| !commit.is_empty()).unwrap_or_else(|| "unknown".into()),
        profile: options.profile.name.to_owned(),
        planted: options.plant.clone(),
        expected: report.ending.headline(),
        plan: plan.clone(),
    }
}
