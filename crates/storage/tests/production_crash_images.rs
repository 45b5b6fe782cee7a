//! What production's own half of the disk may leave behind. Real runs in real directories are recorded; the crash images
//! that the record allows are written to other directories and opened. This finds what no `kill -9` can, such as a
//! directory that is not synced.
#![cfg(not(madsim))] // it opens images on a real disk

mod crash;

use crash::explore::{Report, Settings, explore};
use crash::histories;
use crash::machine::{Machine, Program};
use runtime::disk::Disk;
use runtime::record::{FileId, Image, Log, Operation, Recorder, SectorSize};
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

/// Histories with more images than the others together: opened with `CRASH_IMAGES=all` alone.
const LONG: [&str; 3] = ["cut-during-a-sync", "retention", "laps"];

/// Small sectors make many times more images: `CRASH_IMAGES=all` opens those too, which takes minutes.
fn settings() -> Settings {
    match std::env::var_os("CRASH_IMAGES") {
        Some(_) => Settings {
            sizes: &[SectorSize::Bytes512, SectorSize::Bytes4096],
            single: usize::MAX,
            random: 16,
            ..SETTINGS
        },
        None => SETTINGS,
    }
}

const SETTINGS: Settings = Settings {
    sizes: &[SectorSize::Bytes4096],
    single: 6,
    random: 2,
    again_every: 0,
    again_points: 0,
    syncs_fail: false,
    again_all: false,
    enough: 3,
    left_out: None,
};

#[test]
fn no_crash_of_a_real_run_loses_what_was_acknowledged() {
    let all = std::env::var_os("CRASH_IMAGES").is_some();
    for history in histories::all().into_iter().filter(|history| all || !LONG.contains(&history.name)) {
        let report = run(history.name, settings());
        eprintln!(
            "{}: {} operations, {} crashes judged, {} images opened",
            history.name, report.operations, report.judged, report.opened
        );
        assert!(report.operations > 0 && report.judged > 0, "{} was explored", history.name);
        assert!(report.wrong.is_empty(), "{}: {:#?}", history.name, report.wrong);
    }
}

#[test]
fn a_root_directory_that_is_never_synced_would_be_seen() {
    let left_out = |_: &Log, operation: &Operation| matches!(operation, Operation::EndSync { of: FileId(0), .. });
    let found = histories::all().into_iter().any(|history| {
        let settings = Settings { left_out: Some(left_out), enough: 1, ..SETTINGS };
        !run(history.name, settings).wrong.is_empty()
    });
    assert!(found, "names that no sync covers are lost, and somebody must notice");
}
