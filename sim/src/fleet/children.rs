//! Runs seeds as child processes, some at a time.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use super::{Request, RunReport};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// One run to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Which seed.
    pub seed: u64,
    /// What it is told besides.
    pub arguments: Vec<String>,
}

/// How a run's process ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Which it was.
    pub child: Child,
    /// What it reported; `None` when it died before.
    pub report: Option<RunReport>,
    /// What it printed besides.
    pub stderr: String,
}

/// The runs of a request, in order.
pub fn children(request: &Request) -> impl Iterator<Item = Child> + Send {
    let arguments = request.arguments.clone();
    (request.from..request.from + request.count).map(move |seed| Child { seed, arguments: arguments.clone() })
}

/// Runs each child, `jobs` at a time, and hands each end to `took` as it comes, until `took` says `false`.
pub fn run_each(children: impl Iterator<Item = Child> + Send, jobs: usize, mut took: impl FnMut(Ended) -> bool) {
    let waiting = Mutex::new(children);
    let enough = AtomicBool::new(false);
    let (sender, ends) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, waiting, enough) = (sender.clone(), &waiting, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let Some(child) = waiting.lock().expect("no panic inside").next() else { break };
                    if sender.send(run_one(child)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for ended in &ends {
            if !took(ended) {
                enough.store(true, Ordering::Relaxed);
            }
        }
    });
}

fn run_one(child: Child) -> Ended {
    let program = std::env::current_exe().expect("this program has a file");
    let mut command = Command::new(program);
    command.arg("one").arg(child.seed.to_string()).args(&child.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let talks = child.arguments.iter().any(|argument| argument == "--trace" || argument == "--log");
    command.env("RUST_BACKTRACE", "0"); // the message and the last events tell more; `cargo sim one SEED` has the rest
    // Mimalloc gives pages back when they were free for a while by the clock, and here that is the simulated one: it would
    // do so all the time.
    command.env("MIMALLOC_PURGE_DELAY", "-1");
    command.stderr(if talks { Stdio::inherit() } else { Stdio::piped() });
    match command.output() {
        Ok(output) => {
            let report = RunReport::find(&String::from_utf8_lossy(&output.stdout));
            Ended { child, report, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
        }
        Err(error) => Ended { child, report: None, stderr: format!("cannot be started: {error}") },
    }
}
