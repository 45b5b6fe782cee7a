//! After a crash a log that is not journaled is scanned from its recovery point, and cut where it is not whole.

mod support;

use runtime::time::Duration;
use storage::{DirectoryOptions, LogConfig};
use support::*;

const FIRST: &str = "story-0/00000000000000000000.log";

/// Twenty batches of three records each in one segment, as a crash leaves them.
async fn crashed(place: &Place, config: &LogConfig) -> usize {
    let (directory, mut log) = place.with_log(config.clone()).await;
    fill(&mut log, 20, 3).await;
    drop((log, directory));
    // Values get longer, so batches differ in size; only whole ones count.
    place.read_file(FIRST).await.len()
}

#[test]
fn what_is_whole_is_kept() {
    story(async {
        let place = Place::new();
        crashed(&place, &plain()).await;
        let (_directory, mut log) = place.again(plain()).await;
        assert_eq!(contents(&log).await, filled(20, 3));
        fill(&mut log, 1, 3).await;
        assert_eq!(contents(&log).await, filled(21, 3));
    });
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_batch() {
    story(async {
        for cut in [1, 30, 60, 61, 62, 100] {
            let place = Place::new();
            let length = crashed(&place, &plain()).await;
            place.resize(FIRST, (length - cut) as u64).await;
            let (_directory, mut log) = place.again(plain()).await;
            assert_eq!(contents(&log).await, filled(19, 3), "{cut} bytes are missing");
            assert_eq!(log.size(), place.read_file(FIRST).await.len() as u64);
            fill(&mut log, 1, 3).await;
            assert_eq!(contents(&log).await, filled(20, 3));
        }
    });
}

#[test]
fn a_batch_of_the_right_length_with_other_bytes_is_cut() {
    // A crash in the middle of a write leaves a batch of the right length with a hole in it.
    story(async {
        let place = Place::new();
        let length = crashed(&place, &plain()).await;
        place.damage(FIRST, (length - 50) as u64, &[0; 50]).await;
        let (_directory, log) = place.again(plain()).await;
        assert_eq!(contents(&log).await, filled(19, 3));
    });
}

#[test]
fn zeros_behind_the_last_batch_are_cut() {
    story(async {
        let place = Place::new();
        let length = crashed(&place, &plain()).await;
        place.resize(FIRST, length as u64 + 5000).await;
        let (_directory, log) = place.again(plain()).await;
        assert_eq!(contents(&log).await, filled(20, 3));
    });
}

#[test]
fn a_well_formed_batch_that_does_not_follow_is_cut() {
    story(async {
        let mut stray = records("from elsewhere", 3, START);
        for (base, epoch, kept) in [(60, 0, 21), (61, 0, 20), (57, 0, 20), (0, 0, 20)] {
            let place = Place::new();
            let length = crashed(&place, &plain()).await;
            protocol::records::set_base_offset(&mut stray, base);
            protocol::records::set_leader_epoch(&mut stray, epoch);
            place.damage(FIRST, length as u64, &stray).await;
            let (_directory, log) = place.again(plain()).await;
            assert_eq!(log.log_end_offset(), kept * 3, "a batch at {base}");
        }
    });
}

/// Closed segments are synced at once; the story is about one that was not.
async fn no_recovery_point(place: &Place) {
    let name = "recovery-point-offset-checkpoint";
    if place.names("").await.iter().any(|found| found == name) {
        place.disk().await.remove_file(name).await.expect("removed");
    }
}

#[test]
fn segments_behind_a_torn_one_go() {
    story(async {
        let config = LogConfig { segment_bytes: 600, ..plain() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 30, 3).await;
        drop((log, directory));
        place.unlocked().await;
        let segments: Vec<String> =
            place.names("story-0").await.into_iter().filter(|name| name.ends_with(".log")).collect();
        no_recovery_point(&place).await;
        let third = format!("story-0/{}", segments[2]);
        let length = place.read_file(&third).await.len();
        place.resize(&third, length as u64 - 1).await;
        let (_directory, mut log) = place.again(config).await;
        let next: i64 = segments[3].trim_end_matches(".log").parse().expect("a number");
        assert_eq!(log.log_end_offset(), next - 3);
        assert_eq!(contents(&log).await[..], filled(30, 3)[..next as usize - 3]);
        fill(&mut log, 30, 3).await;
        assert_eq!(contents(&log).await[..60], filled(20, 3)[..]);
        assert_eq!(contents(&log).await.len() as i64, next - 3 + 90);
    });
}

#[test]
fn a_missing_segment_ends_the_log_before_it() {
    story(async {
        let config = LogConfig { segment_bytes: 600, ..plain() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 30, 3).await;
        drop((log, directory));
        place.unlocked().await;
        let segments: Vec<String> =
            place.names("story-0").await.into_iter().filter(|name| name.ends_with(".log")).collect();
        no_recovery_point(&place).await;
        place.disk().await.remove_file(&format!("story-0/{}", segments[2])).await.expect("removed");
        let (_directory, log) = place.again(config).await;
        let end: i64 = segments[2].trim_end_matches(".log").parse().expect("a number");
        assert_eq!(log.log_end_offset(), end);
    });
}

#[test]
fn what_was_synced_and_is_gone_closes_the_log() {
    story(async {
        let place = Place::new();
        let options = DirectoryOptions { sync_interval: Duration::from_millis(10), ..options() };
        let opened = place.open_with(options, plain()).await;
        let mut log = opened.directory.create(partition(0), TOPIC_ID, plain(), false).await.expect("a log");
        fill(&mut log, 20, 3).await;
        let recovery_points = wait_for_recovery_point(&place, "story 0 60").await;
        assert!(recovery_points.starts_with("0\n1\n"));
        drop((log, opened.directory));
        let length = place.read_file(FIRST).await.len();
        let whole = place.read_file(FIRST).await;
        place.resize(FIRST, length as u64 - 10).await;
        let (directory, failed) = place.again_closed(plain()).await;
        assert!(failed.reason.contains("00000000000000000000.log"), "{failed}");
        drop(directory);
        place.damage(FIRST, 0, &whole).await;
        let (directory, failed) = place.again_closed(plain()).await;
        assert!(failed.reason.contains("00000000000000000000.log"), "it stays closed: {failed}");
        directory.delete_failed(&partition(0)).await.expect("deleted");
        drop(directory);
        assert!(place.open(plain()).await.logs.is_empty());
    });
}

async fn wait_for_recovery_point(place: &Place, line: &str) -> String {
    for _ in 0..6000 {
        runtime::time::sleep(Duration::from_millis(10)).await;
        let names = place.names("").await;
        if names.iter().any(|name| name == "recovery-point-offset-checkpoint") {
            let text = String::from_utf8(place.read_file("recovery-point-offset-checkpoint").await).expect("text");
            if text.contains(line) {
                return text;
            }
        }
    }
    panic!("no recovery point {line}");
}

#[test]
fn leader_epochs_and_producers_come_back_from_the_batches() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        for epoch in 0..4 {
            let mut group = [request(idempotent(9, 0, epoch * 2, 2))];
            group[0].leader_epoch = epoch * 3;
            log.append(&mut group).await.remove(0).expect("an append");
        }
        drop((log, directory));
        let names = place.names("story-0").await;
        assert!(!names.iter().any(|name| name == "leader-epoch-checkpoint"), "nothing was synced");
        let (_directory, mut log) = place.again(plain()).await;
        let epochs: Vec<_> = (0..8).map(|offset| log.reader().epoch_of(offset)).collect();
        assert_eq!(epochs, [0, 0, 3, 3, 6, 6, 9, 9].map(Some));
        let mut repeat = request(idempotent(9, 0, 6, 2));
        repeat.leader_epoch = 9;
        assert!(log.append(&mut [repeat]).await.remove(0).expect("an answer").duplicate);
    });
}

#[test]
fn an_epoch_that_was_raised_is_not_given_again() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 2, 3).await;
            durable(&log).await;
            log.assign_leader_epoch(7).await.expect("an epoch");
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!((log.latest_epoch(), log.reader().epoch_of(5)), (Some(7), Some(0)));
        }
    });
}

#[test]
fn a_crash_during_recovery_leads_to_the_same_log() {
    story(async {
        let config = LogConfig { segment_bytes: 600, ..plain() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 30, 3).await;
        drop((log, directory));
        for _ in 0..3 {
            let (directory, log) = place.again(config.clone()).await;
            assert_eq!(contents(&log).await, filled(30, 3));
            drop((log, directory));
        }
    });
}

#[test]
fn what_was_synced_and_then_deleted_is_not_missed() {
    // Retention's removals had reached the disk, and the names of the segments after them had not.
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 1000, retention_bytes: 0, ..plain() };
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 5, 3).await;
        log.set_journaled(true).await.expect("a barrier");
        log.set_journaled(false).await.expect("a barrier");
        fill(&mut log, 10, 3).await;
        log.apply_retention(START, 45).await.expect("retention");
        let start = log.log_start_offset();
        assert!(start > 15);
        drop((log, directory));
        place.unlocked().await;
        let text = "0\n1\nstory 0 15\n".to_owned();
        let length = place.read_file("recovery-point-offset-checkpoint").await.len() as u64;
        place.damage("recovery-point-offset-checkpoint", 0, text.as_bytes()).await;
        place.resize("recovery-point-offset-checkpoint", length.min(text.len() as u64)).await;
        for name in place.names("story-0").await.iter().filter(|name| name.ends_with(".log")) {
            place.disk().await.remove_file(&format!("story-0/{name}")).await.expect("removed");
        }
        let (_directory, log) = place.again(config).await;
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, start));
    });
}

/// A bit of the id had flipped, and what it named was another topic's then: the log was set aside, and an empty one served in
/// its place. Seed 195 of the storage worlds.
#[test]
fn a_log_whose_topic_id_has_rotted_is_still_that_topics() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 10, 3).await;
        drop((log, directory));
        drop(place.again(plain()).await); // with a checkpoint
        place.damage("story-0/partition.metadata", 0, rotten_identity().as_bytes()).await;
        for _ in 0..2 {
            let (directory, log) = place.again(plain()).await;
            assert_eq!((log.topic_id(), contents(&log).await), (TOPIC_ID, filled(10, 3)));
            drop((log, directory));
        }
    });
}
