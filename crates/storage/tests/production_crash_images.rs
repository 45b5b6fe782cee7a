//! What production's own half of the disk may leave behind. Real runs in real directories are recorded; the crash images
//! that the record allows are written to other directories and opened. This finds what no `kill -9` can, such as a
//! directory that is not synced.

mod crash;

use crash::explore::{Report, Settings, explore};
use crash::histories;
use crash::machine::{Machine, Program};
use runtime::disk::Disk;
use runtime::record::{Image, Recorder, SectorSize};
use std::path::{Path, PathBuf};

/// Each process has a directory of its own.
struct RealDirectories {
    parent: PathBuf,
}

impl Machine for RealDirectories {
    async fn run<T: Send + 'static>(&self, image: &Image, recorder: Option<&Recorder>, program: Program<T>) -> T {
        let directory = tempfile::tempdir_in(&self.parent).expect("a directory");
        image.write_to(directory.path()).expect("room for an image");
        let disk = match recorder {
            Some(recorder) => Disk::open_recorded(directory.path(), recorder).await,
            None => Disk::open(directory.path()).await,
        };
        program(disk.expect("the directory")).await
    }

    async fn run_failing<T: Send + 'static>(&self, _: u64, _: &Recorder, _: Program<T>) -> Option<(T, Image)> {
        None
    }
}

/// Syncs cost nothing there, and what they would save is the record's to say.
fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn run(name: &str, settings: Settings) -> Report {
    let history = histories::all().into_iter().find(|history| history.name == name).expect("there is one");
    let machine = RealDirectories { parent: memory() };
    runtime::task::run(2, explore(&machine, &history, settings)).expect("a runtime")
}

const SETTINGS: Settings = Settings {
    sizes: &[SectorSize::Bytes512, SectorSize::Bytes4096],
    random: 4,
    again_every: 0,
    again_all: false,
    enough: 3,
    left_out: None,
};

#[test]
fn all_for_now() {
    let Some(only) = std::env::var("ONLY").ok().map(Some) else { return };
    let again: usize = std::env::var("AGAIN").ok().map_or(0, |a| a.parse().unwrap());
    for history in histories::all() {
        if only.as_ref().is_some_and(|only| only != history.name) {
            continue;
        }
        let begun = std::time::Instant::now();
        let report = run(history.name, Settings { again_every: again, ..SETTINGS });
        eprintln!(
            "{:24} {:5} operations {:7} judged {:6} opened {:4} recoveries {:.1} s",
            history.name,
            report.operations,
            report.judged,
            report.opened,
            report.recoveries,
            begun.elapsed().as_secs_f64()
        );
        for wrong in report.wrong {
            eprintln!("   {wrong}");
        }
    }
}
