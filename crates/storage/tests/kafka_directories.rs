//! Directories that Apache Kafka 4.3.1 itself left, cleanly stopped and killed (`kafka-data/make.sh` made them): opened
//! here, they hold what Kafka served from them. And the other way round: Kafka's dump tool reads what we write.
#![allow(clippy::disallowed_methods)] // the kept directories are copied from outside of the story's world

mod support;

use bytes::Bytes;
use model::{Offset, TopicPartition};
use protocol::records::{Batches, RecordView, RecordViews};
use runtime::disk::Open;
use std::path::{Path, PathBuf};
use storage::{DirectoryOptions, LeaderAppend, Log, LogConfig, Opened};
use support::*;

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka-data").join(name)
}

/// A copy of a kept directory, as a broker finds it.
async fn copy_of(name: &str) -> Place {
    let place = Place::new();
    let disk = place.disk().await;
    for entry in list(&kept(name)) {
        if !entry.is_dir() {
            copy(&place, &entry, &file_name(&entry)).await;
            continue;
        }
        let directory = file_name(&entry);
        disk.create_directory(&directory).await.expect("a directory");
        for file in list(&entry) {
            copy(&place, &file, &format!("{directory}/{}", file_name(&file))).await;
        }
    }
    place
}

fn list(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a kept directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

async fn copy(place: &Place, from: &Path, to: &str) {
    let bytes = std::fs::read(from).expect("a kept file");
    let file = place.disk().await.open_file(to, Open::OrCreate).await.expect(to);
    file.write_at(&[Bytes::from(bytes)], 0).await.expect("a write");
}

/// `table` is compacted, and its cleaner has run: there are gaps between its offsets.
fn config_of(topic_partition: &TopicPartition) -> LogConfig {
    let is_table = &*topic_partition.topic == "table";
    LogConfig { compact: is_table, delete: !is_table, retention_ms: -1, ..journaled() }
}

async fn open(place: &Place) -> Opened {
    // Whatever day it is, Kafka's producers are still known.
    let options = DirectoryOptions { producer_id_expiration_ms: i64::MAX / 2, ..options() };
    place.unlocked().await;
    let opened = storage::LogDirectory::open(place.disk().await, options, &config_of).await;
    opened.expect("Kafka's directory can be opened")
}

/// What kcat printed of what Kafka served: topic, partition, offset, timestamp, key, value and headers.
fn served_by_kafka(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(kept(&format!("{name}.txt"))).expect("kept");
    text.lines().map(str::to_owned).collect()
}

/// The same of what is found here.
async fn served_by_us(opened: &Opened) -> Vec<String> {
    let mut lines = Vec::new();
    for opened in &opened.logs {
        let log = opened.log.as_ref().expect("Kafka's logs are good");
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        let mut next = start;
        while next < end {
            let bytes = log.reader().read(next, end, 700, true).await.expect("a read");
            lines.extend(printed(&opened.topic_partition, start, &bytes));
            next = next_offset(&bytes);
        }
    }
    lines
}

fn printed(topic_partition: &TopicPartition, start: Offset, bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.expect("whole batches");
        batch.check_crc().expect("good batches");
        let payload = batch.decompressed(1 << 20).expect("a codec of Kafka's");
        for record in RecordViews::new(&payload, batch.header.record_count) {
            let record = record.expect("whole records");
            let offset = batch.header.base_offset + i64::from(record.offset_delta);
            let timestamp = batch.header.timestamp_of(record.timestamp_delta);
            let TopicPartition { topic, partition } = topic_partition;
            if offset >= start {
                lines.push(format!("{topic}\t{partition}\t{offset}\t{timestamp}\t{}", fields(&record)));
            }
        }
    }
    lines
}

fn fields(record: &RecordView<'_>) -> String {
    let text = |bytes: Option<&[u8]>| bytes.map_or("NULL".into(), |bytes| String::from_utf8_lossy(bytes).into_owned());
    let headers = record.headers.map(|(key, value)| format!("{}={}", text(Some(key)), text(value)));
    format!("{}\t{}\t{}", text(record.key), text(record.value), headers.collect::<Vec<_>>().join(","))
}

fn log_of<'a>(opened: &'a mut Opened, topic: &str, partition: i32) -> &'a mut Log {
    let wanted = TopicPartition::new(topic, partition);
    let found = opened.logs.iter_mut().find(|log| log.topic_partition == wanted);
    found.expect("it is there").log.as_mut().expect("it is good")
}

#[test]
fn what_kafka_served_from_its_directory_is_served_here() {
    story(async {
        for name in ["clean", "killed"] {
            let place = copy_of(name).await;
            let mut opened = open(&place).await;
            assert_eq!(opened.clean, name == "clean");
            assert_eq!(opened.directory.directory_id().to_string(), told(&place, "directory.id").await);
            assert_eq!(opened.directory.cluster_id(), told(&place, "cluster.id").await);
            let expected = served_by_kafka(name);
            assert!(expected.len() > 60, "{name} is kept");
            assert_eq!(served_by_us(&opened).await, expected, "{name}");
            assert_eq!(log_of(&mut opened, "orders", 1).log_start_offset(), 4, "records were deleted");
        }
    });
}

async fn told(place: &Place, key: &str) -> String {
    let text = String::from_utf8(place.read_file("meta.properties").await).expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.expect("Kafka wrote it").to_owned()
}

#[test]
fn the_producers_and_epochs_that_kafka_knew_are_known() {
    story(async {
        // In the killed one the newest snapshot and epoch are of its second start; the batches after them count as well.
        for (name, epochs, sequences) in [("clean", 0, [11, 8]), ("killed", 2, [14, 4])] {
            let place = copy_of(name).await;
            let mut opened = open(&place).await;
            for partition in 0..2 {
                let log = log_of(&mut opened, "orders", partition);
                assert_eq!(log.latest_epoch(), Some(epochs), "{name}");
                let producers = log.active_producers();
                let last =
                    producers.iter().max_by_key(|producer| producer.producer_id).expect("one that is idempotent");
                assert_eq!(last.last_sequence, sequences[partition as usize], "{name}: {producers:?}");
            }
            let reader = log_of(&mut opened, "orders", 0).reader();
            assert_eq!(reader.end_offset_of_epoch(0), (0, 56), "{name}");
        }
    });
}

#[test]
fn kafkas_directory_is_appended_to_and_survives_a_crash_and_a_clean_stop() {
    story(async {
        for name in ["clean", "killed"] {
            let place = copy_of(name).await;
            let before = served_by_kafka(name);
            let mut opened = open(&place).await;
            let log = log_of(&mut opened, "orders", 0);
            let end = log.log_end_offset();
            let leader_epoch = log.latest_epoch().expect("Kafka gave one") + 1;
            let request = LeaderAppend { leader_epoch, ..request(records("ours", 1, START)) };
            log.append(&mut [request]).await.remove(0).expect("an append");
            durable(log).await;
            drop(opened);
            let opened = open(&place).await;
            let lines = served_by_us(&opened).await;
            let added: Vec<&String> = lines.iter().filter(|line| !before.contains(line)).collect();
            assert_eq!(added, [&format!("orders\t0\t{end}\t{START}\tkey\tours 0\t")], "{name}");
            assert_eq!(lines.len(), before.len() + 1, "{name}");
            let logs = opened.logs.into_iter().map(|opened| opened.log.expect("good")).collect();
            opened.directory.close(logs).await.expect("a clean stop");
            let opened = open(&place).await;
            assert!(opened.clean);
            assert_eq!(served_by_us(&opened).await, lines, "{name}");
        }
    });
}

#[test]
fn a_torn_tail_that_kafka_left_is_cut() {
    story(async {
        let place = copy_of("killed").await;
        let last = "orders-0/00000000000000000056.log";
        let length = place.read_file(last).await.len();
        place.resize(last, length as u64 - 3).await;
        let opened = open(&place).await;
        let (found, whole) = (served_by_us(&opened).await, served_by_kafka("killed"));
        let lost: Vec<&String> = whole.iter().filter(|line| !found.contains(line)).collect();
        assert!(!lost.is_empty() && lost.iter().all(|line| line.contains("third-")), "{lost:?}");
        assert!(found.iter().all(|line| whole.contains(line)));
    });
}

/// Kafka's own jars, for those who have them.
#[cfg(not(madsim))]
fn kafka_jars() -> Option<PathBuf> {
    let told = std::env::var_os("KAFKA_LIB").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/thalweg-peers/kafka/lib"));
    told.or_else(usual).filter(|jars| jars.is_dir())
}

/// What Kafka's dump tool says of a file.
#[cfg(not(madsim))]
fn dump(jars: &Path, files: &[PathBuf]) -> Option<String> {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let output = std::process::Command::new("java")
        .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(format!("{}/*", jars.display()))
        .args([
            "org.apache.kafka.tools.DumpLogSegments",
            "--deep-iteration",
            "--print-data-log",
            "--files",
            &files.join(","),
        ])
        .output();
    let output = output.ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !errors.contains("Exception"), "Kafka's dump tool failed: {said}{errors}");
    Some(said)
}

#[cfg(not(madsim))]
#[test]
fn kafkas_dump_tool_reads_what_we_write() {
    let Some(jars) = kafka_jars() else {
        eprintln!(
            "SKIPPED kafkas_dump_tool_reads_what_we_write: no jars of Kafka in $KAFKA_LIB or ~/.cache/thalweg-peers"
        );
        return;
    };
    story(async move {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 1500, index_interval_bytes: 300, ..journaled() };
        let (directory, mut log) = place.with_log(config).await;
        log.assign_leader_epoch(0).await.expect("an epoch");
        fill(&mut log, 40, 3).await;
        append(&mut log, idempotent(7, 2, 0, 5)).await;
        close(directory, log).await;
        let of_kind = |ending: &str| -> Vec<PathBuf> {
            let files = list(&place.path().join("story-0"));
            let mut files: Vec<_> = files.into_iter().filter(|file| file_name(file).ends_with(ending)).collect();
            files.sort();
            files
        };
        let logs = of_kind(".log");
        assert!(logs.len() > 2, "{logs:?}");
        let Some(said) = dump(&jars, &logs) else {
            eprintln!("SKIPPED kafkas_dump_tool_reads_what_we_write: java cannot be started");
            return;
        };
        for offset in 0..125 {
            assert!(said.contains(&format!("offset: {offset} ")), "offset {offset} is missing: {said}");
        }
        assert!(said.contains("producerId: 7 producerEpoch: 2") && said.contains("payload: from 0 2"), "{said}");
        assert!(!said.contains("isvalid: false"), "{said}");
        for ending in [".index", ".timeindex", ".snapshot"] {
            let said = dump(&jars, &of_kind(ending)).expect("it was there a moment ago");
            assert!(said.contains("Dumping"), "{said}");
            for complaint in ["ismatch", "Found", "out of order", "Error"] {
                assert!(!said.contains(complaint), "{ending}: {said}");
            }
        }
        let snapshots = dump(&jars, &of_kind(".snapshot")).expect("it was there a moment ago");
        assert!(snapshots.contains("producerId: 7"), "{snapshots}");
    });
}
