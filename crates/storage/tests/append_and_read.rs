//! Appending and reading, in both modes.

mod support;

use bytes::BytesMut;
use model::ErrorCode;
use storage::{LogConfig, ReadError, StorageFault};
use support::*;

#[test]
fn what_is_appended_is_read() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (_directory, mut log) = place.with_log(config).await;
            fill(&mut log, 10, 3).await;
            assert_eq!(contents(&log).await, filled(10, 3));
            assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, 30));
            durable(&log).await;
        }
    });
}

#[test]
fn a_group_is_appended_in_order_with_one_outcome_each() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(journaled()).await;
        let mut requests: Vec<_> = (0..5).map(|n| request(records(&format!("request {n}"), n + 1, START))).collect();
        requests.insert(2, request(BytesMut::new()));
        let outcomes = log.append(&mut requests).await;
        let bases: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|a| a.base_offset)).collect();
        assert_eq!(bases, [Some(0), Some(1), None, Some(3), Some(6), Some(10)]);
        assert_eq!(log.log_end_offset(), 15);
        assert!(requests.iter().all(|request| request.records.is_empty()), "the records were taken");
        let offsets: Vec<_> = contents(&log).await.into_iter().map(|(offset, _)| offset).collect();
        assert_eq!(offsets, (0..15).collect::<Vec<_>>());
    });
}

#[test]
fn a_read_starts_with_the_batch_that_has_the_offset_and_stops_where_it_may() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 10, 10).await;
        let reader = log.reader();
        for offset in 0..100 {
            let bytes = reader.read(offset, 100, 1, true).await.expect("a read");
            assert_eq!((base_offset(&bytes), next_offset(&bytes)), (offset / 10 * 10, offset / 10 * 10 + 10));
        }
        assert!(reader.read(0, 100, 1, false).await.expect("a read").is_empty());
        assert_eq!(next_offset(&reader.read(0, 55, 1 << 20, true).await.expect("a read")), 50);
        assert!(reader.read(50, 55, 1 << 20, true).await.expect("a read").is_empty());
        assert!(reader.read(100, 100, 1 << 20, true).await.expect("a read").is_empty());
        for outside in [-1, 101] {
            let read = reader.read(outside, 100, 1, true).await;
            assert!(matches!(read, Err(ReadError::OffsetOutOfRange)), "{outside}");
        }
    });
}

#[test]
fn every_offset_of_many_segments_is_found_with_and_without_what_is_in_memory() {
    story(async {
        let config = LogConfig { segment_bytes: 2000, index_interval_bytes: 100, ..plain() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 100, 3).await;
        assert!(place.names("story-0").await.iter().filter(|name| name.ends_with(".log")).count() > 5);
        for from in [0, 1, 17, 150, 299] {
            let read = read_all(&log, from, 300).await.expect("a read");
            assert_eq!(read[..], filled(100, 3)[from as usize..]);
        }
        close(directory, log).await;
        let (_directory, log) = place.again(config).await;
        for from in (0..300).rev() {
            let bytes = log.reader().read(from, 300, 1, true).await.expect("a read");
            assert_eq!(base_offset(&bytes), from / 3 * 3);
        }
    });
}

#[test]
fn a_batch_larger_than_what_is_asked_for_comes_whole() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(plain()).await;
        let large = records(&"x".repeat(1000), 300, START);
        let size = large.len();
        append(&mut log, large).await;
        append(&mut log, records("after", 1, START)).await;
        let bytes = log.reader().read(150, 301, 10, true).await.expect("a read");
        assert_eq!(bytes.len(), size);
    });
}

#[test]
fn segments_are_closed_by_size_time_and_full_index() {
    story(async {
        let place = Place::new();
        let count = |names: Vec<String>| names.iter().filter(|name| name.ends_with(".log")).count();
        let (directory, mut log) = place.with_log(LogConfig { segment_ms: 1000, ..plain() }).await;
        append(&mut log, records("first", 1, START)).await;
        append(&mut log, records("just in time", 1, START + 1000)).await;
        assert_eq!(count(place.names("story-0").await), 1);
        append(&mut log, records("late", 1, START + 1001)).await;
        assert_eq!(count(place.names("story-0").await), 2);
        log.set_config(LogConfig { segment_index_bytes: 30, index_interval_bytes: 0, ..plain() });
        fill(&mut log, 10, 1).await;
        assert!(count(place.names("story-0").await) > 3);
        assert_eq!(contents(&log).await.len(), 13);
        close(directory, log).await;
        let names = place.names("story-0").await;
        for expected in
            ["00000000000000000002.index", "00000000000000000000.timeindex", "00000000000000000002.snapshot"]
        {
            assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
        }
    });
}

#[test]
fn a_segment_closes_before_its_offsets_overflow_four_bytes() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(LogConfig { compact: true, ..journaled() }).await;
        append(&mut log, records("first", 1, START)).await;
        let mut far = records("far", 1, START);
        protocol::records::set_base_offset(&mut far, i64::from(i32::MAX) + 1);
        protocol::records::set_leader_epoch(&mut far, 0);
        log.append_follower(far.freeze(), START).await.expect("a follower's append");
        let names = place.names("story-0").await;
        assert!(names.contains(&"00000000000000000001.log".to_owned()), "{names:?}");
        assert_eq!(log.log_end_offset(), i64::from(i32::MAX) + 2);
        let bytes = log.reader().read(1, i64::MAX, 1, true).await.expect("a read over the gap");
        assert_eq!(base_offset(&bytes), i64::from(i32::MAX) + 1);
    });
}

#[test]
fn an_append_larger_than_a_segment_is_refused() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(LogConfig { segment_bytes: 1000, ..plain() }).await;
        let result = append_result(&mut log, records(&"x".repeat(2000), 1, START)).await;
        assert_eq!(outcome(result), ErrorCode::RecordListTooLarge);
        fill(&mut log, 1, 1).await;
    });
}

#[test]
fn a_leader_of_an_older_epoch_is_refused() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(plain()).await;
        log.assign_leader_epoch(3).await.expect("an epoch");
        assert_eq!(outcome(append_result(&mut log, records("old", 1, START)).await), ErrorCode::FencedLeaderEpoch);
        assert_eq!(place.read_file("story-0/leader-epoch-checkpoint").await, b"0\n1\n3 0\n");
        assert_eq!(log.latest_epoch(), Some(3));
    });
}

#[test]
fn a_follower_takes_batches_as_they_are_and_no_others() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(journaled()).await;
        let placed = |base: i64, epoch: i32| {
            let mut batch = records("from the leader", 2, START);
            protocol::records::set_base_offset(&mut batch, base);
            protocol::records::set_leader_epoch(&mut batch, epoch);
            batch
        };
        let mut both = placed(0, 1);
        both.extend_from_slice(&placed(2, 4));
        let appended = log.append_follower(both.freeze(), START).await.expect("an append").expect("two batches");
        assert_eq!((appended.base_offset, appended.last_offset), (0, 3));
        assert_eq!((log.reader().epoch_of(1), log.reader().epoch_of(3)), (Some(1), Some(4)));
        assert_eq!(log.reader().end_offset_of_epoch(1), (1, 2));
        for wrong in [placed(3, 4), placed(4, 3)] {
            let error = log.append_follower(wrong.freeze(), START).await.expect_err("refused");
            assert_eq!(error.error_code(), ErrorCode::CorruptMessage);
        }
        let torn = placed(4, 4).split_to(70).freeze();
        log.append_follower(torn, START).await.expect_err("refused");
        assert_eq!(log.log_end_offset(), 4);
        assert_eq!(log.append_follower(bytes::Bytes::new(), START).await, Ok(None));
    });
}

#[test]
fn records_are_found_by_time() {
    story(async {
        let config = LogConfig { segment_bytes: 3000, index_interval_bytes: 200, ..plain() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 100, 3).await;
        for round in 0..2 {
            let reader = log.reader();
            for offset in [0, 1, 2, 3, 50, 149, 298, 299] {
                let found = reader.find_by_timestamp(START + offset, 300).await.expect("a search").expect("a record");
                assert_eq!((found.offset, found.timestamp, found.leader_epoch), (offset, START + offset, 0), "{round}");
            }
            assert_eq!(reader.find_by_timestamp(START + 300, 300).await.expect("a search"), None);
            assert_eq!(reader.find_by_timestamp(START + 200, 200).await.expect("a search"), None, "not below 200");
            let largest = reader.max_timestamp(300).await.expect("a search").expect("a record");
            assert_eq!((largest.offset, largest.timestamp), (299, START + 299));
            assert_eq!(reader.max_timestamp(299).await.expect("a search"), None);
            if round == 0 {
                log.advance_start(100).await.expect("a new start");
                let found = reader.find_by_timestamp(START, 300).await.expect("a search").expect("a record");
                assert_eq!(found.offset, 100, "records below the log start are skipped");
                break;
            }
        }
        close(directory, log).await;
        let (_directory, log) = place.again(config).await;
        let found = log.reader().find_by_timestamp(START + 250, 300).await.expect("a search").expect("a record");
        assert_eq!(found.offset, 250);
    });
}

/// A deleted record had the largest timestamp of the log, and nothing was answered, as if no record had a time.
#[test]
fn the_largest_timestamp_is_that_of_a_record_that_can_be_read() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(LogConfig { index_interval_bytes: 0, ..plain() }).await;
        for time in [900, 950, 300, 700, 500] {
            append(&mut log, records("at", 3, START + time)).await;
        }
        for (start, offset, time) in
            [(0, 5, 952), (4, 5, 952), (6, 11, 702), (11, 11, 702), (12, 14, 502), (14, 14, 502)]
        {
            log.advance_start(start).await.expect("a new start");
            let largest = log.reader().max_timestamp(15).await.expect("a search");
            let largest = largest.map(|found| (found.offset, found.timestamp));
            assert_eq!(largest, Some((offset, START + time)), "from {start}");
        }
        append(&mut log, records("at", 3, START + 100)).await;
        log.advance_start(16).await.expect("a new start");
        assert_eq!(log.reader().max_timestamp(18).await.expect("a search").map(|found| found.offset), Some(17));
        log.advance_start(18).await.expect("a new start");
        assert_eq!(log.reader().max_timestamp(18).await.expect("a search"), None);
    });
}

/// The largest of what can be read was looked for in the segment of what was deleted alone.
#[test]
fn a_later_segment_has_the_largest_timestamp_once_those_before_are_deleted() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(LogConfig { segment_bytes: 200, ..plain() }).await;
        for time in [900, 300, 800, 500] {
            append(&mut log, records("at", 2, START + time)).await;
        }
        assert_eq!(place.names("story-0").await.iter().filter(|name| name.ends_with(".log")).count(), 2);
        log.advance_start(3).await.expect("a new start");
        let largest = log.reader().max_timestamp(8).await.expect("a search").expect("a record");
        assert_eq!((largest.offset, largest.timestamp), (5, START + 801));
    });
}

#[test]
fn a_record_out_of_time_order_is_still_found_first() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(LogConfig { index_interval_bytes: 0, ..plain() }).await;
        for time in [500, 100, 900, 300, 900, 1200] {
            append(&mut log, records("at", 1, START + time)).await;
        }
        let find =
            async |time| log.reader().find_by_timestamp(START + time, 9).await.expect("a search").map(|f| f.offset);
        assert_eq!(find(0).await, Some(0));
        assert_eq!(find(501).await, Some(2));
        assert_eq!(find(900).await, Some(2));
        assert_eq!(find(901).await, Some(5));
        assert_eq!(find(1201).await, None);
    });
}

#[test]
fn rot_is_refused_and_what_is_before_and_behind_is_read() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (_directory, mut log) = place.with_log(config).await;
            fill(&mut log, 10, 5).await;
            let one = place.read_file("story-0/00000000000000000000.log").await.len() / 10;
            place.damage("story-0/00000000000000000000.log", (5 * one + 70) as u64, b"rot").await;
            let reader = log.reader();
            let read = reader.read(0, 50, 1 << 20, true).await.expect("a read");
            assert_eq!(next_offset(&read), 25);
            assert!(matches!(reader.read(25, 50, 1 << 20, true).await, Err(ReadError::Corrupt(_))));
            assert_eq!(base_offset(&reader.read(30, 50, 1 << 20, true).await.expect("a read")), 30);
        }
    });
}

#[test]
fn a_torn_index_costs_time_and_no_record() {
    story(async {
        let config = LogConfig { segment_bytes: 20_000, index_interval_bytes: 500, ..plain() };
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 400, 3).await;
        close(directory, log).await;
        let index = "story-0/00000000000000000000.index";
        let good = place.read_file(index).await;
        assert!(good.len() > 100);
        // Positions that are no batch boundaries, though they grow; then garbage; then half an entry.
        let mut skewed = good.clone();
        skewed.chunks_mut(8).for_each(|entry| entry[7] ^= 1);
        let late: Vec<u8> =
            good.chunks(8).zip(good.chunks(8).skip(3)).flat_map(|(a, b)| [&a[..4], &b[4..]].concat()).collect();
        for damaged in [skewed, late, vec![0xff; 64], good[..good.len() - 3].to_vec(), Vec::new()] {
            place.resize(index, damaged.len() as u64).await;
            place.damage(index, 0, &damaged).await;
            let (directory, log) = place.again(config.clone()).await;
            for from in (0..log.reader().bounds().log_end_offset).step_by(7) {
                let read = log.reader().read(from, i64::MAX, 1, true).await.expect("a read");
                assert_eq!(base_offset(&read), from / 3 * 3);
            }
            close(directory, log).await;
        }
    });
}

#[test]
fn deleted_records_cannot_be_read() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 10, 3).await;
            log.advance_start(10).await.expect("a new start");
            log.advance_start(5).await.expect("no way back");
            assert_eq!(log.log_start_offset(), 10);
            assert!(matches!(log.advance_start(31).await, Err(StorageFault::OffsetOutOfRange { .. })));
            assert!(matches!(log.reader().read(9, 30, 1, true).await, Err(ReadError::OffsetOutOfRange)));
            assert_eq!(base_offset(&log.reader().read(10, 30, 1, true).await.expect("a read")), 9);
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!(log.log_start_offset(), 10, "a crash does not bring them back");
        }
    });
}
