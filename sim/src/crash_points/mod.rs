//! `cargo sim crash-points`: short histories of a log directory, cut short at every disk operation; then what the disk may
//! hold is opened and compared with a model, and the recoveries are cut short in their turn. The explorer is the storage
//! crate's own (`crates/storage/tests/crash`), which also runs it in real directories; here disks can fail, too.
#![allow(clippy::disallowed_methods)] // outside of every simulated world

#[path = "../../../crates/storage/tests/crash/mod.rs"]
mod crash;
mod machine;
mod one;
mod planted;

use crash::explore::Settings;
use crash::histories;
use one::Row;
use runtime::record::SectorSize;
use std::sync::Mutex;

/// What to explore.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// These histories alone
    histories: Vec<String>,
    /// Each thing kept or lost at both sector sizes, 16 random choices, and a second crash after every first one: a quarter of an hour
    #[arg(long)]
    deep: bool,
    /// Plant this bug, or `all` one after the other: each must be caught
    #[arg(long, value_name = "NAME")]
    planted: Option<String>,
    /// So many histories at the same time [default: one a core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Explore one history in this process, and report to the one that started it
    #[arg(long, hide = true)]
    here: bool,
}

const BOTH: &[SectorSize] = &[SectorSize::Bytes512, SectorSize::Bytes4096];

const USUAL: Settings = Settings {
    sizes: BOTH,
    single: 6,
    random: 1,
    again_every: 29,
    again_points: 5,
    syncs_fail: true,
    again_all: false,
    enough: 5,
    left_out: None,
};

const DEEP: Settings = Settings { single: usize::MAX, random: 16, again_every: 1, again_points: usize::MAX, ..USUAL };

/// Begins first, for the others to run beside it.
const LONGEST: &str = "cut-during-a-sync";

/// Explores; `true` when nothing wrong was found, or when every planted bug was caught.
pub fn run(options: &Options) -> bool {
    let mut names: Vec<String> = histories::all().iter().map(|history| history.name.to_owned()).collect();
    if let Some(unknown) = options.histories.iter().find(|name| !names.contains(name)) {
        println!("no such history: {unknown}; there are: {}", names.join(", "));
        return false;
    }
    names.retain(|name| options.histories.is_empty() || options.histories.contains(name));
    match &options.planted {
        _ if options.here => one::run(&names, options),
        Some(bug) => planted::run(bug, &names, options),
        None => all(names, options),
    }
}

/// Each history in a process of its own, some at the same time: it is the same whoever runs beside it.
fn all(mut names: Vec<String>, options: &Options) -> bool {
    names.sort_by_key(|name| name != LONGEST);
    println!(
        "{:<24} {:>10} {:>8} {:>8} {:>10} {:>6} {:>8}",
        "history", "operations", "crashes", "images", "recoveries", "wrong", "seconds"
    );
    let (waiting, rows) = (Mutex::new(names.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs() {
            scope.spawn(|| {
                loop {
                    let Some(name) = waiting.lock().expect("no panic inside").next() else { return };
                    let row = one::in_child(&name, None, options);
                    row.print();
                    rows.lock().expect("no panic inside").push(row);
                }
            });
        }
    });
    sum_up(&rows.into_inner().expect("no panic inside"))
}

fn sum_up(rows: &[Row]) -> bool {
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    println!(
        "{} crashes judged in {} images, {} recoveries cut short in their turn",
        sum(|row| row.judged),
        sum(|row| row.opened),
        sum(|row| row.recoveries),
    );
    let failed = rows.iter().filter(|row| !row.wrong.is_empty()).count();
    println!("{} passed, {failed} failed", rows.len() - failed);
    failed == 0
}

impl Options {
    fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }

    fn settings(&self) -> Settings {
        let settings = if self.deep { DEEP } else { USUAL };
        Settings { enough: if self.planted.is_some() { 1 } else { settings.enough }, ..settings }
    }
}
