//! `cargo sim machines`: clusters of the pure machines alone, in memory, thousands of seeds a second, without a runtime, a
//! socket or a file. Each machine's crate has its cluster and the invariants; here seeds are played on all cores.

mod planted;
mod seeds;

#[allow(dead_code)] // the crate's own stories use the rest of it
#[path = "../../../crates/raft/tests/machines/cluster/mod.rs"]
mod raft_cluster;

#[allow(dead_code)]
#[path = "../../../crates/coordinator/tests/consumer/cluster/mod.rs"]
mod consumer_group;

/// What to play.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// These machines alone: raft, replication, coordinator
    machines: Vec<String>,
    /// Play this seed alone
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Play so many seeds
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// So many at the same time [default: one a core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Plant this bug, or `all` one after the other: each must be caught
    #[arg(long, value_name = "NAME")]
    planted: Option<String>,
    /// Count how often each marked branch is reached
    #[arg(long)]
    marks: bool,
}

/// A machine that has a cluster in memory.
#[derive(Clone, Copy)]
struct Machine {
    /// The name of its crate.
    name: &'static str,
    /// Plays a seed; the number of events, or the invariant that was violated and how.
    play: fn(u64) -> Result<u64, (String, String)>,
}

const MACHINES: &[Machine] = &[
    Machine { name: "raft", play: play_raft },
    Machine { name: "replication", play: play_replication },
    Machine { name: "coordinator", play: play_consumer_group },
];

fn play_raft(seed: u64) -> Result<u64, (String, String)> {
    let outcome = raft_cluster::seeds::play(seed);
    outcome.map(|outcome| outcome.events).map_err(|violation| (violation.invariant.to_owned(), violation.what))
}

fn play_replication(seed: u64) -> Result<u64, (String, String)> {
    let report = replication::cluster::run(&replication::cluster::Plan::draw(seed));
    report.map(|report| report.events).map_err(|violation| (violation.invariant.to_owned(), violation.what))
}

fn play_consumer_group(seed: u64) -> Result<u64, (String, String)> {
    let outcome = consumer_group::play(seed);
    outcome.map(|outcome| outcome.events).map_err(|violation| (violation.invariant.to_owned(), violation.what))
}

/// Whether there is a machine of this name.
#[cfg(test)]
pub fn is_known(name: &str) -> bool {
    MACHINES.iter().any(|machine| machine.name == name)
}

/// Plays; `true` when no invariant was violated, or when every planted bug was caught.
pub fn run(options: &Options) -> bool {
    let known = |name: &String| MACHINES.iter().any(|machine| machine.name == name);
    if let Some(unknown) = options.machines.iter().find(|name| !known(name)) {
        println!("no such machine: {unknown}");
        return false;
    }
    let chosen = |machine: &&Machine| options.machines.is_empty() || options.machines.iter().any(|n| n == machine.name);
    let machines: Vec<Machine> = MACHINES.iter().filter(chosen).copied().collect();
    match &options.planted {
        Some(bug) => planted::run(bug, &machines, options),
        None => seeds::run(&machines, options),
    }
}

impl Options {
    fn range(&self) -> std::ops::Range<u64> {
        self.seed.map_or(self.from..self.from.saturating_add(self.seeds), |seed| seed..seed + 1)
    }

    #[allow(clippy::disallowed_methods)] // outside of every simulated world
    fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }
}
