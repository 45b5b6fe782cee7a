//! The cleaner: what stays of a compacted log, for how long, and what it never touches.

mod support;

use model::Offset;
use protocol::records::{BatchHeader, BatchOptions, Compression, ControlKind};
use runtime::disk::Open;
use storage::{CleanerMemory, CleaningFault, LogConfig, Pace};
use support::keyed::*;
use support::*;

const DAY: i64 = 24 * 3600 * 1000;

/// Three keys, written in turn.
async fn fill_keys(log: &mut Log, count: usize) {
    for n in 0..count {
        let (one, two, three) = (format!("one {n}"), format!("two {n}"), format!("three {n}"));
        append(log, keyed(&[("a", Some(&one)), ("b", Some(&two)), ("c", Some(&three))])).await;
    }
}

use storage::Log;

#[test]
fn of_each_key_the_last_record_stays_at_its_offset() {
    story(async {
        for config in both() {
            let config = compacted(config);
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill_keys(&mut log, 40).await;
            let before = keyed_contents(&log).await;
            let summary = clean(&mut log, START).await;
            assert_eq!((summary.cleaned_to, summary.keys), (120, 3));
            let last = before[before.len() - 3..].to_vec();
            assert_eq!(keyed_contents(&log).await, last);
            assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, 120), "the ends of the log stay");
            assert_eq!(
                segment_bases(&place).await.len(),
                3,
                "of nine: what was dirty, the last of it, and the new one"
            );
            fill_keys(&mut log, 1).await;
            durable(&log).await;
            let all = keyed_contents(&log).await;
            assert_eq!(all.len(), 6);
            drop((log, directory));
            let (directory, log) = place.again(config.clone()).await;
            assert_eq!(keyed_contents(&log).await, all, "after a crash");
            close(directory, log).await;
            let (_directory, log) = place.again(config).await;
            assert_eq!(keyed_contents(&log).await, all, "after a clean stop");
        }
    });
}

/// What is not committed may be cut off. A broker that took the last value of a key from there, and threw away the one
/// before, lost the key with the cut (K01).
#[test]
fn a_key_keeps_its_committed_record_whatever_becomes_of_a_later_one() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (_directory, mut log) = place.with_log(compacted(config)).await;
            put(&mut log, "k", "committed").await;
            settle(&mut log).await;
            let high_watermark = log.log_end_offset();
            put(&mut log, "k", "not committed").await;
            settle(&mut log).await;
            put(&mut log, "other", "value").await;
            clean_with(&mut log, high_watermark, START, CleanerMemory::default()).await.expect("a cleaning");
            log.truncate(high_watermark).await.expect("a cut");
            let left = table(&keyed_contents(&log).await);
            assert_eq!(left.get("k").map(String::as_str), Some("committed"));
        }
    });
}

/// A consumer that has read a value must come to its deletion, too, if it is not too slow (K02).
#[test]
fn the_mark_of_a_deletion_stays_for_its_time_from_its_first_cleaning() {
    story(async {
        let place = Place::new();
        let config = LogConfig { delete_retention_ms: DAY, ..compacted(journaled()) };
        let (_directory, mut log) = place.with_log(config).await;
        let (key, mark) = (Some("gone".to_owned()), |log: &[Keyed]| log.iter().find(|r| r.2.is_none()).cloned());
        put(&mut log, "gone", "value").await;
        put(&mut log, "stays", "value").await;
        let at = delete(&mut log, "gone").await;
        // However old it is: nobody has cleaned it before.
        clean(&mut log, START + 30 * DAY).await;
        let left = keyed_contents(&log).await;
        assert_eq!(mark(&left).map(|(offset, key, _)| (offset, Some(key))), Some((at, key)));
        assert_eq!(left.len(), 2, "its value is gone");
        let horizon = |batch: &[u8]| {
            let header = BatchHeader::parse(batch).expect("a batch");
            header.has_delete_horizon().then_some(header.base_timestamp)
        };
        let horizons: Vec<i64> = batches(&log, 1 << 20).await.iter().filter_map(|batch| horizon(batch)).collect();
        assert_eq!(horizons, [START + 31 * DAY], "KIP-534");
        for (now, stays) in [(START + 31 * DAY - 1, true), (START + 31 * DAY, false)] {
            put(&mut log, "more", "dirt").await;
            clean(&mut log, now).await;
            let left = keyed_contents(&log).await;
            assert_eq!(mark(&left).is_some(), stays, "at {now}");
            assert_eq!(table(&left).keys().collect::<Vec<_>>(), ["more", "stays"]);
        }
    });
}

#[test]
fn of_an_aborted_transaction_nothing_stays_and_its_marker_goes_later() {
    story(async {
        let place = Place::new();
        let config = LogConfig { delete_retention_ms: DAY, ..compacted(journaled()) };
        let (_directory, mut log) = place.with_log(config).await;
        put(&mut log, "k", "committed").await;
        append(&mut log, transactional(7, 0, &[("k", Some("aborted")), ("only here", Some("aborted"))])).await;
        append(&mut log, transactional(8, 0, &[("t", Some("first"))])).await;
        end_transaction(&mut log, 7, ControlKind::Abort).await;
        append(&mut log, transactional(7, 2, &[("t", Some("second"))])).await;
        end_transaction(&mut log, 8, ControlKind::Commit).await;
        end_transaction(&mut log, 7, ControlKind::Commit).await;
        // Their last batches are these from now on.
        append(&mut log, transactional(7, 3, &[("x", Some("7"))])).await;
        append(&mut log, transactional(8, 1, &[("y", Some("8"))])).await;
        end_transaction(&mut log, 7, ControlKind::Commit).await;
        end_transaction(&mut log, 8, ControlKind::Commit).await;
        let controls = |batches: &[bytes::Bytes]| {
            batches.iter().filter(|batch| BatchHeader::parse(batch).expect("a batch").is_control()).count()
        };
        clean(&mut log, START).await;
        let left = keyed_contents(&log).await;
        let pairs: Vec<(&str, Option<&str>)> = left.iter().map(|(_, k, v)| (&**k, v.as_deref())).collect();
        let expected = [("k", "committed"), ("t", "second"), ("x", "7"), ("y", "8")].map(|(k, v)| (k, Some(v)));
        assert_eq!(pairs, expected);
        assert_eq!(controls(&batches(&log, 1 << 20).await), 5, "who reads on may need them");
        put(&mut log, "z", "dirt").await;
        clean(&mut log, START).await; // the markers without records get their time
        put(&mut log, "z", "dirt").await;
        clean(&mut log, START + DAY).await;
        assert_eq!(controls(&batches(&log, 1 << 20).await), 3, "those whose transactions have records stay");
        assert_eq!(keyed_contents(&log).await[..4], left[..]);
    });
}

#[test]
fn the_cleaner_stops_where_a_transaction_is_open() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(compacted(journaled())).await;
        fill_keys(&mut log, 20).await;
        settle(&mut log).await;
        let open_from = log.log_end_offset();
        append(&mut log, transactional(7, 0, &[("a", Some("not known"))])).await;
        fill_keys(&mut log, 20).await;
        settle(&mut log).await;
        let end = log.log_end_offset();
        let summary = clean_with(&mut log, end, START, CleanerMemory::default()).await.expect("good").expect("some");
        assert_eq!(summary.cleaned_to, open_from);
        let left = keyed_contents(&log).await;
        assert_eq!(left.iter().filter(|(offset, ..)| *offset < open_from).count(), 3);
        assert_eq!(left.iter().filter(|(offset, ..)| *offset >= open_from).count(), 61);
        end_transaction(&mut log, 7, ControlKind::Abort).await;
        clean(&mut log, START).await;
        let last: Vec<String> = keyed_contents(&log).await.into_iter().filter_map(|(_, _, value)| value).collect();
        assert_eq!(last, ["one 19", "two 19", "three 19"]);
    });
}

/// A marker that is not committed yet may still be cut off, and the next leader may decide otherwise.
#[test]
fn a_transaction_counts_as_open_until_its_marker_is_committed() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(compacted(journaled())).await;
        fill_keys(&mut log, 20).await;
        settle(&mut log).await;
        let open_from = log.log_end_offset();
        append(&mut log, transactional(7, 0, &[("a", Some("not known"))])).await;
        fill_keys(&mut log, 20).await;
        settle(&mut log).await;
        let high_watermark = log.log_end_offset();
        end_transaction(&mut log, 7, ControlKind::Commit).await;
        let summary = clean_with(&mut log, high_watermark, START, CleanerMemory::default()).await;
        assert_eq!(summary.expect("good").expect("some").cleaned_to, open_from);
    });
}

/// With its last batch a producer's sequence would go, and its next retry be taken for new; with one before it, a retry of
/// several batches in flight would be out of order, once a power failure had taken the snapshots.
#[test]
fn a_producers_last_batches_stay_as_headers() {
    story(async {
        for config in both() {
            let place = Place::new();
            let config = compacted(config);
            let (directory, mut log) = place.with_log(config.clone()).await;
            append(&mut log, idempotent(9, 3, 0, 4)).await;
            append(&mut log, idempotent(9, 3, 4, 4)).await;
            put(&mut log, "key", "newest").await;
            fill_keys(&mut log, 10).await;
            clean(&mut log, START).await;
            let headers: Vec<BatchHeader> =
                batches(&log, 300).await.iter().map(|batch| BatchHeader::parse(batch).expect("a batch")).collect();
            let of_producer: Vec<_> = headers.iter().filter(|header| header.has_producer_id()).collect();
            let told = |header: &BatchHeader| (header.record_count, header.base_offset, header.last_sequence());
            assert_eq!(of_producer.into_iter().map(told).collect::<Vec<_>>(), [(0, 0, 3), (0, 4, 7)]);
            durable(&log).await;
            drop((log, directory));
            // What the snapshots know is lost: the log alone tells.
            let disk = place.disk().await;
            for name in place.names("story-0").await.iter().filter(|name| name.ends_with(".snapshot")) {
                disk.remove_file(&format!("story-0/{name}")).await.expect("removed");
            }
            let (directory, mut log) = place.again(config.clone()).await;
            assert!(append(&mut log, idempotent(9, 3, 0, 4)).await.duplicate);
            assert!(append(&mut log, idempotent(9, 3, 4, 4)).await.duplicate);
            for sequence in 8..13 {
                assert!(!append(&mut log, idempotent(9, 3, sequence, 1)).await.duplicate);
            }
            // The last of the segment is kept, too: nobody's any more, but the segment must end somewhere.
            fill_keys(&mut log, 1).await;
            clean(&mut log, START).await;
            let left = batches(&log, 1 << 20).await;
            let headers = left.iter().map(|batch| BatchHeader::parse(batch).expect("a batch"));
            let of_before = headers.filter(|header| header.has_producer_id() && header.last_sequence() < 8);
            assert!(of_before.count() <= 1, "the batches before are not needed any more");
            close(directory, log).await;
        }
    });
}

/// A log of few keys, compacted for years: the offsets of one segment are as far apart as an index can hold. One more
/// segment in it, and Kafka failed for good (KAFKA-6264).
#[test]
fn segments_whose_offsets_are_too_far_apart_stay_two() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(compacted(config.clone())).await;
            let far = i64::from(i32::MAX);
            let bases = [0, far - 10, far + 10, 2 * far, 3 * far, 3 * far + 5];
            for (n, base) in bases.into_iter().enumerate() {
                let mut batch = keyed(&[("key", Some(&format!("value {n}")))]);
                protocol::records::set_base_offset(&mut batch, base);
                log.append_follower(batch.freeze(), START).await.expect("what a leader's cleaner has left");
            }
            clean(&mut log, START).await;
            for base in segment_bases(&place).await {
                let path = format!("story-0/{base:020}.log");
                for batch in protocol::records::Batches::new(&place.read_file(&path).await) {
                    let header = batch.expect("a batch").header;
                    assert!(header.last_offset() - base <= far, "offset {} in {path}", header.last_offset());
                }
            }
            assert_eq!(keyed_contents(&log).await.last().map(|(offset, ..)| *offset), Some(3 * far + 5));
            assert_eq!(keyed_contents(&log).await.len(), 1);
            close(directory, log).await;
            let (_directory, log) = place.again(compacted(config)).await;
            assert_eq!(keyed_contents(&log).await.len(), 1);
        }
    });
}

#[test]
fn a_log_is_due_when_it_is_dirty_enough_or_something_waits_for_too_long() {
    story(async {
        let place = Place::new();
        let config = LogConfig { min_cleanable_dirty_ratio: 0.5, ..compacted(journaled()) };
        let (_directory, mut log) = place.with_log(config.clone()).await;
        let end = |log: &Log| log.log_end_offset();
        assert_eq!(cleanable(&log, 0, START).await, None, "nothing is there");
        fill_keys(&mut log, 30).await;
        // Where time is real the syncer may have been there already.
        if cfg!(madsim) {
            assert_eq!(cleanable(&log, end(&log), START).await, None, "what is not synced stays as it is");
        }
        settle(&mut log).await;
        let all = cleanable(&log, end(&log), START).await.expect("dirt");
        assert!(all.is_due && all.dirty_ratio() == 1.0 && all.dirty_bytes == log.size());
        assert_eq!(cleanable(&log, 3, START).await, None, "no segment ends below");
        for n in 0..40 {
            put(&mut log, &format!("key {n}"), "a value of some length").await;
        }
        clean(&mut log, START).await;
        assert_eq!(cleanable(&log, end(&log), START).await, None, "all is clean");
        put(&mut log, "key 1", "another").await;
        settle(&mut log).await;
        let little = cleanable(&log, end(&log), START).await.expect("a little");
        assert!(!little.is_due && little.dirty_ratio() > 0.0 && little.dirty_ratio() < 0.5, "{little:?}");
        log.set_config(LogConfig { max_compaction_lag_ms: DAY, ..config.clone() });
        assert!(!cleanable(&log, end(&log), START + DAY).await.expect("a little").is_due);
        let overdue = cleanable(&log, end(&log), START + DAY + 1).await.expect("a little");
        assert!(overdue.is_due && overdue.is_overdue);
        log.set_config(LogConfig { min_compaction_lag_ms: DAY, ..config.clone() });
        assert_eq!(cleanable(&log, end(&log), START + DAY - 1).await, None, "too young");
        assert!(cleanable(&log, end(&log), START + DAY).await.is_some());
        log.set_config(LogConfig { compact: false, ..config });
        assert_eq!(cleanable(&log, end(&log), START + DAY).await, None);
    });
}

#[test]
fn a_segment_that_takes_appends_is_closed_before_its_records_wait_for_too_long() {
    story(async {
        let place = Place::new();
        let config = LogConfig { max_compaction_lag_ms: DAY, ..compacted(journaled()) };
        let (_directory, mut log) = place.with_log(config).await;
        put(&mut log, "k", "v").await;
        let started = runtime::clock::now();
        assert!(!log.roll_if_due(started + DAY / 2).await.expect("good"));
        assert!(log.roll_if_due(started + 2 * DAY).await.expect("good"), "long before segment.ms");
    });
}

#[test]
fn with_little_memory_the_log_is_cleaned_in_parts() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(compacted(journaled())).await;
        for n in 0..300 {
            let key = format!("key {}", n % 50);
            append(&mut log, keyed(&[(&key, Some(&format!("value {n}"))), ("in all", Some(&format!("{n}")))])).await;
        }
        settle(&mut log).await;
        let expected = table(&keyed_contents(&log).await);
        let memory = CleanerMemory { map_bytes: 20 * 24, load_factor: 0.9, io_bytes: 1000 };
        let (mut cleaned_to, mut passes) = (0, 0);
        let end = log.log_end_offset();
        while cleaned_to < end {
            let summary = clean_with(&mut log, end, START, memory).await.expect("good").expect("more to clean");
            assert!(summary.cleaned_to > cleaned_to, "each pass gets further");
            assert!(summary.map_bytes <= memory.map_bytes && summary.keys < 20);
            assert_eq!(summary.is_full, summary.cleaned_to < end);
            (cleaned_to, passes) = (summary.cleaned_to, passes + 1);
            assert_eq!(table(&keyed_contents(&log).await), expected);
        }
        assert!(passes > 10, "{passes} passes");
        assert_eq!(keyed_contents(&log).await.len(), 51);
    });
}

#[test]
fn batches_of_every_codec_and_larger_than_what_is_read_at_once_are_cleaned() {
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 200_000, ..compacted(journaled()) };
        let (_directory, mut log) = place.with_log(config).await;
        let long = "x".repeat(30_000);
        for (n, compression) in Compression::ALL.into_iter().chain(Compression::ALL).enumerate() {
            let options = BatchOptions { compression, ..BatchOptions::default() };
            let (own, all) = (format!("key {n}"), format!("value {n}"));
            append(&mut log, keyed_in(options, &[(&own, Some(&long)), ("k", Some(&all)), (&own, Some("last"))])).await;
        }
        settle(&mut log).await;
        let expected = table(&keyed_contents(&log).await);
        let memory = CleanerMemory { io_bytes: 1, ..CleanerMemory::default() };
        let end = log.log_end_offset();
        clean_with(&mut log, end, START, memory).await.expect("good").expect("some");
        let left = keyed_contents(&log).await;
        assert_eq!((table(&left), left.len()), (expected, 11));
        let codecs: Vec<_> =
            batches(&log, 1).await.iter().map(|b| BatchHeader::parse(b).expect("one").compression()).collect();
        assert_eq!(codecs.len(), 10);
        assert!(Compression::ALL.iter().all(|codec| codecs.contains(&Ok(*codec))), "{codecs:?}");
    });
}

/// A log that is read much and written little costs the disk nothing but reads.
#[test]
fn a_segment_of_which_all_stays_is_not_written_again() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(compacted(journaled())).await;
        for n in 0..30 {
            put(&mut log, &format!("key {n}"), "a value of some length, so that segments are soon full").await;
        }
        settle(&mut log).await;
        let (before, bases) = (keyed_contents(&log).await, segment_bases(&place).await);
        let summary = clean(&mut log, START).await;
        assert_eq!((summary.written, summary.cleaned_to), (0, 30));
        assert_eq!((keyed_contents(&log).await, segment_bases(&place).await), (before, bases.clone()));
        put(&mut log, "key 29", "the last segment alone changes").await;
        let summary = clean(&mut log, START).await;
        assert!(summary.written > 0 && summary.written < 1000, "{summary:?}");
        assert_eq!(segment_bases(&place).await[..bases.len() - 2], bases[..bases.len() - 2]);
    });
}

#[test]
fn what_is_damaged_is_told_and_nothing_is_changed() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(compacted(journaled())).await;
        fill_keys(&mut log, 20).await;
        settle(&mut log).await;
        let (end, bases) = (log.log_end_offset(), segment_bases(&place).await);
        let path = format!("story-0/{:020}.log", bases[1]);
        place.damage(&path, 80, b"rot").await;
        let fault = clean_with(&mut log, end, START, CleanerMemory::default()).await.expect_err("rot");
        let CleaningFault::Corrupt { offset, .. } = fault else { panic!("{fault}") };
        assert_eq!(offset, bases[1]);
        assert_eq!(segment_bases(&place).await, bases);
        assert!(place.names("story-0").await.iter().all(|name| !name.contains(".cleaned")));
        let damage = log.reader().look_for_damage(offset).await.expect("good").expect("rot");
        log.note_damage(damage).await.expect("written down");
        assert_eq!(cleanable(&log, end, START).await, None, "until it is repaired");
    });
}

/// No checksum covers a base offset, and where a cleaner was nothing follows the last batch of a segment that would show it
/// to be too high: a reader went on behind it as if its records had been cleaned away, and the scrubber found all to be good
/// (seed 244 of the cluster profile).
#[test]
fn the_last_batch_of_a_cleaned_segment_is_not_taken_for_one_from_far_above() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(compacted(journaled())).await;
        fill_keys(&mut log, 20).await;
        settle(&mut log).await;
        let (end, bases) = (log.log_end_offset(), segment_bases(&place).await);
        let path = format!("story-0/{:020}.log", bases[1]);
        let bytes = place.read_file(&path).await;
        let (mut at, mut last) = (0, 0);
        while at < bytes.len() {
            last = at;
            at += protocol::records::BatchHeader::parse(&bytes[at..]).expect("a header").size_in_bytes();
        }
        let offset = i64::from_be_bytes(bytes[last..last + 8].try_into().expect("eight bytes"));
        place.damage(&path, last as u64 + 2, &[bytes[last + 2] ^ 128]).await;
        let read = log.reader().read(offset, end, 1 << 20, true).await;
        assert!(matches!(read, Err(storage::ReadError::Corrupt(_))), "{read:?}");
        let damage = log.reader().look_for_damage(offset).await.expect("good").expect("rot");
        assert_eq!((damage.first_offset, damage.next_offset), (offset, bases[2]));
        let fault = clean_with(&mut log, end, START, CleanerMemory::default()).await;
        assert!(matches!(&fault, Err(CleaningFault::Corrupt { offset: found, .. }) if *found == offset), "{fault:?}");
    });
}

#[test]
fn a_cleaning_of_a_log_that_was_cut_meanwhile_comes_to_nothing() {
    story(async {
        for config in both() {
            let place = Place::new();
            let config = compacted(config);
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill_keys(&mut log, 20).await;
            settle(&mut log).await;
            let end = log.log_end_offset();
            let cleanable_now = cleanable(&log, end, START).await.expect("dirt");
            let mut cleaning = log.begin_cleaning(&cleanable_now, CleanerMemory::default()).expect("a cleaning");
            assert!(log.begin_cleaning(&cleanable_now, CleanerMemory::default()).is_none(), "one at a time");
            let pace = Pace::new(f64::MAX);
            let cleaned = cleaning.next(&pace).await.expect("good").expect("a group");
            // An unclean leader has less.
            log.truncate(30).await.expect("a cut");
            let before = keyed_contents(&log).await;
            assert!(!log.swap(cleaned).await.expect("good"));
            assert!(!log.end_cleaning(&cleaning));
            drop(cleaning);
            assert!(log.begin_cleaning(&cleanable_now, CleanerMemory::default()).is_none(), "it was cut since");
            assert_eq!(keyed_contents(&log).await, before);
            assert!(place.names("story-0").await.iter().all(|name| !name.contains(".cleaned")));
            fill_keys(&mut log, 20).await;
            clean(&mut log, START).await;
            durable(&log).await;
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!(keyed_contents(&log).await.len(), 3);
        }
    });
}

#[test]
fn what_is_cut_below_where_the_cleaner_was_is_dirty_again() {
    story(async {
        for config in both() {
            let place = Place::new();
            let config = compacted(config);
            let (directory, mut log) = place.with_log(config.clone()).await;
            for n in 0..40 {
                put(&mut log, &format!("key {n}"), "first").await;
            }
            let cleaned_to = clean(&mut log, START).await.cleaned_to;
            assert!(!log.is_whole_below(20) && log.is_whole_below(cleaned_to), "what was taken away is told");
            log.truncate(20).await.expect("a cut");
            assert!(log.is_whole_below(20));
            for n in 0..20 {
                put(&mut log, &format!("key {n}"), "second").await;
            }
            durable(&log).await;
            drop((log, directory));
            let (_directory, mut log) = place.again(config).await;
            let summary = clean(&mut log, START).await;
            assert_eq!(summary.keys, 20);
            let values: Vec<_> = keyed_contents(&log).await.into_iter().filter_map(|(_, _, value)| value).collect();
            assert_eq!(values, vec!["second"; 20]);
        }
    });
}

#[test]
fn how_far_a_log_is_cleaned_is_kept_in_kafkas_file_and_goes_with_the_log() {
    story(async {
        let place = Place::new();
        let config = compacted(journaled());
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill_keys(&mut log, 10).await;
        clean(&mut log, START).await;
        assert_eq!(place.read_file("cleaner-offset-checkpoint").await, b"0\n1\nstory 0 30\n");
        drop((log, directory));
        let (directory, mut log) = place.again(config.clone()).await;
        let end = log.log_end_offset();
        assert_eq!(cleanable(&log, end, START).await, None);
        fill_keys(&mut log, 10).await;
        assert_eq!(clean(&mut log, START).await.cleaned_to, 60);
        directory.delete(log).await.expect("deleted");
        assert_eq!(place.read_file("cleaner-offset-checkpoint").await, b"0\n0\n");
        let mut log = directory.create(partition(0), TOPIC_ID, config, true).await.expect("another log");
        fill_keys(&mut log, 10).await;
        assert_eq!(clean(&mut log, START).await.keys, 3, "the next log of the name is as dirty as it is");
    });
}

/// The gaps stay where they are when the topic's policy changes, whenever the broker dies.
#[test]
fn a_log_that_is_not_compacted_any_more_may_have_gaps_still() {
    story(async {
        for config in both() {
            let place = Place::new();
            let compacted = compacted(config.clone());
            let (directory, mut log) = place.with_log(compacted.clone()).await;
            fill_keys(&mut log, 20).await;
            clean(&mut log, START).await;
            fill_keys(&mut log, 20).await;
            durable(&log).await;
            let all = keyed_contents(&log).await;
            drop((log, directory));
            let plain = LogConfig { compact: false, ..compacted.clone() };
            let (directory, log) = place.again(plain.clone()).await;
            assert_eq!(keyed_contents(&log).await, all);
            close(directory, log).await;
            let (directory, mut log) = place.again(plain.clone()).await;
            assert_eq!(keyed_contents(&log).await, all);
            fill_keys(&mut log, 20).await;
            durable(&log).await;
            drop((log, directory));
            let (_directory, mut log) = place.again(compacted).await;
            assert_eq!(clean(&mut log, START).await.cleaned_to, 180);
            assert_eq!(keyed_contents(&log).await.len(), 3);
        }
    });
}

/// In a log with gaps, the batch after the offset that was asked for may come much later. It took Kafka's readers, and would
/// have taken ours, a walk from the start of the segment to find it.
#[test]
fn a_read_into_a_gap_gives_the_batch_after_it() {
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 20_000, ..compacted(journaled()) };
        let (_directory, mut log) = place.with_log(config).await;
        for n in 0..400 {
            let key = if n % 10 == 0 { format!("stays {n}") } else { "goes".to_owned() };
            put(&mut log, &key, &format!("value {n}")).await;
        }
        clean(&mut log, START).await;
        let reader = log.reader();
        let offsets: Vec<Offset> = keyed_contents(&log).await.iter().map(|(offset, ..)| *offset).collect();
        assert_eq!(offsets.len(), 41);
        for from in 0..400 {
            let bytes = reader.read(from, 400, 1, true).await.expect("a read");
            let expected = offsets.iter().find(|offset| **offset >= from).copied();
            assert_eq!(Some(base_offset(&bytes)), expected, "from {from}");
        }
        let found = reader.find_by_timestamp(START, 400).await.expect("a search").expect("a record");
        assert_eq!(found.offset, 0);
        assert!(reader.max_timestamp(400).await.expect("a search").is_some());
    });
}

/// Readers go through the log again and again while it is cleaned again and again: what they read is a log that was, or
/// will be.
#[test]
fn readers_see_every_key_while_segments_are_swapped() {
    story(async {
        for config in both() {
            let place = Place::new();
            let config = LogConfig { segment_bytes: 3000, file_delete_delay_ms: 0, ..compacted(config) };
            let (_directory, mut log) = place.with_log(config).await;
            for n in 0..20 {
                put(&mut log, &format!("key {n}"), "0").await;
            }
            let (stop, stopped) = runtime::sync::watch::channel(false);
            let mut readers = Vec::new();
            for max_bytes in [1, 700, 1 << 20] {
                let (reader, stopped) = (log.reader(), stopped.clone());
                readers.push(runtime::task::spawn("a reader", async move {
                    let mut rounds = 0;
                    while !*stopped.borrow() {
                        let (mut next, mut all) = (0, Vec::new());
                        // To the end that is there by then: what was before may have gone in favour of what came since.
                        while next < reader.bounds().log_end_offset {
                            let bytes = reader.read(next, Offset::MAX, max_bytes, true).await.expect("a read");
                            assert!(next_offset(&bytes) > next, "it goes on");
                            all.extend(keyed_of(&bytes));
                            next = next_offset(&bytes);
                        }
                        assert_eq!(table(&all).len(), 20, "every key is there");
                        assert!(all.is_sorted_by_key(|(offset, ..)| *offset));
                        let found = reader.find_by_timestamp(0, Offset::MAX).await.expect("a search");
                        assert!(found.is_some());
                        rounds += 1;
                    }
                    rounds
                }));
            }
            for round in 1..30 {
                for n in 0..20 {
                    put(&mut log, &format!("key {}", (n * 7) % 20), &format!("{round}")).await;
                }
                clean(&mut log, START).await;
            }
            stop.send_replace(true);
            for reader in readers {
                assert!(reader.await.expect("no reader fails") > 0, "each has read all of it");
            }
        }
    });
}

/// Kafka was killed when it had renamed a cleaned segment, and some of those that it stands for already had the names of
/// files that are to go.
#[test]
fn a_swap_that_somebody_was_killed_in_is_finished() {
    story(async {
        for config in both() {
            let place = Place::new();
            let config = compacted(config);
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill_keys(&mut log, 40).await;
            settle(&mut log).await;
            let bases = segment_bases(&place).await;
            assert!(bases.len() > 4);
            let olds = place.read_file(&format!("story-0/{:020}.log", bases[1])).await;
            clean(&mut log, START).await;
            let left = keyed_contents(&log).await;
            close(directory, log).await;
            // As if the last steps had not been done.
            let disk = place.disk().await;
            let name = |base: Offset, ending: &str| format!("story-0/{base:020}{ending}");
            disk.rename(&name(0, ".log"), &name(0, ".log.swap")).await.expect("renamed");
            disk.rename(&name(0, ".index"), &name(0, ".index.cleaned")).await.expect("renamed");
            for (base, ending) in [(bases[1], ".log"), (bases[2], ".log.deleted"), (0, ".log.deleted"), (0, ".index")] {
                let file = disk.open_file(&name(base, ending), Open::OrCreate).await.expect("a file");
                file.write_at(&[olds.clone().into()], 0).await.expect("written");
            }
            let (directory, log) = place.again(config.clone()).await;
            assert_eq!(keyed_contents(&log).await, left);
            assert_eq!(segment_bases(&place).await.len(), 3);
            let names = place.names("story-0").await;
            assert!(!names.iter().any(|name| name.contains(".swap") || name.contains(".deleted")), "{names:?}");
            close(directory, log).await;
            // One that is damaged does not say what it stands for.
            disk.rename(&name(0, ".log"), &name(0, ".log.swap")).await.expect("renamed");
            place.damage(&name(0, ".log.swap"), 8, &[0x7f; 8]).await;
            let (_directory, failed) = place.again_closed(config).await;
            assert!(failed.reason.contains(".log.swap"), "{failed}");
        }
    });
}
