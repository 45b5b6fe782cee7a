//! Truncation, reset and retention, in both modes; each looked at again after a crash and after a clean stop.

mod support;

use model::ErrorCode;
use storage::{LogConfig, Retired};
use support::*;

fn small(config: LogConfig) -> LogConfig {
    LogConfig { segment_bytes: 1000, index_interval_bytes: 100, ..config }
}

#[test]
fn a_log_is_cut_at_a_batch_boundary_and_goes_on_from_there() {
    story(async {
        for config in both().map(small) {
            for to in [0, 1, 29, 30, 31, 59, 60] {
                let place = Place::new();
                let (directory, mut log) = place.with_log(config.clone()).await;
                fill(&mut log, 20, 3).await;
                let end = log.truncate(to).await.expect("a cut");
                assert_eq!(end, to / 3 * 3);
                assert_eq!((log.log_end_offset(), log.durable().borrow().truncation), (end, u64::from(to < 60)));
                append(&mut log, records("after the cut", 2, START)).await;
                let mut expected = filled(end as usize / 3, 3);
                expected.extend((0..2).map(|n| (end + n, format!("after the cut {n}"))));
                assert_eq!(contents(&log).await, expected);
                durable(&log).await;
                drop((log, directory));
                let (directory, log) = place.again(config.clone()).await;
                assert_eq!(contents(&log).await, expected, "after a crash, cut at {to}");
                close(directory, log).await;
                let (_directory, log) = place.again(config.clone()).await;
                assert_eq!(contents(&log).await, expected, "after a clean stop, cut at {to}");
            }
        }
    });
}

#[test]
fn a_cut_forgets_what_was_learned_behind_it() {
    story(async {
        for config in both().map(small) {
            let place = Place::new();
            let (_directory, mut log) = place.with_log(config).await;
            for n in 0..10 {
                append(&mut log, idempotent(5, 0, n * 3, 3)).await;
            }
            log.assign_leader_epoch(2).await.expect("an epoch");
            let mut later = request(idempotent(5, 0, 30, 3));
            later.leader_epoch = 2;
            log.append(&mut [later]).await.remove(0).expect("an append");
            assert_eq!(log.truncate(15).await.expect("a cut"), 15);
            assert_eq!(log.latest_epoch(), Some(0));
            assert_eq!(
                outcome(append_result(&mut log, idempotent(5, 0, 18, 3)).await),
                ErrorCode::OutOfOrderSequenceNumber
            );
            let repeat = append(&mut log, idempotent(5, 0, 3, 3)).await;
            assert!(repeat.duplicate && repeat.base_offset == 3, "five batches before the cut are known");
            assert_eq!(append(&mut log, idempotent(5, 0, 15, 3)).await.base_offset, 15);
        }
    });
}

#[test]
fn timestamps_behind_a_cut_are_forgotten() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(small(plain())).await;
        fill(&mut log, 20, 3).await;
        append(&mut log, records("far ahead", 1, START + 1_000_000)).await;
        log.truncate(10).await.expect("a cut");
        let largest = log.reader().max_timestamp(100).await.expect("a search").expect("a record");
        assert_eq!((largest.offset, largest.timestamp), (8, START + 8));
        append(&mut log, records("later", 1, START + 500)).await;
        let found = log.reader().find_by_timestamp(START + 9, 100).await.expect("a search").expect("a record");
        assert_eq!(found.offset, 9);
    });
}

#[test]
fn a_closed_segment_that_takes_appends_again_is_indexed_again() {
    // It was still on the list of closed segments, whose index is written once.
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(small(journaled())).await;
        fill(&mut log, 20, 3).await;
        log.truncate(3).await.expect("a cut");
        log.set_journaled(false).await.expect("a barrier");
        append(&mut log, records("later", 1, START + 500)).await;
        let largest = log.reader().max_timestamp(100).await.expect("a search").expect("a record");
        assert_eq!((largest.offset, largest.timestamp), (3, START + 500));
    });
}

#[test]
fn a_reset_log_is_empty_and_starts_anywhere() {
    story(async {
        for config in both().map(small) {
            for to in [0, 25, 1000] {
                let place = Place::new();
                let (directory, mut log) = place.with_log(config.clone()).await;
                fill(&mut log, 20, 3).await;
                log.advance_start(40).await.expect("a new start");
                log.reset(to).await.expect("a reset");
                assert_eq!((log.log_start_offset(), log.log_end_offset()), (to, to));
                append(&mut log, records("anew", 2, START)).await;
                let expected: Vec<_> = (0..2).map(|n| (to + n, format!("anew {n}"))).collect();
                assert_eq!(contents(&log).await, expected);
                durable(&log).await;
                drop((log, directory));
                let (directory, log) = place.again(config.clone()).await;
                assert_eq!(log.log_start_offset(), to, "after a crash");
                assert_eq!(contents(&log).await, expected, "after a crash");
                close(directory, log).await;
                let (_directory, log) = place.again(config.clone()).await;
                assert_eq!((log.log_start_offset(), contents(&log).await), (to, expected));
            }
        }
    });
}

#[test]
fn a_cut_below_the_log_start_is_a_reset() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(small(journaled())).await;
        fill(&mut log, 20, 3).await;
        log.advance_start(40).await.expect("a new start");
        assert_eq!(log.truncate(7).await.expect("a cut"), 7);
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (7, 7));
    });
}

#[test]
fn a_cut_into_the_batch_with_the_log_start_takes_the_start_along() {
    // The log once started after its end.
    story(async {
        for config in both().map(small) {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 20, 3).await;
            log.advance_start(40).await.expect("a new start");
            assert_eq!(log.truncate(41).await.expect("a cut"), 39);
            assert_eq!((log.log_start_offset(), log.log_end_offset()), (39, 39));
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!((log.log_start_offset(), log.log_end_offset()), (39, 39));
        }
    });
}

#[test]
fn the_oldest_segments_go_by_size() {
    story(async {
        for config in both().map(small) {
            let config = LogConfig { retention_bytes: 2500, ..config };
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 40, 3).await;
            let size = log.size();
            assert_eq!(
                log.apply_retention(START, 0).await.expect("retention"),
                Retired::default(),
                "not above the high watermark"
            );
            let retired = log.apply_retention(START, 120).await.expect("retention");
            assert!(retired.segments > 1 && log.size() == size - retired.bytes);
            assert!(log.size() >= 2500 && log.size() < 3500, "{}", log.size());
            let start = log.log_start_offset();
            assert_eq!(contents(&log).await, filled(40, 3)[start as usize..]);
            durable(&log).await;
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!(log.log_start_offset(), start);
            assert_eq!(contents(&log).await, filled(40, 3)[start as usize..]);
        }
    });
}

#[test]
fn everything_goes_by_time_but_the_log_goes_on() {
    story(async {
        for config in both().map(small) {
            let config = LogConfig { retention_ms: 1000, ..config };
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 40, 3).await;
            assert_eq!(log.apply_retention(START + 1000, 120).await.expect("retention"), Retired::default());
            log.apply_retention(START + 1060, 120).await.expect("retention");
            let start = log.log_start_offset();
            assert!(start > 0 && start <= 60, "{start}");
            log.apply_retention(START + 9999, 120).await.expect("retention");
            assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size()), (120, 120, 0));
            append(&mut log, records("goes on", 1, START)).await;
            durable(&log).await;
            drop((log, directory));
            let (directory, log) = place.again(config.clone()).await;
            assert_eq!(contents(&log).await, [(120, "goes on 0".to_owned())]);
            close(directory, log).await;
            let (_directory, log) = place.again(config).await;
            assert_eq!((log.log_start_offset(), contents(&log).await), (120, vec![(120, "goes on 0".to_owned())]));
        }
    });
}

#[test]
fn files_of_retired_segments_are_renamed_and_then_removed() {
    story(async {
        let place = Place::new();
        let config = LogConfig { retention_bytes: 0, file_delete_delay_ms: 3000, ..small(plain()) };
        let (_directory, mut log) = place.with_log(config).await;
        fill(&mut log, 20, 3).await;
        let reader = log.reader();
        let bytes = reader.read(0, 60, 100, true).await.expect("a read");
        log.apply_retention(START, 60).await.expect("retention");
        let deleted = |names: &[String]| names.iter().filter(|name| name.ends_with(".deleted")).count();
        assert!(deleted(&place.names("story-0").await) > 0);
        assert_eq!(base_offset(&bytes), 0);
        for _ in 0..3000 {
            runtime::time::sleep(runtime::time::Duration::from_millis(20)).await;
            if deleted(&place.names("story-0").await) == 0 {
                return;
            }
        }
        panic!("the files stay: {:?}", place.names("story-0").await);
    });
}

#[test]
fn segments_below_a_new_start_go_whatever_the_policy() {
    story(async {
        let place = Place::new();
        let config = LogConfig { delete: false, compact: true, ..small(journaled()) };
        let (_directory, mut log) = place.with_log(config).await;
        fill(&mut log, 20, 3).await;
        log.advance_start(31).await.expect("a new start");
        let retired = log.apply_retention(START + 1_000_000_000_000, 60).await.expect("retention");
        assert!(retired.segments > 0);
        assert_eq!((log.log_start_offset(), contents(&log).await.len()), (31, 29));
        let bytes = log.reader().read(31, 60, 1, true).await.expect("a read");
        assert_eq!(base_offset(&bytes), 30, "the batch with the start comes whole");
    });
}

#[test]
fn readers_beside_a_cut_never_see_what_is_gone() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(small(plain())).await;
        fill(&mut log, 20, 3).await;
        let reader = log.reader();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        // Every value of round r ends in r; a read may never mix rounds at one offset behind the truncation it saw.
        let task = runtime::task::spawn("reader", async move {
            let mut reads = 0;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                let before = reader.bounds();
                let Ok(bytes) = reader.read(30, before.log_end_offset, 1 << 20, true).await else { continue };
                let rounds: std::collections::BTreeSet<String> = records_of(&bytes)
                    .iter()
                    .filter_map(|(_, value)| Some(value.strip_prefix("round ")?.split(' ').next()?.to_owned()))
                    .collect();
                assert!(rounds.len() <= 1, "{rounds:?}");
                reads += 1;
                runtime::task::yield_now().await;
            }
            reads
        });
        for round in 0..200 {
            log.truncate(30).await.expect("a cut");
            for _ in 0..10 {
                append(&mut log, records(&format!("round {round}"), 3, START)).await;
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(task.await.expect("no wrong read") > 0);
    });
}

/// A position in the index that was off made every cut of that segment fail, and a follower that had to cut could not go on.
/// Where the entry led behind the cut, the next append ended the process.
#[test]
fn a_rotten_index_is_no_reason_to_refuse_a_cut() {
    story(async {
        // The last entry of the file: its position. One bit more, or less, or behind the cut.
        for change in [|at: u32| at ^ 1, |at| at ^ 0x10, |at| at + 500, |at| at - 60, |_| 0] {
            let place = Place::new();
            let config = LogConfig { index_interval_bytes: 1000, ..journaled() };
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 40, 3).await;
            close(directory, log).await;
            let index = "story-0/00000000000000000000.index";
            let bytes = place.read_file(index).await;
            let at = bytes.len() - 4;
            let entry: [u8; 4] = bytes[at..].try_into().expect("four bytes");
            place.damage(index, at as u64, &change(u32::from_be_bytes(entry)).to_be_bytes()).await;
            let last = u32::from_be_bytes(bytes[at - 4..at].try_into().expect("four bytes"));
            let (_directory, mut log) = place.again(config).await;
            let to = i64::from(last) + 1;
            assert_eq!(log.truncate(to).await.expect("a cut"), to);
            fill(&mut log, 40, 3).await;
            assert_eq!(contents(&log).await, filled(40 + to as usize / 3, 3));
        }
    });
}

/// A search by time went on from wherever the index led: behind the record that was asked for, or into the middle of one.
#[test]
fn a_rotten_index_hides_nothing_from_a_search_by_time() {
    story(async {
        let place = Place::new();
        let config = LogConfig { index_interval_bytes: 500, ..plain() };
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 100, 3).await;
        close(directory, log).await;
        let index = "story-0/00000000000000000000.index";
        let good = place.read_file(index).await;
        let mut skewed = good.clone();
        skewed.chunks_mut(8).for_each(|entry| entry[7] ^= 1);
        let late: Vec<u8> =
            good.chunks(8).zip(good.chunks(8).skip(3)).flat_map(|(a, b)| [&a[..4], &b[4..]].concat()).collect();
        for damaged in [skewed, late] {
            place.resize(index, damaged.len() as u64).await;
            place.damage(index, 0, &damaged).await;
            let (directory, log) = place.again(config.clone()).await;
            for offset in 0..300 {
                let found = log.reader().find_by_timestamp(START + offset, 300).await.expect("a search");
                assert_eq!(found.expect("a record").offset, offset);
            }
            close(directory, log).await;
        }
    });
}

/// A follower that is far behind starts anew where its leader's log starts, and knew producers of what it had before: a
/// batch of theirs looked like a gap, or like a duplicate. And snapshots stayed that nothing removed any more.
#[test]
fn a_reset_upwards_forgets_all_producers_and_their_snapshots() {
    story(async {
        for config in both().map(small) {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            for n in 0..20 {
                append(&mut log, idempotent(5, 0, n * 3, 3)).await;
            }
            durable(&log).await;
            log.reset(1000).await.expect("a reset");
            assert_eq!(log.active_producers(), []);
            assert!(snapshots(&place).await.is_empty());
            append(&mut log, idempotent(6, 0, 0, 3)).await;
            durable(&log).await;
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!(log.active_producers().iter().map(|p| p.producer_id).collect::<Vec<_>>(), [6]);
        }
    });
}

/// Each clean stop left one more snapshot, for ever.
#[test]
fn of_the_snapshots_of_clean_stops_the_last_one_stays() {
    story(async {
        let place = Place::new();
        let (mut directory, mut log) = place.with_log(journaled()).await;
        for n in 0..5 {
            append(&mut log, idempotent(5, 0, n * 3, 3)).await;
            close(directory, log).await;
            (directory, log) = place.again(journaled()).await;
        }
        assert_eq!(snapshots(&place).await, ["00000000000000000015.snapshot"]);
        assert_eq!(log.active_producers().len(), 1);
    });
}

async fn snapshots(place: &Place) -> Vec<String> {
    let mut names = place.names("story-0").await;
    names.retain(|name| name.ends_with(".snapshot"));
    names
}

/// The jitter was taken off whole where it is more than `segment.ms`: each append closed a segment.
#[test]
fn a_jitter_above_the_time_of_a_segment_closes_no_segment_early() {
    story(async {
        for jitter in [1001, i64::MAX] {
            let place = Place::new();
            let config = LogConfig { segment_ms: 1000, segment_jitter_ms: jitter, ..plain() };
            let (_directory, mut log) = place.with_log(config).await;
            for _ in 0..5 {
                append(&mut log, records("same time", 1, START)).await;
            }
            let names = place.names("story-0").await;
            assert_eq!(names.iter().filter(|name| name.ends_with(".log")).count(), 1, "{jitter}: {names:?}");
        }
    });
}
