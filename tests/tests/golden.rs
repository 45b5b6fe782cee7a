//! Data directories of earlier versions open, and every record is there. tests/golden/make.sh says how they were made.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real directories

use client::Cluster;
use std::path::{Path, PathBuf};
use tests::golden::{RECORDS, SETTINGS, TOPICS, shown};
use tests::reading::{impatient, read_topics};
use tests::{Server, binary, clients, directory};

fn golden(name: &str) -> PathBuf {
    binary::root().join("tests/golden").join(name)
}

/// A copy of a golden directory, that goes with the test.
fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    directory::copy(&golden(name).join("data"), folder.path());
    folder
}

/// Starts a server on `data`, reads all topics, and compares with the text that was written when `name` was made.
fn assert_all_is_there(name: &str, data: &Path) {
    let server = Server::start(data, &SETTINGS);
    let story = Box::pin(async { shown(&read_topics(&Cluster::new(impatient(server.address())), &TOPICS).await) });
    let read = runtime::task::run(1, story).expect("threads can be started");
    let wanted = std::fs::read_to_string(golden(name).join(RECORDS)).expect("the records are listed");
    assert!(wanted.lines().count() > 250, "there is something to find");
    for (read, wanted) in read.lines().zip(wanted.lines()) {
        assert_eq!(read, wanted);
    }
    assert_eq!(read.lines().count(), wanted.lines().count());
    assert_eq!(server.stop().status.code(), Some(0));
}

#[test]
fn a_directory_that_was_stopped_cleanly_opens() {
    let data = copy_of("clean");
    assert_all_is_there("clean", data.path());
    assert_all_is_there("clean", data.path());
}

#[test]
fn a_directory_of_a_killed_server_opens() {
    let data = copy_of("killed");
    assert!(!data.path().join(".kafka_cleanshutdown").exists(), "it was killed");
    assert_all_is_there("killed", data.path());
    assert_all_is_there("killed", data.path());
}

/// What a power failure may leave of the same directory: of journaled partitions, what the checkpoint does not speak
/// of is in the journal alone.
#[test]
fn the_journal_gives_back_what_the_segments_of_a_killed_server_lost() {
    let data = copy_of("killed");
    for partition in ["journaled-0", "journaled-1", "trimmed-0"] {
        cut_to_recovery_point(data.path(), partition);
    }
    assert_all_is_there("killed", data.path());
}

/// Takes away what the server had not synced by its own account.
fn cut_to_recovery_point(data: &Path, partition: &str) {
    let points = std::fs::read_to_string(data.join("recovery-point-offset-checkpoint")).expect("Kafka's checkpoint");
    let (topic, number) = partition.rsplit_once('-').expect("a partition has a number");
    let point = points.lines().find_map(|line| line.strip_prefix(&format!("{topic} {number} ")));
    let point: u64 = point.and_then(|point| point.parse().ok()).expect("each partition has a recovery point");
    let (mut cut, mut removed) = (0, 0);
    for entry in std::fs::read_dir(data.join(partition)).expect("the partition's folder") {
        let path = entry.expect("a folder can be read").path();
        let base = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse::<u64>().ok());
        let Some(base) = base else { continue };
        if base > point {
            std::fs::remove_file(&path).expect("a file can be removed");
            removed += 1;
        } else if path.extension().is_some_and(|extension| extension == "log") {
            let log = std::fs::read(&path).expect("a segment can be read");
            let end = position_of(&log, point);
            cut += log.len() - end;
            std::fs::write(&path, &log[..end]).expect("a segment can be written");
        }
    }
    assert!(cut + removed > 0, "{partition}: there is something to lose");
}

/// Where the first batch at or above `offset` begins.
fn position_of(log: &[u8], offset: u64) -> usize {
    let mut at = 0;
    while at + 12 <= log.len() {
        if u64::from_be_bytes(log[at..at + 8].try_into().expect("eight bytes")) >= offset {
            break;
        }
        at += 12 + u32::from_be_bytes(log[at + 8..at + 12].try_into().expect("four bytes")) as usize;
    }
    at
}

#[test]
fn kafkas_dump_tool_reads_what_was_stopped_cleanly() {
    const TOOL: &str = "org.apache.kafka.tools.DumpLogSegments";
    let mut command = match clients::kafka_program(TOOL) {
        Ok(command) => command,
        Err(why) => return clients::skipped("Kafka's DumpLogSegments", &why),
    };
    let data = golden("clean").join("data");
    let mut files = Vec::new();
    for partition in ["journaled-0", "journaled-1", "paged-0", "trimmed-0"] {
        for entry in std::fs::read_dir(data.join(partition)).expect("the partition's folder") {
            files.push(entry.expect("a folder can be read").path());
        }
    }
    let of_kind = |kind: &str| -> Vec<String> {
        let files = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == kind));
        files.map(|path| path.display().to_string()).collect()
    };
    assert!(of_kind("log").len() > 8, "there are several segments");
    let all = ["log", "index", "timeindex", "snapshot"].map(of_kind).concat().join(",");
    let output = command.args(["--deep-iteration", "--files", &all]).output().expect("java runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complained}");
    // The tool takes the first offset of every later segment for a gap after -1, also in Kafka's own logs.
    let is_quirk =
        |line: &str| line.starts_with("Non-consecutive offsets in") || line.trim().starts_with("-1 is followed by");
    let complaint = complained.lines().find(|line| !is_quirk(line));
    assert_eq!(complaint, None, "Kafka complains");
    assert!(!said.contains("isvalid: false"), "{said}");
    assert!(said.contains("isvalid: true") && said.contains("producerId: "), "{said}");
    let dumped = said.lines().filter(|line| line.trim_start().starts_with("| offset:")).count();
    let wanted = std::fs::read_to_string(golden("clean").join(RECORDS)).expect("the records are listed");
    assert!(
        dumped >= wanted.lines().count(),
        "{dumped} records are dumped; deleted ones may still be in their segment"
    );
}
