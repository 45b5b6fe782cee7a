//! The command line of the simulator.

use crate::crash_points;
use crate::fleet::{Request, check, hunt, judge, marks, menu, planted, replay, seeds, shrink};
use crate::machines;
use crate::profile::{PROFILES, Profile};
use crate::report;
use crate::run;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Runs whole simulated worlds, one seed a process. A seed decides everything: run it again and the same happens.
#[derive(Parser)]
#[command(name = "cargo sim", after_help = EXAMPLES, disable_version_flag = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<SubCommand>,
    #[command(flatten)]
    seeds: Seeds,
    #[command(flatten)]
    world: World,
}

const EXAMPLES: &str = "Examples:
  cargo sim --seed 7                 one world
  cargo sim --seed 7 --trace         the same, each event printed
  cargo sim --seeds 200              seeds 1 to 200, on all cores
  cargo sim --release --seeds 1000   the same traces sooner: built for speed first, which takes some minutes more
  cargo sim check --seeds 50         each seed twice, in two processes: equal traces?
  cargo sim planted                  can the simulator find each planted bug?
  cargo sim replay seed-7.repro      a failure that --out DIR left there
  cargo sim shrink seed-7.repro      takes away whatever the failure does not need
  cargo sim report seed-7.repro      draws it: one page that needs nothing else
  cargo sim judge seed-7.history.jsonl   what clients saw, judged again
  cargo sim marks --seeds 100        how often was each marked branch reached?
  cargo sim machines --seeds 5000    the pure machines alone, in memory
  cargo sim crash-points             cuts the storage short at every disk operation
  cargo sim test -p runtime          a crate's tests in the simulated world";

#[derive(Args, Clone)]
struct Seeds {
    /// Run this seed alone
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Run so many seeds
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// So many at the same time [default: one a core]
    #[arg(long)]
    jobs: Option<usize>,
}

#[derive(Args, Clone)]
struct World {
    /// What kind of world: standard, smoke, cluster, cluster-smoke, groups, storage, soak or five-brokers [default:
    /// standard; for a planted bug, as its row says]
    #[arg(long, value_parser = parse_profile)]
    profile: Option<&'static Profile>,
    /// Simulated time under faults, such as 60s or 5m [default: as the profile says]
    #[arg(long, value_parser = parse_time)]
    time: Option<Duration>,
    /// Plant this bug
    #[arg(long, value_name = "NAME")]
    plant: Option<String>,
    /// Write each run's history (JSON lines) to this directory, and a .repro file for each that fails
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Play this file in place of what the seed would draw
    #[arg(long, value_name = "FILE", hide = true)]
    repro: Option<PathBuf>,
    /// Print each event to stderr
    #[arg(long)]
    trace: bool,
    /// Log to stderr what this filter lets through, such as info or broker=debug
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Do not look inside: only what clients see may find something
    #[arg(long)]
    blind: bool,
    /// With --out: record the inside of each run, too, for a report
    #[arg(long, requires = "out")]
    record: bool,
    /// Let true randomness into the world, which a check must notice
    #[arg(long)]
    planted_nondeterminism: bool,
}

#[derive(Subcommand)]
enum SubCommand {
    /// Run each seed twice, in two processes, and compare the whole traces
    Check {
        #[command(flatten)]
        seeds: Seeds,
        #[command(flatten)]
        world: World,
    },
    /// Play a .repro file
    Replay {
        /// Which
        file: PathBuf,
        #[command(flatten)]
        world: World,
    },
    /// Take away from a .repro file whatever its failure does not need
    Shrink {
        /// Which
        file: PathBuf,
        /// Begin nothing new after so long, such as 90s or 10m
        #[arg(long = "for", value_name = "TIME", value_parser = parse_time, default_value = "10m")]
        within: Duration,
        /// Schedules under which each smaller plan is tried
        #[arg(long, default_value_t = 3)]
        schedules: u64,
        /// So many tries at the same time [default: one a core]
        #[arg(long)]
        jobs: Option<usize>,
        #[command(flatten)]
        world: World,
    },
    /// Show what happened: one HTML page, or lines in the terminal
    Report(report::Options),
    /// Judge histories: JSON lines of what clients did and saw, as --out leaves them
    Judge {
        /// Which
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Plant each historical bug in turn, and count the seeds until it is caught, and by whom
    Planted {
        /// These alone: a bug, an id such as R07, or an area such as R
        names: Vec<String>,
        /// Every one there is, as when none is named
        #[arg(long, conflicts_with = "names")]
        all: bool,
        /// Give up after so many seeds each [default: the budget of each: 10, 100 or 1,000]
        #[arg(long)]
        seeds: Option<u64>,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// So many runs at the same time [default: one a core]
        #[arg(long)]
        jobs: Option<usize>,
        #[command(flatten)]
        world: World,
    },
    /// Run seeds of several profiles until the time is up, and leave a folder that tells each kind of failure
    Fleet {
        /// So long new seeds are begun
        #[arg(long = "for", value_parser = parse_time, default_value = "10m")]
        time: Duration,
        /// The first seed of each profile
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// So many runs at the same time [default: one a core]
        #[arg(long)]
        jobs: Option<usize>,
        /// The profiles, in turn
        #[arg(long, value_delimiter = ',', value_parser = parse_profile, default_value = "standard,cluster,groups,storage")]
        profiles: Vec<&'static Profile>,
        /// Plant this bug
        #[arg(long, value_name = "NAME")]
        plant: Option<String>,
        /// Where everything is left
        #[arg(long, value_name = "DIR", default_value = "fleet")]
        out: PathBuf,
        /// So long each kind of failure is cut down; 0s for not at all
        #[arg(long, value_parser = parse_time, default_value = "3m")]
        shrink_for: Duration,
        /// Run nothing, and make one summary of what fleets left in these folders
        #[arg(long, num_args = 1.., value_name = "DIR", conflicts_with_all = ["time", "from", "jobs", "profiles", "plant", "out"])]
        merge: Vec<PathBuf>,
    },
    /// List every kind of fault, and how often the last fleet used each
    Faults,
    /// Count how often each marked branch is reached
    Marks {
        #[command(flatten)]
        seeds: Seeds,
        #[command(flatten)]
        world: World,
    },
    /// Cut short histories of a log directory off at every disk operation, and judge what is opened then
    CrashPoints(crash_points::Options),
    /// Play seeds of the pure machines' clusters in memory, thousands a second
    Machines(machines::Options),
    /// One seed in this process
    #[command(hide = true)]
    One {
        seed: u64,
        #[command(flatten)]
        world: World,
    },
}

fn parse_profile(name: &str) -> Result<&'static Profile, String> {
    Profile::named(name).ok_or_else(|| "there is no such profile".to_owned())
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "such as 60s or 5m".to_owned())?;
    match &text[digits.len()..] {
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err("such as 60s or 5m".to_owned()),
    }
}

impl Seeds {
    fn request(&self, world: &World) -> Request {
        let (from, count) = self.seed.map_or((self.from, self.seeds), |seed| (seed, 1));
        world.request(from, count, self.jobs)
    }
}

impl World {
    fn profile(&self) -> Profile {
        let profile = self.profile.unwrap_or(&PROFILES[0]);
        self.time.map_or(*profile, |time| profile.lasting(time))
    }

    fn request(&self, from: u64, count: u64, jobs: Option<usize>) -> Request {
        let jobs = jobs.unwrap_or_else(cores);
        Request { from, count, jobs: jobs.max(1), profile: self.profile(), arguments: self.arguments() }
    }

    /// The options as the child process gets them, and as a person types them to see the same.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(profile) = self.profile {
            arguments.extend(["--profile".to_owned(), profile.name.to_owned()]);
        }
        if let Some(time) = self.time {
            arguments.extend(["--time".to_owned(), format!("{}s", time.as_secs())]);
        }
        if let Some(plant) = &self.plant {
            arguments.extend(["--plant".to_owned(), plant.clone()]);
        }
        if let Some(out) = &self.out {
            arguments.extend(["--out".to_owned(), out.display().to_string()]);
        }
        if let Some(log) = &self.log {
            arguments.extend(["--log".to_owned(), log.clone()]);
        }
        let leak = (self.planted_nondeterminism, "--planted-nondeterminism");
        for (given, name) in [(self.trace, "--trace"), (self.blind, "--blind"), (self.record, "--record"), leak] {
            if given {
                arguments.push(name.to_owned());
            }
        }
        arguments
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What came of something that may not be possible at all.
fn said(outcome: Result<bool, String>) -> bool {
    outcome.unwrap_or_else(|why| {
        eprintln!("sim: {why}");
        false
    })
}

/// Runs what was asked for; 0 when all is well, 1 when something was found, 2 for bad usage. `replay` and `shrink` tell
/// more apart.
pub fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let clean = match command_line.command {
        None => seeds::run(&command_line.seeds.request(&command_line.world)),
        Some(SubCommand::Check { seeds, world }) => check::run(&seeds.request(&world)),
        Some(SubCommand::Faults) => menu::print(),
        Some(SubCommand::Fleet { merge, .. }) if !merge.is_empty() => said(hunt::merge(&merge)),
        Some(SubCommand::Fleet { time, from, jobs, profiles, plant, out, shrink_for, merge: _ }) => {
            let arguments = plant.into_iter().flat_map(|name| ["--plant".to_owned(), name]).collect();
            let jobs = jobs.unwrap_or_else(cores).max(1);
            said(hunt::run(&hunt::Options { time, from, jobs, profiles, arguments, out, shrink_for }))
        }
        Some(SubCommand::Marks { seeds, world }) => marks::run(&seeds.request(&world)),
        Some(SubCommand::CrashPoints(options)) => crash_points::run(&options),
        Some(SubCommand::Machines(options)) => machines::run(&options),
        Some(SubCommand::Replay { file, world }) => {
            return replay::run(&file, &world.request(0, 1, Some(1))).of_replay();
        }
        Some(SubCommand::Shrink { file, within, schedules, jobs, world }) => {
            let request = world.request(0, 1, jobs);
            let options = shrink::Options { within, jobs: request.jobs, schedules, arguments: request.arguments };
            return shrink::run(&file, &options).of_shrinking();
        }
        Some(SubCommand::Report(options)) => return report::run(&options),
        Some(SubCommand::Judge { files }) => judge::run(&files),
        Some(SubCommand::Planted { names, all: _, seeds, from, jobs, world }) => {
            let options = planted::Options { names, seeds, profile: world.profile };
            planted::run(&options, &world.request(from, 1, jobs))
        }
        Some(SubCommand::One { seed, world }) => {
            let options = run::Options {
                seed,
                profile: world.profile(),
                plant: world.plant,
                out: world.out,
                repro: world.repro,
                print_events: world.trace,
                log: world.log,
                blind: world.blind,
                record: world.record,
                planted_nondeterminism: world.planted_nondeterminism,
            };
            return run::in_this_process(&options);
        }
    };
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
