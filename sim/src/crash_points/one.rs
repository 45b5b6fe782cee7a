//! One history in a process of its own.

use super::Options;
use super::crash::explore::{Report, explore};
use super::crash::histories;
use super::machine::SimulatedMachine;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What came of a history.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Row {
    history: String,
    operations: usize,
    pub judged: u64,
    pub opened: u64,
    pub recoveries: u64,
    /// What was found; also that an assertion of the storage ended it.
    pub wrong: Vec<String>,
    seconds: f64,
    /// How often the planted bug's place was reached.
    pub reached: u64,
}

/// Explores in this process, and tells in one line of JSON each.
#[allow(clippy::disallowed_types)] // measured from outside of the simulated world
pub fn run(names: &[String], options: &Options) -> bool {
    if let Some(bug) = &options.planted {
        model::marks::plant(bug);
    }
    for history in histories::all().into_iter().filter(|history| names.iter().any(|name| name == history.name)) {
        let (begun, settings, name) = (Instant::now(), options.settings(), history.name);
        let exploring = move || {
            runtime::simulation::run(1, move || async move {
                explore(&SimulatedMachine::create(), &history, settings).await
            })
        };
        let report = std::panic::catch_unwind(exploring).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
            Report { wrong: vec![format!("{name}: died: {}", said.unwrap_or_default())], ..Report::default() }
        });
        let Report { operations, judged, opened, recoveries, wrong } = report;
        let seconds = begun.elapsed().as_secs_f64();
        let reached = model::marks::counts().get("planted bug reached").copied().unwrap_or(0);
        let row = Row { history: name.to_owned(), operations, judged, opened, recoveries, wrong, seconds, reached };
        println!("{}", serde_json::to_string(&row).expect("numbers and strings"));
    }
    true
}

/// Explores `history` in a child process.
pub fn in_child(history: &str, planted: Option<&str>, options: &Options) -> Row {
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.args(["crash-points", "--here", history]).stdin(Stdio::null()).env("RUST_BACKTRACE", "0");
    if let Some(bug) = planted {
        command.args(["--planted", bug]);
    }
    if options.deep {
        command.arg("--deep");
    }
    let output = command.output().expect("this program can be started");
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice(line).unwrap_or_else(|_| {
        let words = String::from_utf8_lossy(&output.stderr);
        Row { history: history.to_owned(), wrong: vec![format!("{history}: died: {words}")], ..Row::default() }
    })
}

impl Row {
    pub fn print(&self) {
        let Row { history, operations, judged, opened, recoveries, wrong, seconds, .. } = self;
        let wrongs: String = wrong.iter().map(|wrong| format!("\n  WRONG {wrong}")).collect();
        let wrong = wrong.len();
        println!(
            "{history:<24} {operations:>10} {judged:>8} {opened:>8} {recoveries:>10} {wrong:>6} {seconds:>8.1}{wrongs}"
        );
    }
}
