//! Seeds of a machine, played on all cores of this process: a machine has no state outside of itself.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // outside of every simulated world

use super::{Machine, Options};
use std::collections::BTreeMap;
use std::panic::{catch_unwind, set_hook};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// What was found in a seed.
pub struct Found {
    pub seed: u64,
    /// The invariant, or that an assertion failed.
    pub by: String,
    pub what: String,
}

/// What came of many seeds.
#[derive(Default)]
pub struct Played {
    pub seeds: u64,
    events: u64,
    /// By seed.
    pub found: Vec<Found>,
}

/// Plays each machine's seeds, and shows what was found.
pub fn run(machines: &[Machine], options: &Options) -> bool {
    let mut clean = true;
    for machine in machines {
        let begun = Instant::now();
        let played = play(*machine, options, false);
        show(machine, &played, begun.elapsed().as_secs_f64());
        clean &= played.found.is_empty();
    }
    if options.marks {
        for (name, times) in model::marks::counts() {
            println!("{times:>12}  {name}");
        }
    }
    clean
}

fn show(machine: &Machine, played: &Played, seconds: f64) {
    const SHOWN: usize = 10;
    let name = machine.name;
    for Found { seed, by, what } in played.found.iter().take(SHOWN) {
        println!("{name} seed {seed}: {by}: {what}\n  reproduce with: cargo sim machines {name} --seed {seed}");
    }
    let mut by_invariant: BTreeMap<&str, u64> = BTreeMap::new();
    for found in &played.found {
        *by_invariant.entry(&found.by).or_insert(0) += 1;
    }
    let (failed, seeds) = (played.found.len() as u64, played.seeds);
    println!(
        "{name}: {} passed, {failed} failed {by_invariant:?}; {} events in {seconds:.1} s, {:.0} seeds a second",
        seeds - failed,
        played.events,
        seeds as f64 / seconds
    );
}

/// Plays the seeds that are asked for, or until `enough` is found.
pub fn play(machine: Machine, options: &Options, enough: bool) -> Played {
    set_hook(Box::new(|_| {})); // an assertion that fails is told as what was found
    let (next, stop) = (AtomicU64::new(options.range().start), AtomicBool::new(false));
    let played = Mutex::new(Played::default());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs() {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= options.range().end {
                        return;
                    }
                    let outcome = play_one(machine, seed);
                    stop.fetch_or(enough && outcome.is_err(), Ordering::Relaxed);
                    played.lock().expect("no panic inside").take(outcome);
                }
            });
        }
    });
    drop(std::panic::take_hook());
    let mut played = played.into_inner().expect("no panic inside");
    played.found.sort_by_key(|found| found.seed);
    played
}

fn play_one(machine: Machine, seed: u64) -> Result<u64, Found> {
    let (by, what) = match catch_unwind(|| (machine.play)(seed)) {
        Ok(Ok(events)) => return Ok(events),
        Ok(Err(violated)) => violated,
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
            ("assertion".to_owned(), said.unwrap_or_default())
        }
    };
    Err(Found { seed, by, what })
}

impl Played {
    fn take(&mut self, outcome: Result<u64, Found>) {
        self.seeds += 1;
        match outcome {
            Ok(events) => self.events += events,
            Err(found) => self.found.push(found),
        }
    }
}
