//! `cargo sim marks`: how often each marked branch was reached, and which never were.

use super::children::children;
use super::{Request, run_each};
use crate::fleet::planted::names_in_source;
use std::collections::BTreeMap;

/// Runs seeds and counts; `true` when every mark in the source was reached.
pub fn run(request: &Request) -> bool {
    let mut counts: BTreeMap<String, (u64, u64)> =
        names_in_source("mark!(\"").into_iter().map(|name| (name, (0, 0))).collect();
    let mut runs = 0;
    run_each(children(request), request.jobs, |ended| {
        runs += 1;
        for (name, count) in ended.report.into_iter().flat_map(|report| report.marks) {
            let (times, seeds) = counts.entry(name).or_insert((0, 0));
            *times += count;
            *seeds += 1;
        }
        true
    });
    println!("{:>12} {:>6}  mark", "times", "seeds");
    for (name, (times, seeds)) in &counts {
        println!("{times:>12} {seeds:>6}  {name}");
    }
    let never = counts.values().filter(|(times, _)| *times == 0).count();
    println!("{} marks, {never} never reached in {runs} runs", counts.len());
    never == 0
}
