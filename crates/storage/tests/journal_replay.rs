//! After a crash a journaled log is what the journal says: whatever of the segments was lost comes back.

mod support;

use model::Uuid;
use runtime::time::Duration;
use storage::{DirectoryOptions, LogConfig, StorageFault};
use support::*;

const FIRST: &str = "story-0/00000000000000000000.log";

/// Syncs everything of the log and lets the checkpoint say so, by a round through the other mode.
async fn checkpointed(log: &mut storage::Log) {
    log.set_journaled(false).await.expect("a barrier");
    log.set_journaled(true).await.expect("a barrier");
}

#[test]
fn segments_that_the_power_took_come_back() {
    story(async {
        for synced in [0, 1, 10] {
            let place = Place::new();
            let (directory, mut log) = place.with_log(journaled()).await;
            fill(&mut log, synced, 3).await;
            if synced > 0 {
                checkpointed(&mut log).await;
            }
            let line = place.read_file(FIRST).await.len();
            fill(&mut log, 20 - synced, 3).await;
            durable(&log).await;
            drop((log, directory));
            place.resize(FIRST, line as u64).await;
            let (directory, log) = place.again(journaled()).await;
            assert_eq!(contents(&log).await, filled(20, 3), "{synced} batches were synced");
            drop((log, directory));
            // The recovery itself was synced: another crash needs no journal entry from before it.
            let (_directory, log) = place.again(journaled()).await;
            assert_eq!(contents(&log).await, filled(20, 3));
        }
    });
}

#[test]
fn bytes_behind_the_line_are_written_again_whatever_they_show() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 5, 3).await;
        checkpointed(&mut log).await;
        let line = place.read_file(FIRST).await.len();
        fill(&mut log, 15, 3).await;
        durable(&log).await;
        drop((log, directory));
        let length = place.read_file(FIRST).await.len();
        place.damage(FIRST, line as u64, &vec![0x55; length - line + 1000]).await;
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, filled(20, 3));
        assert_eq!(place.read_file(FIRST).await.len(), length);
    });
}

/// The segment that was closed kept the batches of the next one behind its end, and readers got them in place of those
/// that a follower had put there after a cut.
#[test]
fn a_segment_that_a_smaller_config_closes_early_ends_there() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 5, 3).await;
        checkpointed(&mut log).await;
        let line = place.read_file(FIRST).await.len();
        fill(&mut log, 15, 3).await;
        durable(&log).await;
        drop((log, directory));
        let smaller = LogConfig { segment_bytes: line as u64, ..journaled() };
        let (_directory, mut log) = place.again(smaller).await;
        assert_eq!(place.read_file(FIRST).await.len(), line, "nothing is behind the last batch that counts");
        assert_eq!(contents(&log).await, filled(20, 3));
        log.truncate(18).await.expect("a cut");
        append(&mut log, records("other", 3, support::START + 18)).await;
        let expected: Vec<_> = (0..3).map(|at| (18 + at, format!("other {at}"))).collect();
        assert_eq!(contents(&log).await.split_off(18), expected, "what was cut does not come back");
    });
}

#[test]
fn a_directory_whose_name_was_lost_is_made_again() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 20, 3).await;
        durable(&log).await;
        drop((log, directory));
        let disk = place.disk().await;
        for name in place.names("story-0").await {
            disk.remove_file(&format!("story-0/{name}")).await.expect("removed");
        }
        disk.remove_directory("story-0").await.expect("removed");
        let opened = place.open(journaled()).await;
        let log = &opened.logs[0];
        assert_eq!((log.topic_id, &log.topic_partition), (TOPIC_ID, &partition(0)));
        assert_eq!(contents(log.log.as_ref().expect("a good log")).await, filled(20, 3));
    });
}

#[test]
fn a_lost_directory_that_the_checkpoint_names_closes_the_log() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 20, 3).await;
        checkpointed(&mut log).await;
        drop((log, directory));
        let disk = place.disk().await;
        for name in place.names("story-0").await {
            disk.remove_file(&format!("story-0/{name}")).await.expect("removed");
        }
        disk.remove_directory("story-0").await.expect("removed");
        for _ in 0..2 {
            let (directory, failed) = place.again_closed(journaled()).await;
            assert!(failed.reason.contains("no segment"), "{failed}");
            drop(directory);
        }
    });
}

#[test]
fn a_file_that_is_short_below_the_line_closes_the_log() {
    story(async {
        for damage in [false, true] {
            let place = Place::new();
            let (directory, mut log) = place.with_log(journaled()).await;
            fill(&mut log, 20, 3).await;
            checkpointed(&mut log).await;
            let line = place.read_file(FIRST).await.len();
            fill(&mut log, 5, 3).await;
            durable(&log).await;
            drop((log, directory));
            if damage {
                place.damage(FIRST, line as u64 / 2, &[0; 300]).await;
            } else {
                place.resize(FIRST, line as u64 - 10).await;
            }
            let (_directory, failed) = place.again_closed(journaled()).await;
            assert!(failed.reason.contains("offsets up to 60 are synced"), "{failed}");
        }
    });
}

#[test]
fn a_file_that_is_short_because_of_a_later_cut_is_good() {
    // The cut reached the disk, and what was appended after it did not.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 10, 3).await;
        let cut = place.read_file(FIRST).await.len();
        fill(&mut log, 10, 3).await;
        checkpointed(&mut log).await;
        fill(&mut log, 3, 3).await;
        log.truncate(30).await.expect("a cut");
        fill(&mut log, 2, 3).await;
        durable(&log).await;
        drop((log, directory));
        place.resize(FIRST, cut as u64).await;
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, filled(12, 3));
    });
}

#[test]
fn a_file_that_is_short_because_of_two_cuts_is_good() {
    // The first cut alone did not explain how short the file is, and the log was closed.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 10, 3).await;
        checkpointed(&mut log).await;
        log.truncate(15).await.expect("a cut");
        log.truncate(6).await.expect("a cut");
        fill(&mut log, 2, 3).await;
        durable(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, filled(4, 3));
    });
}

#[test]
fn an_empty_last_segment_hides_nothing_that_a_later_cut_explains() {
    // The line ended in an empty segment; the cut and the reset after it had replaced all files.
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 1000, ..journaled() };
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 20, 3).await;
        let base = log.log_end_offset() - 30;
        log.truncate(base).await.expect("a cut");
        log.roll_if_due(i64::MAX).await.expect("a roll");
        checkpointed(&mut log).await;
        log.truncate(base - 3).await.expect("a cut");
        log.reset(base - 2).await.expect("a reset");
        durable(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(config).await;
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (base - 2, base - 2));
    });
}

#[test]
fn a_file_with_other_batches_of_after_a_later_cut_is_good() {
    // What was appended after the second cut has no batch boundary where the first one cut.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 10, 3).await;
        checkpointed(&mut log).await;
        log.truncate(9).await.expect("a cut");
        log.truncate(6).await.expect("a cut");
        append(&mut log, records("longer", 10, START)).await;
        durable(&log).await;
        let expected = contents(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, expected);
    });
}

#[test]
fn a_file_with_bytes_of_after_a_later_cut_is_good() {
    // What was appended after the cut reached the disk over what the line speaks of.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 20, 3).await;
        checkpointed(&mut log).await;
        log.truncate(30).await.expect("a cut");
        for n in 0..3 {
            append(&mut log, records(&format!("a quite different value {n}"), 7, START)).await;
        }
        durable(&log).await;
        let expected = contents(&log).await;
        drop((log, directory));
        let length = place.read_file(FIRST).await.len();
        place.resize(FIRST, length as u64 + 3000).await;
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, expected);
    });
}

#[test]
fn a_segment_that_retention_removed_is_not_missed() {
    story(async {
        let config = LogConfig { segment_bytes: 1000, retention_ms: 10, ..journaled() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 20, 3).await;
        checkpointed(&mut log).await;
        fill(&mut log, 20, 3).await;
        log.apply_retention(START + 100_000, 120).await.expect("retention");
        assert_eq!(log.log_start_offset(), 120);
        append(&mut log, records("after", 2, START)).await;
        durable(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(config).await;
        assert_eq!(log.log_start_offset(), 120);
        assert_eq!(contents(&log).await, [(120, "after 0".to_owned()), (121, "after 1".to_owned())]);
    });
}

#[test]
fn a_segment_below_a_log_start_that_was_already_there_is_not_missed() {
    // The start had moved before the line; the removal needed no entry of its own.
    story(async {
        let config = LogConfig { segment_bytes: 1000, retention_bytes: 0, ..journaled() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 4, 3).await;
        log.advance_start(12).await.expect("a new start");
        checkpointed(&mut log).await;
        log.roll_if_due(i64::MAX).await.expect("a roll");
        log.apply_retention(START, 12).await.expect("retention");
        append(&mut log, records("after", 1, START)).await;
        durable(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(config).await;
        assert_eq!((log.log_start_offset(), contents(&log).await), (12, vec![(12, "after 0".to_owned())]));
    });
}

#[test]
fn rolls_cuts_and_resets_are_replayed_in_order() {
    story(async {
        let config = LogConfig { segment_bytes: 700, index_interval_bytes: 100, ..journaled() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 20, 3).await;
        checkpointed(&mut log).await;
        fill(&mut log, 20, 3).await;
        log.truncate(75).await.expect("a cut");
        fill(&mut log, 5, 3).await;
        log.reset(500).await.expect("a reset");
        fill(&mut log, 20, 3).await;
        log.advance_start(530).await.expect("a new start");
        log.truncate(545).await.expect("a cut");
        fill(&mut log, 2, 3).await;
        durable(&log).await;
        let expected = contents(&log).await;
        drop((log, directory));
        for _ in 0..2 {
            let (directory, log) = place.again(config.clone()).await;
            assert_eq!((log.log_start_offset(), log.log_end_offset()), (530, 551));
            assert_eq!(contents(&log).await, expected);
            drop((log, directory));
        }
    });
}

#[test]
fn segments_are_synced_in_the_background_and_the_journal_is_freed() {
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 2000, ..journaled() };
        let options = DirectoryOptions { sync_interval: Duration::from_millis(5), ..options() };
        let opened = place.open_with(options, config.clone()).await;
        let mut log = opened.directory.create(partition(0), TOPIC_ID, config.clone(), true).await.expect("a log");
        for _ in 0..20 {
            fill(&mut log, 5, 3).await;
            runtime::time::sleep(Duration::from_millis(3)).await;
        }
        durable(&log).await;
        drop((log, opened.directory));
        let (_directory, log) = place.again(config).await;
        assert_eq!(contents(&log).await, filled(100, 3));
    });
}

#[test]
fn a_deleted_log_stays_deleted_and_its_name_is_free() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 5, 3).await;
            directory.delete(log).await.expect("deleted");
            let other = Uuid([8; 16]);
            let mut log = directory
                .create(partition(0), other, config.clone(), config.wants_journal())
                .await
                .expect("the name is free");
            append(&mut log, records("other", 1, START)).await;
            durable(&log).await;
            drop((log, directory));
            let opened = place.open(config.clone()).await;
            assert_eq!(opened.logs.len(), 1);
            assert_eq!(opened.logs[0].topic_id, other);
            assert_eq!(contents(opened.logs[0].log.as_ref().expect("good")).await, [(0, "other 0".to_owned())]);
            for _ in 0..3000 {
                if place.names("").await.iter().all(|name| !name.ends_with("-delete")) {
                    break;
                }
                runtime::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(place.names("").await.iter().all(|name| !name.ends_with("-delete")));
        }
    });
}

#[test]
fn a_removal_whose_rename_was_lost_is_done_again() {
    story(async {
        let place = Place::new();
        let config = LogConfig { file_delete_delay_ms: 100_000, ..journaled() };
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 5, 3).await;
        checkpointed(&mut log).await;
        directory.delete(log).await.expect("deleted");
        drop(directory);
        let renamed = place.names("").await.into_iter().find(|name| name.ends_with("-delete")).expect("it was renamed");
        place.disk().await.rename(&renamed, "story-0").await.expect("as before");
        let opened = place.open(config).await;
        assert!(opened.logs.is_empty(), "{:?}", opened.logs);
    });
}

#[test]
fn entries_from_before_a_log_left_the_journal_are_not_replayed() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        // Another log keeps the journal from being freed.
        let mut other = directory.create(partition(1), TOPIC_ID, journaled(), true).await.expect("a log");
        fill(&mut other, 3, 3).await;
        fill(&mut log, 5, 3).await;
        log.set_journaled(false).await.expect("a barrier");
        fill(&mut log, 5, 3).await;
        fill(&mut other, 3, 3).await;
        durable(&other).await;
        drop((log, other, directory));
        let mut opened = place.open(journaled()).await;
        let other = opened.logs.remove(1).log.expect("a good log");
        assert_eq!(contents(&other).await, filled(6, 3));
        let log = opened.logs.remove(0).log.expect("a good log");
        assert_eq!(contents(&log).await, filled(10, 3));
    });
}

#[test]
fn a_dropped_log_does_not_take_its_successor_along() {
    // The checkpoint still names the dropped log when the directory of that name is another's already.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 5, 3).await;
        checkpointed(&mut log).await;
        directory.delete(log).await.expect("deleted");
        let other = Uuid([8; 16]);
        let mut log = directory.create(partition(0), other, plain(), false).await.expect("the name is free");
        fill(&mut log, 4, 3).await;
        drop((log, directory));
        let opened = place.open(plain()).await;
        assert_eq!(opened.logs.len(), 1);
        assert_eq!(opened.logs[0].topic_id, other);
        assert_eq!(contents(opened.logs[0].log.as_ref().expect("good")).await, filled(4, 3));
    });
}

#[test]
fn two_logs_of_one_name_cannot_be() {
    story(async {
        let place = Place::new();
        let (directory, _log) = place.with_log(journaled()).await;
        let again = directory.create(partition(0), Uuid([9; 16]), journaled(), true).await;
        assert!(matches!(again, Err(StorageFault::Exists(_))));
    });
}

#[test]
fn many_logs_share_a_journal() {
    story(async {
        let place = Place::new();
        let opened = place.open(journaled()).await;
        let mut logs = Vec::new();
        for n in 0..30 {
            let config = if n % 3 == 0 { plain() } else { journaled() };
            let wants_journal = config.wants_journal();
            let log = opened.directory.create(partition(n), TOPIC_ID, config, wants_journal).await;
            logs.push(log.expect("a log"));
        }
        for _ in 0..10 {
            for log in &mut logs {
                fill(log, 2, 2).await;
            }
        }
        for log in &logs {
            durable(log).await;
        }
        drop((logs, opened.directory));
        let opened = place.open(journaled()).await;
        assert_eq!(opened.logs.len(), 30);
        for (n, log) in opened.logs.iter().enumerate() {
            assert_eq!(log.topic_partition, partition(n as i32));
            assert_eq!(contents(log.log.as_ref().expect("a good log")).await, filled(20, 2));
        }
    });
}

#[test]
fn a_log_that_was_dropped_before_does_not_clear_its_successors_directory() {
    // The journal still has the entry that made the dropped log; the directory of that name is a later log's.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        // Another log keeps the journal from being freed.
        let mut other = directory.create(partition(1), TOPIC_ID, journaled(), true).await.expect("a log");
        fill(&mut other, 1, 1).await;
        fill(&mut log, 5, 3).await;
        directory.delete(log).await.expect("deleted");
        let mut log = directory.create(partition(0), Uuid([8; 16]), plain(), false).await.expect("the name is free");
        fill(&mut log, 4, 3).await;
        drop((log, other, directory));
        let opened = place.open(plain()).await;
        assert_eq!(opened.logs.len(), 2);
        assert_eq!(opened.logs[0].topic_id, Uuid([8; 16]));
        assert_eq!(contents(opened.logs[0].log.as_ref().expect("good")).await, filled(4, 3));
    });
}

/// A log left the journal, was deleted, and its line went. The journal still had the entry that made it: recovery made it
/// again, and refused its successor, which had been acknowledged.
#[test]
fn a_log_that_left_the_journal_and_was_deleted_is_not_made_again() {
    story(async {
        for successors_name_is_lost in [false, true] {
            let place = Place::new();
            let directory = place.open(journaled()).await.directory;
            // Another log keeps the journal from being freed.
            let mut other = directory.create(partition(1), TOPIC_ID, journaled(), true).await.expect("a log");
            fill(&mut other, 1, 1).await;
            durable(&other).await;
            let mut log = directory.create(partition(0), TOPIC_ID, journaled(), true).await.expect("a log");
            fill(&mut log, 5, 3).await;
            log.set_journaled(false).await.expect("a barrier");
            directory.delete(log).await.expect("deleted");
            let mut third = directory.create(partition(2), TOPIC_ID, plain(), false).await.expect("a log");
            third.set_journaled(true).await.expect("a barrier, and so a checkpoint without the dropped log");
            let successor = directory.create(partition(0), Uuid([8; 16]), journaled(), true).await;
            let mut log = successor.expect("the name is free");
            fill(&mut log, 4, 3).await;
            durable(&log).await;
            drop((log, other, third, directory));
            place.unlocked().await;
            if successors_name_is_lost {
                let disk = place.disk().await;
                for name in place.names("story-0").await {
                    disk.remove_file(&format!("story-0/{name}")).await.expect("removed");
                }
                disk.remove_directory("story-0").await.expect("removed");
            }
            let opened = place.open(journaled()).await;
            assert_eq!(opened.logs.len(), 3);
            assert_eq!(opened.logs[0].topic_id, Uuid([8; 16]));
            assert_eq!(contents(opened.logs[0].log.as_ref().expect("good")).await, filled(4, 3));
        }
    });
}

/// The group that made a log rotted. Later groups changed it, and were taken for those of a log that was dropped: the log was
/// opened as one that had never been journaled, or was not there, and nobody said that something is missing.
#[test]
fn a_log_whose_making_has_rotted_stays_closed_or_is_told_as_lost() {
    story(async {
        for directory_is_lost in [false, true] {
            let place = Place::new();
            let (directory, mut log) = place.with_log(journaled()).await;
            for _ in 0..3 {
                fill(&mut log, 1, 3).await;
                durable(&log).await;
            }
            drop((log, directory));
            place.unlocked().await;
            rot_first_group(&place).await;
            if directory_is_lost {
                let disk = place.disk().await;
                for name in place.names("story-0").await {
                    disk.remove_file(&format!("story-0/{name}")).await.expect("removed");
                }
                disk.remove_directory("story-0").await.expect("removed");
            }
            let opened = place.open(journaled()).await;
            if directory_is_lost {
                assert_eq!((opened.logs.len(), &opened.lost[..]), (0, &[(TOPIC_ID, 0)][..]));
            } else {
                assert_eq!(opened.lost, []);
                assert_eq!(opened.logs[0].topic_id, TOPIC_ID);
                let failed = opened.logs[0].log.as_ref().expect_err("it stays closed");
                assert!(failed.reason.contains("corrupt"), "{failed}");
            }
        }
    });
}

/// Overwrites the last bytes of the oldest group in the journal.
async fn rot_first_group(place: &Place) {
    let mut groups = Vec::new();
    for name in place.names("").await.into_iter().filter(|name| name.starts_with("thalweg-journal-")) {
        for (block, at) in place.read_file(&name).await.chunks(4096).zip((0_u64..).step_by(4096)) {
            let number = |from: usize| u64::from_be_bytes(block[from..from + 8].try_into().expect("eight bytes"));
            if block.starts_with(b"ThalwegJ") {
                groups.push((number(20), name.clone(), at + (number(28) >> 32)));
            }
        }
    }
    let (_, name, end) = groups.into_iter().min().expect("there are groups");
    place.damage(&name, end - 4, &[0xee; 4]).await;
}

/// All epochs but those of the last segment were forgotten, and a follower that asked where one of them ended was told to
/// cut what it had in common with its leader.
#[test]
fn epochs_whose_file_has_rotted_come_back_from_all_batches() {
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 100, ..journaled() };
        let (directory, mut log) = place.with_log(config.clone()).await;
        for epoch in 0..6 {
            let mut group = [request(records("record", 2, START))];
            group[0].leader_epoch = epoch * 3;
            log.append(&mut group).await.remove(0).expect("an append");
        }
        checkpointed(&mut log).await;
        drop((log, directory));
        assert!(place.names("story-0").await.iter().filter(|name| name.ends_with(".log")).count() > 3);
        place.damage("story-0/leader-epoch-checkpoint", 0, b"rotten").await;
        let (_directory, log) = place.again(config).await;
        let epochs: Vec<_> = (0..12).step_by(2).map(|offset| log.reader().epoch_of(offset)).collect();
        assert_eq!(epochs, [0, 3, 6, 9, 12, 15].map(Some));
    });
}

/// The epochs' file was from after a cut, the checkpoint from before it: replaying what had been cut took the epoch of all
/// that was kept, and a replica in sync no longer knew of which leader its records are. Seed 29 of the groups.
#[test]
fn epochs_from_after_a_cut_do_not_take_those_of_what_was_kept() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 10, 3).await;
        checkpointed(&mut log).await;
        fill(&mut log, 10, 3).await;
        log.truncate(15).await.expect("a cut");
        log.assign_leader_epoch(1).await.expect("an epoch");
        let mut later = request(records("later", 3, START));
        later.leader_epoch = 1;
        log.append(&mut [later]).await.remove(0).expect("an append");
        durable(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(journaled()).await;
        let epochs = [0, 14, 15, 17].map(|offset| log.reader().epoch_of(offset));
        assert_eq!(epochs, [0, 0, 1, 1].map(Some));
    });
}

/// The same of a journaled log, of which only the journal says whether it was dropped: where that has rotted, too, another may
/// be there by right.
#[test]
fn a_journaled_log_whose_topic_id_has_rotted_is_closed() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 10, 3).await;
        checkpointed(&mut log).await;
        drop((log, directory));
        place.damage("story-0/partition.metadata", 0, rotten_identity().as_bytes()).await;
        let opened = place.open(journaled()).await;
        assert_eq!(opened.logs.len(), 1, "nothing takes its place");
        assert_eq!(opened.logs[0].topic_id, TOPIC_ID);
        let failed = opened.logs[0].log.as_ref().expect_err("closed for safety").to_string();
        assert!(failed.contains("another partition has its directory"), "{failed}");
    });
}
