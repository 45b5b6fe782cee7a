//! `cargo sim shrink`: takes away from a `.repro` file whatever the anomaly does not need.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the fleet lives outside of every simulated world

mod cuts;
mod minimize;
pub mod signature;
mod tries;

use super::Ending;
use super::replay::{self, Outcome};
use crate::plan::Plan;
use crate::repro::Repro;
use cuts::{CUTS, Cut};
use minimize::minimize;
use signature::Signature;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tries::{Shown, Tries, topic_names};

/// How it is done.
pub struct Options {
    /// No try begins after so long.
    pub within: Duration,
    /// So many tries at the same time.
    pub jobs: usize,
    /// A smaller plan counts when it fails under any of so many schedules.
    pub schedules: u64,
    /// What each run is told besides.
    pub arguments: Vec<String>,
}

/// Shrinks a file, and leaves what is left beside it, as `NAME.shrunk.repro`.
pub fn run(file: &Path, options: &Options) -> Outcome {
    let repro = match replay::read(file) {
        Ok(repro) => repro,
        Err(why) => {
            println!("{}: {why}", file.display());
            return Outcome::Unusable;
        }
    };
    println!("found at commit {}, profile {}: {}", repro.commit, repro.profile, repro.expected);
    let arguments = replay::arguments(&repro, &options.arguments);
    let deadline = Instant::now() + options.within;
    let mut tries = Tries::new(&repro, (options.jobs, options.schedules.max(1)), deadline, arguments);
    let Some(ending) = tries.play(&repro.plan) else {
        println!("the run died");
        return Outcome::Unusable;
    };
    let outcome = Outcome::of(&ending, &repro.expected);
    println!("{}", outcome.describe(&ending, &repro.expected));
    if outcome == Outcome::AsExpected {
        let shrunk = file.with_extension("shrunk.repro");
        Shrinking::new(&repro, &ending, tries, shrunk).run(&ending);
    }
    outcome
}

/// The work on one file.
struct Shrinking {
    repro: Repro,
    target: Signature,
    tries: Tries,
    shrunk: PathBuf,
    begun: Instant,
}

impl Shrinking {
    fn new(repro: &Repro, ending: &Ending, tries: Tries, shrunk: PathBuf) -> Shrinking {
        let found = Signature::all(ending, &topic_names(&repro.plan));
        let expected = found.iter().find(|one| repro.expected.split(", ").any(|class| class == one.kind));
        let target = expected.or(found.first()).expect("something was found").clone();
        Shrinking { repro: repro.clone(), target, tries, shrunk, begun: Instant::now() }
    }

    /// Rounds, until one takes nothing away or time is over.
    fn run(mut self, ending: &Ending) {
        println!("looking for {}", self.target.describe());
        self.print("at first");
        self.cut_at(ending);
        for round in 1_u32.. {
            let before = self.repro.plan.clone();
            self.shorten(round);
            CUTS.iter().for_each(|cut| self.cut(cut, round));
            let same = Plan { seed: before.seed, ..self.repro.plan.clone() } == before;
            // Operations are taken away in finer pieces each time.
            let fine = round >= 3 || cuts::operations(&self.repro.plan) < 64;
            if (same && fine) || self.is_over() {
                break;
            }
        }
        self.check_without_the_bug();
        let state = if self.is_over() { "time is over" } else { "nothing more can be taken away" };
        println!("{state}; {} tries. Play it with: cargo sim replay {}", self.tries.made, self.shrunk.display());
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.tries.deadline
    }

    /// Ends the run soon after the anomaly, where that says when it was.
    fn cut_at(&mut self, ending: &Ending) {
        let before = self.repro.plan.clone();
        let Some(moment_ms) = self.target.moment_ms(ending, before.faults_for_ms) else { return };
        if let Some(shown) = self.tries.first(cuts::soon_after(&before, moment_ms).into_iter(), &self.target) {
            self.take(shown);
        }
        self.done(&before, 0, "moment");
    }

    /// Has everything take less time, as long as that goes on.
    fn shorten(&mut self, round: u32) {
        let before = self.repro.plan.clone();
        while let Some(shown) = self.tries.first(cuts::shorter(&self.repro.plan, round).into_iter(), &self.target) {
            self.take(shown);
        }
        self.done(&before, round, "time");
    }

    fn cut(&mut self, cut: &Cut, round: u32) {
        let before = self.repro.plan.clone();
        let finest = cut.finest.saturating_mul(1 << (2 * (round - 1)).min(30));
        minimize((cut.count)(&before), finest, |candidates| {
            let seed = self.repro.plan.seed;
            let plans = candidates.iter().map(|kept| Plan { seed, ..(cut.keep)(&before, kept) });
            let shown = self.tries.first(plans, &self.target)?;
            let place = shown.place;
            self.take(shown);
            Some(place)
        });
        self.done(&before, round, cut.name);
    }

    fn take(&mut self, shown: Shown) {
        self.repro.plan = shown.plan;
        self.repro.expected = shown.ending.headline();
    }

    /// Writes what is left, and says how much that is.
    fn done(&self, before: &Plan, round: u32, what: &str) {
        if self.repro.plan != *before {
            if let Err(error) = std::fs::write(&self.shrunk, self.repro.text()) {
                println!("{} cannot be written: {error}", self.shrunk.display());
            }
            self.print(&format!("round {round}, {what}"));
        }
    }

    fn print(&self, when: &str) {
        let plan = &self.repro.plan;
        println!(
            "{when:<20} {:>3} clients {:>3} faults {:>6} operations {:>2} topics {:>2} partitions {:>2} nodes {:>5.1} s; {} \
             tries in {:.0} s",
            plan.clients.len(),
            plan.faults.len() + plan.quorum.len(),
            cuts::operations(plan),
            plan.world.topics.len(),
            cuts::partitions(plan),
            plan.world.nodes.len(),
            plan.faults_for_ms as f64 / 1000.0,
            self.tries.made,
            self.begun.elapsed().as_secs_f64(),
        );
    }

    /// What is left has to be the planted bug's doing, and not that of a plan that no seed would draw.
    fn check_without_the_bug(&mut self) {
        let Some(bug) = &self.repro.planted else { return };
        if let Some(at) = self.tries.arguments.iter().position(|argument| argument == "--plant") {
            self.tries.arguments.drain(at..at + 2);
        }
        let ending = self.tries.play(&self.repro.plan);
        let names = topic_names(&self.repro.plan);
        let clean = ending.is_some_and(|ending| !Signature::all(&ending, &names).contains(&self.target));
        let verdict = if clean { "does not show it" } else { "SHOWS IT, TOO: look elsewhere" };
        println!("without \"{bug}\" the same plan {verdict}");
    }
}
