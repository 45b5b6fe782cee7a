//! Runs seeds as child processes, some at a time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the fleet lives outside of every simulated world

use super::{Request, RunReport};
use std::io::{self, Read};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
pub fn run_each(children: impl Iterator<Item = Child> + Send, jobs: usize, took: impl FnMut(Ended) -> bool) {
    run_each_within(children, jobs, None, took);
}

/// The same. A child that takes longer than `limit` is killed, and counts as dead.
pub fn run_each_within(
    children: impl Iterator<Item = Child> + Send,
    jobs: usize,
    limit: Option<Duration>,
    mut took: impl FnMut(Ended) -> bool,
) {
    let waiting = Mutex::new(children);
    let enough = AtomicBool::new(false);
    let (sender, ends) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, waiting, enough) = (sender.clone(), &waiting, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let Some(child) = waiting.lock().expect("no panic inside").next() else { break };
                    if sender.send(run_one(child, limit)).is_err() {
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

fn run_one(child: Child, limit: Option<Duration>) -> Ended {
    let program = std::env::current_exe().expect("this program has a file");
    let mut command = Command::new(program);
    command.arg("one").arg(child.seed.to_string()).args(&child.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let talks = child.arguments.iter().any(|argument| argument == "--trace" || argument == "--log");
    command.env("RUST_BACKTRACE", "0"); // the message and the last events tell more; `cargo sim one SEED` has the rest
    // Mimalloc gives pages back when they were free for a while by the clock, and here that is the simulated one: it would
    // do so all the time.
    command.env("MIMALLOC_PURGE_DELAY", "-1");
    command.stderr(if talks { Stdio::inherit() } else { Stdio::piped() });
    let output = match limit {
        None => command.output(),
        Some(limit) => output_within(&mut command, limit),
    };
    match output {
        Ok(output) => {
            let report = RunReport::find(&String::from_utf8_lossy(&output.stdout));
            Ended { child, report, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
        }
        Err(error) => Ended { child, report: None, stderr: format!("cannot be started: {error}") },
    }
}

/// What a process printed until it ended or was killed.
fn output_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    let mut process = command.spawn()?;
    let (stdout, stderr) = (process.stdout.take().map(read_beside), process.stderr.take().map(read_beside));
    let deadline = Instant::now() + limit;
    let status = loop {
        match process.try_wait()? {
            Some(status) => break status,
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            None => {
                process.kill()?;
                break process.wait()?;
            }
        }
    };
    let read = |reading: Option<JoinHandle<Vec<u8>>>| reading.and_then(|r| r.join().ok()).unwrap_or_default();
    Ok(Output { status, stdout: read(stdout), stderr: read(stderr) })
}

/// Reads to the end on a thread of its own, so that the process never waits for a full pipe.
fn read_beside(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes); // what was read before an error counts
        bytes
    })
}
