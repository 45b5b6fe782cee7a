//! One seed, in this process: the world, its clients and its faults; then the verdict.

mod away;
mod cluster;
mod convergence;
mod judgement;
mod last_words;
mod left_behind;
mod logging;
mod nemesis;
mod operators;
mod recorder;
mod repairs;
mod server_node;
mod stage;
mod state;
mod stop_in_peace;
mod writability;

use crate::fleet::{Ending, RunReport};
use crate::invariants;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::repro::Repro;
pub use cluster::Cluster;
pub use nemesis::Atlas;
pub use server_node::ServerNode;

use judgement::judge;
use runtime::simulation::{Settings, run_with};
use stage::Books;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// What to run.
pub struct Options {
    /// Which seed.
    pub seed: u64,
    /// What kind of world.
    pub profile: Profile,
    /// The bug to plant.
    pub plant: Option<String>,
    /// Where to write the history, and what is needed to see a failure again.
    pub out: Option<PathBuf>,
    /// What to play in place of what the seed would draw.
    pub repro: Option<PathBuf>,
    /// Whether to print each event.
    pub print_events: bool,
    /// What to log, as in `RUST_LOG`.
    pub log: Option<String>,
    /// Whether to leave the white-box invariants out.
    pub blind: bool,
    /// Whether to record the inside for a report, too.
    pub record: bool,
    /// Whether to let true randomness in.
    pub planted_nondeterminism: bool,
}

/// Events that a failing run shows.
const LAST_EVENTS: usize = 40;

/// Runs it and prints its report.
#[allow(clippy::disallowed_methods, clippy::disallowed_types)] // measures the run from outside of its world
pub fn in_this_process(options: &Options) -> ExitCode {
    let begun = Instant::now();
    if let Some(name) = &options.plant {
        model::marks::plant(name);
    }
    last_words::listen();
    if let Some(filter) = &options.log {
        logging::begin(filter);
    }
    let plan = match plan(options) {
        Ok(plan) => plan,
        Err(why) => {
            eprintln!("cannot play it: {why}");
            return ExitCode::from(2);
        }
    };
    let settings =
        Settings { events_kept: LAST_EVENTS, print_events: options.print_events, ..Settings::new(options.seed) };
    let (of_run, nondeterminism, blind) = (plan.clone(), options.planted_nondeterminism, options.blind);
    let books = Books { recorder: options.record.then(Arc::default), ..Books::default() };
    let of_stage = books.clone();
    let played = std::panic::catch_unwind(AssertUnwindSafe(move || {
        run_with(settings, move || stage::play(of_run, nondeterminism, blind, of_stage))
    }));
    let mut report = match &played {
        Ok(played) => judge(played, options),
        Err(_) => died(options.seed),
    };
    report.wall_seconds = begun.elapsed().as_secs_f64();
    report.marks = model::marks::counts().into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    report.passed = model::marks::passed().into_iter().map(str::to_owned).collect();
    if let Some(out) = &options.out
        && let Err(error) = left_behind::write(out, options, &plan, &report, (played.ok(), &books))
    {
        eprintln!("cannot write to {}: {error}", out.display());
    }
    println!("{}", report.line());
    if report.ending == Ending::Clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn died(seed: u64) -> RunReport {
    let words = last_words::heard();
    let ending = if words.contains(invariants::PREFIX) { Ending::Invariant(words) } else { Ending::Panic(words) };
    RunReport { ending, ..RunReport::nothing(seed) }
}

/// What the seed draws, or what a file says.
#[allow(clippy::disallowed_methods)] // outside of the simulated world
fn plan(options: &Options) -> Result<Plan, String> {
    let Some(file) = &options.repro else { return Ok(Plan::draw(options.seed, &options.profile)) };
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Repro::read(&text).map(|repro| repro.plan)
}
