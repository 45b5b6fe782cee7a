//! Runs seeds of in-memory clusters: `seeds FIRST COUNT [PLANTED BUG]`. With `--cfg thalweg_planted` a bug can be
//! planted, and the marks that were reached are shown.

use replication::cluster::{Plan, run};
use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (first, count): (u64, u64) = (number(0, 1), number(1, 1000));
    #[cfg(thalweg_planted)]
    if let Some(name) = arguments.get(2) {
        model::marks::plant(name);
    }
    std::panic::set_hook(Box::new(|_| {}));
    let mut failed: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
    let (mut events, mut committed, mut acknowledged, mut epochs) = (0, 0, 0, 0);
    for seed in first..first + count {
        let result = std::panic::catch_unwind(|| run(&Plan::draw(seed)));
        let (by, what) = match result {
            Ok(Ok(report)) => {
                events += report.events;
                committed += report.committed;
                acknowledged += report.acknowledged;
                epochs += i64::from(report.leader_epoch);
                continue;
            }
            Ok(Err(violation)) => (violation.invariant.to_owned(), violation.what),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                (
                    "assert".to_owned(),
                    text.or(panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_default(),
                )
            }
        };
        failed.entry(by).or_insert((seed, 0, what)).1 += 1;
    }
    println!("{count} seeds: {events} events, {epochs} epochs, {committed} committed, {acknowledged} acknowledged");
    for (by, (seed, times, what)) in &failed {
        println!("caught by {by}: {times} seeds, first {seed}: {what}");
    }
    #[cfg(thalweg_planted)]
    println!("{:#?}", model::marks::counts());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
