//! A run in a real directory is recorded and cut short; what is opened then says of itself what it may lack, and keeps
//! what was promised.
#![cfg(not(madsim))] // it opens images on a real disk

mod support;

use model::Uuid;
use runtime::disk::{Disk, Open};
use runtime::record::{CrashPoint, Image, Kept, Recorder, SectorSize};
use runtime::time::Duration;
use std::collections::BTreeSet;
use storage::journal::JournalOptions;
use storage::{DirectoryOptions, LogConfig, LogDirectory, Opened};
use support::*;

const OTHER: Uuid = Uuid([8; 16]);

/// A journal of which many images can be written.
fn small() -> DirectoryOptions {
    let journal =
        JournalOptions { file_bytes: 64 << 10, initial_files: 2, max_bytes: 1 << 20, ..JournalOptions::default() };
    DirectoryOptions { journal, ..options() }
}

/// Opens the directory, whose operations are recorded from now on.
async fn recorded(place: &Place, config: &LogConfig) -> (Recorder, Opened) {
    place.unlocked().await;
    let recorder = Recorder::new();
    let disk = Disk::open_recorded(place.path(), &recorder).await.expect("the directory");
    let opened = LogDirectory::open(disk, small(), &|_| config.clone()).await;
    (recorder, opened.expect("the directory can be opened"))
}

/// What the power left at `point`: what was synced and no more.
fn after_power_failure(point: &CrashPoint<'_>) -> Image {
    point.after_power_failure(SectorSize::Bytes4096, Kept::Nothing)
}

/// A place that holds it.
async fn place_of(image: &Image) -> Place {
    let place = Place::new();
    place.disk().await; // it is cleared when it is first used
    image.write_to(place.path()).expect("room for an image");
    place
}

/// What the one log of the place says that it may lack; nothing where there is no log, or none with an id.
async fn may_lack(place: &Place, config: &LogConfig) -> Option<bool> {
    let opened = place.open_with(small(), config.clone()).await;
    let log = opened.logs.iter().find(|log| !log.topic_id.is_zero())?;
    assert!(log.log.is_ok(), "{:?}", log.log);
    Some(log.may_lack)
}

/// The rename of a closed log's directory was not synced, the topic was made again and acknowledged, and after a power
/// failure the directory was the closed one's: recovery took that for a later log, and forgot the one that was there.
#[test]
fn a_topic_made_again_after_a_closed_one_outlasts_the_power() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 5, 3).await;
        close(directory, log).await;
        place.disk().await.open_file("story-0/closed-for-safety", Open::New).await.expect("made");
        let (recorder, opened) = recorded(&place, &journaled()).await;
        assert!(opened.logs[0].log.is_err(), "the file keeps it closed");
        opened.directory.delete_failed(&partition(0)).await.expect("deleted");
        let again = opened.directory.create(partition(0), OTHER, journaled(), true).await;
        let mut log = again.expect("the name is free");
        append(&mut log, records("other", 1, START)).await;
        durable(&log).await;
        drop((log, opened));
        let record = recorder.log();
        let image = after_power_failure(&record.crash_points().last().expect("there is one"));
        let place = place_of(&image).await;
        let opened = place.open(journaled()).await;
        assert_eq!(opened.logs.len(), 1);
        assert_eq!(opened.logs[0].topic_id, OTHER);
        assert_eq!(contents(opened.logs[0].log.as_ref().expect("good")).await, [(0, "other 0".to_owned())]);
    });
}

/// From its making through a clean stop to the next start: wherever a journaled log is killed, it has what was promised,
/// and must not say otherwise. A clean stop writes "page cache" for all logs, and a cluster that was killed right after
/// one would have given up every claim.
#[test]
fn a_journaled_log_lacks_nothing_wherever_it_is_killed() {
    story(async {
        let place = Place::new();
        let (recorder, opened) = recorded(&place, &journaled()).await;
        let mut log = opened.directory.create(partition(0), TOPIC_ID, journaled(), true).await.expect("a new log");
        fill(&mut log, 2, 3).await;
        durable(&log).await;
        close(opened.directory, log).await;
        let (again, opened) = recorded(&place, &journaled()).await;
        drop(opened);
        let (mut said, mut seen) = (0, BTreeSet::new());
        for record in [recorder.log(), again.log()] {
            for point in record.crash_points() {
                for image in [point.after_process_crash(), after_power_failure(&point)] {
                    if !seen.insert(image.fingerprint()) {
                        continue;
                    }
                    let says = may_lack(&place_of(&image).await, &journaled()).await;
                    assert_ne!(says, Some(true), "after {} operations", point.operations);
                    said += usize::from(says.is_some());
                }
            }
        }
        assert!(said > 20, "{said} of the images have the log");
    });
}

/// The topic was made durable, and the broker was killed before its replica was told. The config says "journaled" at the next
/// start, and so did the log; it kept its claim to lead, without what its page cache had.
#[test]
fn a_log_that_was_in_the_page_cache_may_lack_something_whatever_the_config_wants_now() {
    story(async {
        for now in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(plain()).await;
            fill(&mut log, 2, 3).await;
            log.set_journaled(true).await.expect("a barrier");
            log.set_journaled(false).await.expect("a barrier");
            fill(&mut log, 2, 3).await;
            drop((log, directory));
            assert_eq!(may_lack(&place, &now).await, Some(true));
        }
    });
}

#[test]
fn a_log_that_its_barrier_made_journaled_lacks_nothing() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 2, 3).await;
        log.set_journaled(true).await.expect("a barrier");
        drop((log, directory));
        assert_eq!(may_lack(&place, &journaled()).await, Some(false));
    });
}

/// A log without a line could be a journaled one whose making the journal lost, and one of those lacks nothing.
#[test]
fn a_new_log_in_the_page_cache_is_soon_known_as_one() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 2, 3).await;
        for _ in 0..1000 {
            if String::from_utf8_lossy(&place.read_file("recovery-point-offset-checkpoint").await).contains("story 0 6")
            {
                break;
            }
            runtime::time::sleep(Duration::from_millis(10)).await;
        }
        directory.checkpoint().await.expect("it waits for the one that is being written");
        fill(&mut log, 2, 3).await;
        drop((log, directory));
        assert_eq!(may_lack(&place, &journaled()).await, Some(true));
    });
}

/// Whoever else used the directory after our clean stop has a page cache of his own.
#[test]
fn what_others_appended_after_a_clean_stop_may_be_missed() {
    story(async {
        for theirs in [false, true] {
            let place = Place::new();
            let (directory, mut log) = place.with_log(plain()).await;
            fill(&mut log, 5, 3).await;
            close(directory, log).await;
            place.disk().await.remove_file(".kafka_cleanshutdown").await.expect("removed");
            if theirs {
                let file = "story-0/00000000000000000000.log";
                let mut batch = records("theirs", 3, START);
                protocol::records::set_base_offset(&mut batch, 15);
                protocol::records::set_leader_epoch(&mut batch, 0);
                let length = place.read_file(file).await.len() as u64;
                place.damage(file, length, &batch).await;
            }
            assert_eq!(may_lack(&place, &plain()).await, Some(theirs));
        }
    });
}
