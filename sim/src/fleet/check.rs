//! `cargo sim check`: each seed twice, in two processes, must give the same whole trace.

use super::{Child, Ended, Request, run_each};
use std::collections::BTreeMap;

/// Runs them; `true` when every pair is equal.
pub fn run(request: &Request) -> bool {
    let twice = (request.from..request.from + request.count).flat_map(|seed| [seed, seed]);
    let arguments = request.arguments.clone();
    let children = twice.map(move |seed| Child { seed, arguments: arguments.clone() });
    let mut first: BTreeMap<u64, Ended> = BTreeMap::new();
    let (mut equal, mut different) = (0, 0);
    run_each(children, request.jobs, |ended| {
        match first.remove(&ended.child.seed) {
            None => {
                first.insert(ended.child.seed, ended);
            }
            Some(other) if same(&other, &ended) => equal += 1,
            Some(other) => {
                different += 1;
                print_difference(request, &other, &ended);
            }
        }
        true
    });
    println!("{equal} equal, {different} different");
    different == 0
}

fn same(a: &Ended, b: &Ended) -> bool {
    match (&a.report, &b.report) {
        (Some(a), Some(b)) => {
            (a.trace_hash, a.trace_events, &a.ending) == (b.trace_hash, b.trace_events, &b.ending)
                && (a.completed, a.acknowledged, &a.marks) == (b.completed, b.acknowledged, &b.marks)
        }
        _ => false, // a run that died proves nothing
    }
}

fn print_difference(request: &Request, a: &Ended, b: &Ended) {
    println!("seed {} is not the same twice:", a.child.seed);
    for ended in [a, b] {
        match &ended.report {
            Some(report) => println!(
                "  trace {:016x} of {} events, {} operations completed, {}",
                report.trace_hash,
                report.trace_events,
                report.completed,
                report.ending.headline()
            ),
            None => println!("  died: {}", ended.stderr.lines().last().unwrap_or_default()),
        }
    }
    let command = request.command(a.child.seed);
    println!("  find the first difference with: {command} --trace 2> one; {command} --trace 2> two; diff one two");
}
