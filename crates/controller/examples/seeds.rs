//! Runs seeds of random clusters: `seeds FIRST COUNT [PLANTED BUG]`. With `--cfg thalweg_planted` a bug can be planted,
//! and the marks that were reached are shown.

#[allow(dead_code)]
#[path = "../tests/stories/cluster.rs"]
mod cluster;
#[path = "../tests/stories/nodes.rs"]
mod nodes;
#[allow(dead_code)]
#[path = "../tests/stories/random_clusters.rs"]
mod random_clusters;

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
    let mut failed: Vec<(u64, String)> = Vec::new();
    let mut reached = BTreeMap::new();
    for seed in first..first + count {
        let mut run = || random_clusters::run(seed, &mut reached);
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut run)) {
            let text = panic.downcast_ref::<String>().cloned();
            failed
                .push((seed, text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()));
        }
    }
    println!("{count} seeds, {} failed; steps that saw: {reached:?}", failed.len());
    if let Some((seed, what)) = failed.first() {
        println!("first {seed}: {what}");
    }
    #[cfg(thalweg_planted)]
    println!("{:#?}", model::marks::counts());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
