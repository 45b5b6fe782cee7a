//! `cargo sim --seeds`: runs seeds and says what they found.

use super::children::children;
use super::clean_runs::CleanRuns;
use super::menu::LastFleet;
use super::{Ended, Ending, Request, RunReport, run_each};
use std::collections::BTreeMap;
use std::time::Instant;

/// Runs them; `true` when every one passed.
#[allow(clippy::disallowed_methods, clippy::disallowed_types)] // the fleet lives outside of every simulated world
pub fn run(request: &Request) -> bool {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut clean_runs = CleanRuns::remembered();
    run_each(children(request), request.jobs, |ended| {
        tally.take(request, &ended);
        clean_runs.take(&ended);
        true
    });
    tally.judge_the_whole(request);
    tally.print(begun.elapsed().as_secs_f64());
    tally.failed == 0
}

/// Shows one run.
pub fn show(request: &Request, ended: &Ended) {
    Tally::default().take(request, ended);
}

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    simulated_seconds: f64,
    run_seconds: f64,
    completed: u64,
    acknowledged: Vec<u64>,
    faults: BTreeMap<String, u64>,
    allowed: BTreeMap<String, u64>,
}

impl Tally {
    fn take(&mut self, request: &Request, ended: &Ended) {
        let Some(report) = &ended.report else {
            self.failed += 1;
            println!("seed {} died without a report; its last words:", ended.child.seed);
            print_tail(&ended.stderr, 30);
            println!("  reproduce with: {}", request.command(ended.child.seed));
            return;
        };
        self.simulated_seconds += report.simulated_seconds;
        self.run_seconds += report.wall_seconds;
        self.completed += report.completed;
        self.acknowledged.push(report.acknowledged);
        add(&mut self.faults, &report.faults);
        add(&mut self.allowed, &report.allowed);
        if report.ending == Ending::Clean {
            self.passed += 1;
            if request.count <= 20 {
                println!("{}", one_line(report));
            }
        } else {
            self.failed += 1;
            print_failure(request, report, &ended.stderr);
        }
    }

    /// The median run has to do enough to prove something.
    fn judge_the_whole(&mut self, request: &Request) {
        self.acknowledged.sort_unstable();
        let Some(median) = self.acknowledged.get(self.acknowledged.len() / 2) else { return };
        if self.passed > 0 && *median < request.profile.least_acknowledged {
            let least = request.profile.least_acknowledged;
            println!("too idle: the median run acknowledged {median} writes, and {least} are asked for");
            self.passed = self.passed.saturating_sub(1);
            self.failed += 1;
        }
    }

    fn print(&self, wall: f64) {
        for (what, times) in &self.allowed {
            println!("allowed {times} times: {what}");
        }
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("faults: {}", if faults.is_empty() { "none".into() } else { faults.join(", ") });
        let median = self.acknowledged.get(self.acknowledged.len() / 2).copied().unwrap_or(0);
        println!(
            "{:.2} simulated hours in {wall:.1} s, {:.0} : 1 on each core; {} operations completed ({:.0} a simulated \
             second), {median} writes acknowledged in the median run; {} faults",
            self.simulated_seconds / 3600.0,
            self.simulated_seconds / self.run_seconds.max(1e-9),
            self.completed,
            self.completed as f64 / self.simulated_seconds.max(1e-9),
            self.faults.values().sum::<u64>(),
        );
        LastFleet { runs: self.acknowledged.len() as u64, faults: self.faults.clone() }.remember();
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}

fn add(to: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    for (name, count) in from {
        *to.entry(name.clone()).or_insert(0) += count;
    }
}

fn one_line(report: &RunReport) -> String {
    format!(
        "seed {} clean: trace {:016x} of {} events, {:.1} simulated s in {:.2} s, {} operations completed, {} writes \
         acknowledged, {} faults",
        report.seed,
        report.trace_hash,
        report.trace_events,
        report.simulated_seconds,
        report.wall_seconds,
        report.completed,
        report.acknowledged,
        report.fault_count()
    )
}

/// What was found, the last events before it, and how to see it again.
fn print_failure(request: &Request, report: &RunReport, stderr: &str) {
    println!("seed {} FAILED: {}", report.seed, report.ending.headline());
    match &report.ending {
        Ending::Anomalies(anomalies) => anomalies.iter().for_each(|(class, witness)| println!("  {class}: {witness}")),
        Ending::Panic(_) | Ending::Invariant(_) => print_tail(stderr, 60),
        Ending::Clean | Ending::TooTame(_) => {}
    }
    if !report.last_events.is_empty() {
        println!("  the last events:");
        report.last_events.iter().for_each(|event| println!("    {event}"));
    }
    if !report.state.is_empty() {
        println!("  in the end:");
        report.state.iter().for_each(|line| println!("    {line}"));
    }
    println!("  reproduce with: {}", request.command(report.seed));
}

fn print_tail(text: &str, lines: usize) {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().for_each(|line| println!("    {line}"));
}
