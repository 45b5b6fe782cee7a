//! Rot is found before a reader meets it, and repaired with the batches of a replica: to the byte, or not at all.

mod support;

use bytes::Bytes;
use model::Offset;
use runtime::disk::Disk;
use runtime::record::{Recorder, SectorSize};
use std::collections::BTreeSet;
use storage::{Damage, Log, LogConfig, LogDirectory, ReadError, RepairError, Scrubbed};
use support::*;

const FIRST: &str = "story-0/00000000000000000000.log";

/// Two replicas with the same records in several segments.
struct Replicas {
    place: Place,
    directory: LogDirectory,
    log: Log,
    _healthy_place: Place,
    _healthy_directory: LogDirectory,
    healthy: Log,
}

impl Replicas {
    async fn new(config: &LogConfig, batches: usize) -> Replicas {
        let (place, healthy_place) = (Place::new(), Place::new());
        let (directory, mut log) = place.with_log(config.clone()).await;
        let (healthy_directory, mut healthy) = healthy_place.with_log(config.clone()).await;
        fill(&mut log, batches, 3).await;
        fill(&mut healthy, batches, 3).await;
        Replicas {
            place,
            directory,
            log,
            _healthy_place: healthy_place,
            _healthy_directory: healthy_directory,
            healthy,
        }
    }

    /// Fetches what is damaged, `at_once` bytes at a time, and writes it over the damage, until all is whole.
    async fn repair(&mut self, damage: Damage, at_once: usize) {
        self.log.note_damage(damage.clone()).await.expect("written down");
        let mut left = Some(damage.clone());
        while let Some(damage) = left.take() {
            let records = self.fetch(damage.first_offset, damage.next_offset, at_once).await;
            left = self.log.repair(&damage, records).await.expect("it fits");
        }
        assert_eq!(self.log.reader().look_again(&damage).await.expect("read"), None);
        self.log.forget_damage(damage.segment_base_offset).await.expect("written down");
    }

    async fn fetch(&self, from: Offset, up_to: Offset, max_bytes: usize) -> Bytes {
        let reader = self.healthy.reader();
        match reader.read(from, up_to, max_bytes, true).await.expect("the healthy one is healthy") {
            // No batch ends there: what is damaged was measured wrong. More is fetched, and the log finds out.
            records if records.is_empty() => reader.read(from, Offset::MAX, 1, true).await.expect("healthy"),
            records => records,
        }
    }
}

fn small(config: LogConfig) -> LogConfig {
    LogConfig { segment_bytes: 600, index_interval_bytes: 150, ..config }
}

async fn scrub(log: &Log) -> Vec<Damage> {
    let (mut scrub, mut found) = (log.reader().scrub(), Vec::new());
    for _ in 0..10_000 {
        match scrub.step(200).await.expect("the disk reads") {
            Scrubbed::Clean(_) => {}
            Scrubbed::Damaged(damage) => found.push(damage),
            Scrubbed::Done => return found,
        }
    }
    panic!("a scrub has an end");
}

async fn segments(place: &Place) -> Vec<String> {
    let mut names = place.names("story-0").await;
    names.retain(|name| name.ends_with(".log"));
    names.sort();
    names.into_iter().map(|name| format!("story-0/{name}")).collect()
}

/// Where each batch starts in a segment that is good, and where the last one ends.
fn starts(good: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    for batch in protocol::records::Batches::new(good) {
        starts.push(starts[starts.len() - 1] + batch.expect("whole").bytes.len());
    }
    starts
}

#[test]
fn any_flipped_bit_is_found_and_repaired_to_the_byte() {
    story(async {
        for config in both().map(small) {
            let mut replicas = Replicas::new(&config, 12).await;
            assert_eq!(scrub(&replicas.log).await, []);
            for path in segments(&replicas.place).await {
                let good = replicas.place.read_file(&path).await;
                for at in (0..good.len()).step_by(5) {
                    let bit = 1 << (at % 8);
                    replicas.place.damage(&path, at as u64, &[good[at] ^ bit]).await;
                    let found = scrub(&replicas.log).await;
                    assert_eq!(found.len(), 1, "{path} at {at}");
                    replicas.repair(found[0].clone(), 1 << 20).await;
                    assert!(replicas.place.read_file(&path).await == good, "{path} at {at}: {}", found[0]);
                }
            }
            assert_eq!(scrub(&replicas.log).await, []);
            assert_eq!(contents(&replicas.log).await, filled(12, 3));
        }
    });
}

/// Also where no checksum covers it, and whichever way a reader comes there.
#[test]
fn whatever_bit_is_flipped_no_reader_gets_anything_but_what_was_written() {
    story(async {
        let config = small(plain());
        let replicas = Replicas::new(&config, 12).await;
        let reader = replicas.log.reader();
        for path in segments(&replicas.place).await {
            let good = replicas.place.read_file(&path).await;
            // Headers are what readers go by; the payload is covered by the checksum.
            let headers = starts(&good).into_iter().rev().skip(1).flat_map(|start| start..start + 61);
            for at in headers {
                let bit = 1 << (at % 8);
                replicas.place.damage(&path, at as u64, &[good[at] ^ bit]).await;
                for from in 0..36 {
                    for max_bytes in [1, 1 << 20] {
                        let Ok(bytes) = reader.read(from, 36, max_bytes, true).await else { continue };
                        let first = base_offset(&bytes);
                        let right = replicas.healthy.reader().read(first, next_offset(&bytes), 1 << 20, true).await;
                        assert!((first..first + 3).contains(&from), "{path} at {at}, read from {from}");
                        assert_eq!(bytes, right.expect("healthy"), "{path} at {at}, read from {from}");
                    }
                }
                replicas.place.damage(&path, at as u64, &[good[at]]).await;
            }
        }
    });
}

#[test]
fn what_is_damaged_is_the_batch_and_no_more() {
    story(async {
        let config = plain();
        let mut replicas = Replicas::new(&config, 6).await;
        let good = replicas.place.read_file(FIRST).await;
        let starts = starts(&good);
        // In the payload, and in the length: then nothing says where the next batch is.
        for at in [starts[2] + 70, starts[2] + 8] {
            replicas.place.damage(FIRST, at as u64, &[good[at] ^ 16]).await;
            let found = scrub(&replicas.log).await;
            let [damage] = &found[..] else { panic!("{found:?}") };
            assert_eq!((damage.first_offset, damage.next_offset), (6, 9));
            assert_eq!((damage.position, damage.length), (starts[2] as u64, (starts[3] - starts[2]) as u64));
            assert_eq!(replicas.log.reader().look_for_damage(17).await.expect("read").as_ref(), Some(damage));
            // Neither read nor spread, by whatever way one comes there.
            for from in 0..18 {
                match read_all(&replicas.log, from, 1).await {
                    // Behind the damage too, where no index leads past it.
                    Err(ReadError::Corrupt(_)) => {}
                    Ok(read) => assert!(from >= 9 && read == filled(6, 3)[from as usize..]),
                    Err(other) => panic!("{other}"),
                }
            }
            replicas.repair(damage.clone(), 1).await;
        }
        assert!(replicas.place.read_file(FIRST).await == good);
    });
}

#[test]
fn damage_is_repaired_a_batch_at_a_time_and_the_next_one_is_found_after_it() {
    story(async {
        let mut replicas = Replicas::new(&plain(), 20).await;
        let good = replicas.place.read_file(FIRST).await;
        let starts = starts(&good);
        replicas.place.damage(FIRST, starts[1] as u64 + 3, &vec![0xAA; starts[4] - starts[1]]).await;
        replicas.place.damage(FIRST, starts[10] as u64 + 100, &[0; 9]).await;
        let mut rounds = 0;
        while let Some(damage) = replicas.log.reader().look_for_damage(0).await.expect("read") {
            let mut left = Some(damage);
            while let Some(damage) = left.take() {
                let records = replicas.fetch(damage.first_offset, damage.next_offset, 1).await;
                left = replicas.log.repair(&damage, records).await.expect("it fits");
                rounds += 1;
            }
        }
        assert_eq!(rounds, 5);
        assert!(replicas.place.read_file(FIRST).await == good);
    });
}

/// A record's value may be a batch: of another cluster's log, or made up by somebody who means harm.
#[test]
fn a_batch_inside_a_damaged_batch_does_not_lead_a_repair_astray() {
    story(async {
        let mut inner = records("inside", 3, START);
        protocol::records::set_base_offset(&mut inner, 8);
        protocol::records::set_leader_epoch(&mut inner, 0);
        let mut builder = protocol::records::BatchBuilder::new(Default::default());
        builder.append(START, None, Some(&inner), &[]);
        let outer = bytes::BytesMut::from(&builder.build()[..]);
        let mut replicas = Replicas::new(&plain(), 2).await;
        for log in [&mut replicas.log, &mut replicas.healthy] {
            append(log, outer.clone()).await;
            fill(log, 4, 3).await;
        }
        let good = replicas.place.read_file(FIRST).await;
        let batch = good.windows(6).position(|bytes| bytes == b"inside").expect("it is there") as u64;
        let start = replicas.log.reader().look_for_damage(0).await.expect("read");
        assert_eq!(start, None);
        let outer_at =
            (0..batch).rev().find(|at| good[*at as usize..].starts_with(&6i64.to_be_bytes())).expect("there");
        replicas.place.damage(FIRST, outer_at + 10, &[0x7F]).await;
        let [damage] = &scrub(&replicas.log).await[..] else { panic!("one") };
        assert_eq!((damage.first_offset, damage.next_offset), (6, 8), "the inner batch looks like the next one");
        let mut left = Some(damage.clone());
        while let Some(damage) = left.take() {
            let records = replicas.fetch(damage.first_offset, damage.next_offset, 1).await;
            left = replicas.log.repair(&damage, records).await.expect("it fits");
        }
        assert!(replicas.place.read_file(FIRST).await == good);
    });
}

#[test]
fn a_segment_that_was_torn_in_the_middle_of_the_log_is_filled_up() {
    story(async {
        for config in both().map(small) {
            for gone in [1, 70, 400] {
                let mut replicas = Replicas::new(&config, 30).await;
                let paths = segments(&replicas.place).await;
                let good = replicas.place.read_file(&paths[1]).await;
                replicas.place.resize(&paths[1], good.len() as u64 - gone).await;
                let [damage] = &scrub(&replicas.log).await[..] else { panic!("one") };
                replicas.repair(damage.clone(), 1).await;
                assert!(replicas.place.read_file(&paths[1]).await == good);
                assert_eq!(contents(&replicas.log).await, filled(30, 3));
            }
        }
    });
}

/// A file that ends at a batch's end looks whole when it is opened.
#[test]
fn a_segment_that_a_clean_start_finds_too_short_is_filled_up() {
    story(async {
        let config = small(plain());
        let Replicas { place, directory, log, healthy, _healthy_directory, _healthy_place } =
            Replicas::new(&config, 30).await;
        close(directory, log).await;
        let paths = segments(&place).await;
        let good = place.read_file(&paths[1]).await;
        let first = protocol::records::BatchView::parse(&good).expect("a batch").bytes.len();
        place.resize(&paths[1], first as u64).await;
        let (directory, log) = place.again(config).await;
        let mut replicas = Replicas { place, directory, log, healthy, _healthy_directory, _healthy_place };
        let [damage] = &scrub(&replicas.log).await[..] else { panic!("one") };
        assert_eq!((damage.position, damage.length), (first as u64, 0));
        replicas.repair(damage.clone(), 1).await;
        assert!(replicas.place.read_file(&paths[1]).await == good);
        assert_eq!(contents(&replicas.log).await, filled(30, 3));
    });
}

#[test]
fn damage_is_known_after_a_restart_until_it_is_repaired() {
    story(async {
        for config in both().map(small) {
            let mut replicas = Replicas::new(&config, 30).await;
            let paths = segments(&replicas.place).await;
            let good = replicas.place.read_file(&paths[2]).await;
            replicas.place.damage(&paths[2], 80, &[good[80] ^ 1]).await;
            let [damage] = &scrub(&replicas.log).await[..] else { panic!("one") };
            assert!(replicas.log.note_damage(damage.clone()).await.expect("written down"));
            assert!(!replicas.log.note_damage(damage.clone()).await.expect("nothing to write"));
            let Replicas { place, directory, log, healthy, _healthy_directory, _healthy_place } = replicas;
            close(directory, log).await;
            let (directory, log) = place.again(config.clone()).await;
            let found = log.reader().damage();
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].first_offset, found[0].next_offset), (damage.first_offset, damage.next_offset));
            let mut replicas = Replicas { place, directory, log, healthy, _healthy_directory, _healthy_place };
            let unproven = replicas.fetch(found[0].first_offset, found[0].next_offset, 1 << 20).await;
            let refused = replicas.log.repair(&found[0], unproven).await;
            assert!(matches!(refused, Err(RepairError::Unfit(_))), "where it is must be found out anew");
            let proven = replicas.log.reader().look_again(&found[0]).await.expect("read").expect("still damaged");
            replicas.repair(proven, 1 << 20).await;
            assert_eq!(replicas.log.reader().damage(), []);
            assert!(replicas.place.read_file(&paths[2]).await == good);
            close(replicas.directory, replicas.log).await;
            let (_directory, log) = replicas.place.again(config).await;
            assert_eq!(log.reader().damage(), []);
            assert!(!replicas.place.names("story-0").await.contains(&"damaged-ranges".to_owned()));
        }
    });
}

/// A repair that is torn leaves damage that is known; what is known as repaired is whole.
#[test]
fn whenever_the_power_fails_during_a_repair_what_is_damaged_is_known_to_be() {
    story(async {
        let config = plain();
        let Replicas { place, directory, log, healthy, _healthy_directory, _healthy_place } =
            Replicas::new(&config, 9).await;
        close(directory, log).await;
        let good = place.read_file(FIRST).await;
        place.damage(FIRST, 10, &vec![0x55; good.len() / 2]).await;
        let (directory, mut log) = place.again(config.clone()).await;
        let damage = log.reader().look_for_damage(0).await.expect("read").expect("damaged");
        log.note_damage(damage).await.expect("written down");
        close(directory, log).await;
        let recorder = Recorder::new();
        let disk = Disk::open_recorded(place.path(), &recorder).await.expect("the directory");
        let opened = LogDirectory::open(disk, options(), &|_| config.clone()).await.expect("opened");
        let (directory, log) = (opened.directory, opened.logs.into_iter().next().expect("a log").log.expect("open"));
        let damage = log.reader().damage().remove(0);
        let damage = log.reader().look_again(&damage).await.expect("read").expect("still damaged");
        let mut replicas = Replicas { place, directory, log, healthy, _healthy_directory, _healthy_place };
        replicas.repair(damage, 1).await;
        let (record, mut known) = (recorder.log(), BTreeSet::new());
        for point in record.crash_points() {
            for failure in point.power_failures(SectorSize::Bytes512, 4) {
                let is_known = failure.image.file("story-0/damaged-ranges").is_some_and(|list| !list.is_empty());
                let is_good = failure.image.file(FIRST).is_some_and(|bytes| bytes == good);
                assert!(is_known || is_good, "after {} operations, {:?}", point.operations, failure.kept);
                known.insert(is_known);
            }
        }
        assert_eq!(known, [false, true].into(), "before and after");
    });
}

#[test]
fn a_list_of_damage_that_cannot_be_read_has_every_segment_looked_at() {
    story(async {
        let config = small(plain());
        let place = Place::new();
        let (directory, mut log) = place.with_log(config.clone()).await;
        fill(&mut log, 30, 3).await;
        close(directory, log).await;
        let file =
            place.disk().await.open_file("story-0/damaged-ranges", runtime::disk::Open::New).await.expect("made");
        file.write_at(&[Bytes::from_static(b"\xFF 12")], 0).await.expect("written");
        let (_directory, mut log) = place.again(config).await;
        let suspected = log.reader().damage();
        assert_eq!(suspected.len(), segments(&place).await.len());
        for damage in suspected {
            assert_eq!(log.reader().look_again(&damage).await.expect("read"), None);
            log.forget_damage(damage.segment_base_offset).await.expect("written down");
        }
        assert_eq!(log.reader().damage(), []);
    });
}

#[test]
fn batches_that_are_not_those_that_were_there_are_not_written() {
    story(async {
        let mut replicas = Replicas::new(&plain(), 6).await;
        let good = replicas.place.read_file(FIRST).await;
        let at = starts(&good)[5] + 70;
        replicas.place.damage(FIRST, at as u64, &[good[at] ^ 1]).await;
        let bad = replicas.place.read_file(FIRST).await;
        let [damage] = &scrub(&replicas.log).await[..] else { panic!("one") };
        let right = replicas.fetch(15, 18, 1 << 20).await;
        let patched = |patch: &dyn Fn(&mut [u8])| {
            let mut records = right.to_vec();
            patch(&mut records);
            Bytes::from(records)
        };
        let wrong = [
            Bytes::new(),
            right.slice(..right.len() - 1),
            patched(&|records| records[right.len() - 1] ^= 1),
            patched(&|records| protocol::records::set_leader_epoch(records, 1)),
            patched(&|records| protocol::records::set_base_offset(records, 16)),
            replicas.fetch(9, 12, 1 << 20).await,
            replicas.fetch(12, 15, 1 << 20).await,
            Bytes::from([&right[..], &right[..]].concat()),
            // As long in offsets, not in bytes: another record was there once.
            patched_batch(15),
        ];
        for (at, records) in wrong.into_iter().enumerate() {
            let refused = replicas.log.repair(damage, records).await;
            assert!(matches!(refused, Err(RepairError::Unfit(_))), "{at}: {refused:?}");
        }
        assert!(replicas.place.read_file(FIRST).await == bad, "nothing was written");
        replicas.repair(damage.clone(), 1 << 20).await;
        assert!(replicas.place.read_file(FIRST).await == good);
    });
}

fn patched_batch(base_offset: Offset) -> Bytes {
    let mut records = records("much longer than what was there once", 3, START);
    protocol::records::set_base_offset(&mut records, base_offset);
    protocol::records::set_leader_epoch(&mut records, 0);
    records.freeze()
}

#[test]
fn what_was_cut_or_deleted_is_damaged_no_more() {
    story(async {
        let config = small(plain());
        let mut replicas = Replicas::new(&config, 30).await;
        let paths = segments(&replicas.place).await;
        for path in [&paths[0], &paths[4]] {
            replicas.place.damage(path, 80, &[0xFF; 3]).await;
        }
        let [early, late] = &scrub(&replicas.log).await[..] else { panic!("two") };
        let records = replicas.fetch(late.first_offset, late.next_offset, 1 << 20).await;
        replicas.log.truncate(late.segment_base_offset).await.expect("cut");
        assert_eq!(replicas.log.reader().look_again(late).await.expect("read"), None);
        let refused = replicas.log.repair(late, records).await;
        assert!(matches!(refused, Err(RepairError::Unfit(_))), "{refused:?}");
        assert!(replicas.log.reader().look_again(early).await.expect("read").is_some());
        replicas.log.advance_start(early.next_offset).await.expect("deleted");
        assert_eq!(replicas.log.reader().look_again(early).await.expect("read"), None);
        assert_eq!(scrub(&replicas.log).await, []);
    });
}

#[test]
fn appends_go_on_beside_a_scrub_and_are_seen_by_it() {
    story(async {
        let config = small(journaled());
        let (_place, mut log) = {
            let place = Place::new();
            let (directory, log) = place.with_log(config).await;
            ((place, directory), log)
        };
        fill(&mut log, 3, 3).await;
        let mut scrub = log.reader().scrub();
        for _ in 0..40 {
            assert!(matches!(scrub.step(1).await.expect("read"), Scrubbed::Clean(_) | Scrubbed::Done));
            fill(&mut log, 1, 3).await;
        }
        log.truncate(31).await.expect("cut");
        fill(&mut log, 3, 3).await;
        while scrub.step(100).await.expect("read") != Scrubbed::Done {}
    });
}
