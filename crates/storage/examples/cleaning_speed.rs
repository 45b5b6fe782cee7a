//! How fast a log is cleaned, and with how much memory: `cargo run --release -p storage --example cleaning_speed -- [DIRECTORY] [MB A SECOND]`.
//!
//! For records of 1 KiB and of 100 bytes: 1 GB of them over a quarter of a million keys at random, in batches of 64 KiB, all
//! of it dirty; then the same log once more with a tenth of it written anew. Beside it 1 KiB is appended to another log of
//! the directory every two milliseconds, and the time until each is on stable storage is compared with the time that it
//! takes when nothing is cleaned.
#![allow(clippy::disallowed_methods)] // a program of its own

use bytes::Bytes;
use model::{TopicPartition, Uuid};
use protocol::records::{BatchBuilder, BatchOptions};
use runtime::disk::Disk;
use runtime::sync::watch;
use runtime::task::spawn;
use runtime::time::{Duration, Instant, sleep};
use storage::{CleanerMemory, DirectoryOptions, LeaderAppend, Log, LogConfig, LogDirectory, Origin, Pace};

const BYTES: u64 = 1 << 30;
const KEYS: u64 = 250_000;

fn main() {
    let directory = std::env::args().nth(1);
    let megabytes = std::env::args().nth(2).and_then(|text| text.parse().ok());
    runtime::task::run(0, run(directory, megabytes.map_or(f64::MAX, |it: f64| it * 1e6))).expect("a runtime");
}

async fn run(directory: Option<String>, pace: f64) {
    println!(
        "{:<32} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9}",
        "", "dirty MB", "read MB", "written", "seconds", "MB/s", "map MB"
    );
    for value_bytes in [1000, 76] {
        let temporary = match &directory {
            Some(directory) => tempfile::tempdir_in(directory),
            None => tempfile::tempdir(),
        };
        let place = temporary.expect("a directory");
        let disk = Disk::open(place.path()).await.expect("a directory");
        let opened = LogDirectory::open(disk, DirectoryOptions::default(), &|_| config()).await.expect("it is empty");
        let name = TopicPartition::new("speed", 0);
        let mut log = opened.directory.create(name, Uuid([7; 16]), config(), true).await.expect("a new log");
        fill(&mut log, BYTES, value_bytes).await;
        let name = TopicPartition::new("foreground", 0);
        let foreground = opened.directory.create(name, Uuid([8; 16]), config(), true).await.expect("a new log");
        let (stop, stopped) = watch::channel(false);
        let appending = spawn("appends", append_until(foreground, stopped));
        sleep(Duration::from_secs(3)).await;
        stop.send_replace(true);
        let (foreground, quiet) = appending.await.expect("it ends");
        let (stop, stopped) = watch::channel(false);
        let appending = spawn("appends", append_until(foreground, stopped));
        clean(&mut log, &format!("records of {} bytes", value_bytes + 24), pace).await;
        stop.send_replace(true);
        let (_foreground, cleaning) = appending.await.expect("it ends");
        fill(&mut log, BYTES / 10, value_bytes).await;
        clean(&mut log, "  and a tenth written anew", pace).await;
        println!("  durable beside it: {}; when nothing is cleaned: {}", shown(cleaning), shown(quiet));
    }
    println!("peak of resident memory: {}", peak());
}

fn config() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        segment_bytes: 256 << 20,
        file_delete_delay_ms: 0,
        min_cleanable_dirty_ratio: 0.0,
        ..LogConfig::default()
    }
}

/// Appends until it is stopped. Gives the log back, and how long each append took to be durable.
async fn append_until(mut log: Log, stopped: watch::Receiver<bool>) -> (Log, Vec<Duration>) {
    let (mut durable, mut times) = (log.durable(), Vec::new());
    while !*stopped.borrow() {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(1_700_000_000_000, Some(b"key"), Some(&[7; 1000]), &[]);
        let (records, now) = (builder.build(), 1_700_000_000_000);
        let begun = Instant::now();
        let request = LeaderAppend { records, leader_epoch: 0, now, origin: Origin::Client };
        let appended = log.append(&mut [request]).await.remove(0).expect("room");
        durable.wait_for(|durable| durable.offset > appended.last_offset).await.expect("it is open");
        times.push(begun.elapsed());
        sleep(Duration::from_millis(2)).await;
    }
    (log, times)
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort();
    let part = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms of {}", part(0.5), part(0.99), part(1.0), times.len())
}

/// Random numbers that are the same each time.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

async fn fill(log: &mut Log, bytes: u64, value_bytes: usize) {
    let (mut state, mut written) = (log.log_end_offset().unsigned_abs(), 0);
    let mut value = vec![0; value_bytes];
    while written < bytes {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        while builder.size_estimate() < 64 << 10 {
            let key = format!("key-{:012}", next(&mut state) % KEYS);
            value.iter_mut().for_each(|byte| *byte = next(&mut state) as u8);
            builder.append(1_700_000_000_000, Some(key.as_bytes()), Some(&value), &[]);
        }
        let records: Bytes = builder.build();
        written += records.len() as u64;
        let request = LeaderAppend { records, leader_epoch: 0, now: 1_700_000_000_000, origin: Origin::Client };
        log.append(&mut [request]).await.remove(0).expect("room");
    }
    log.set_config(LogConfig { segment_ms: -1, ..config() });
    log.roll_if_due(i64::MAX / 2).await.expect("a roll");
    log.set_config(config());
    log.set_journaled(false).await.expect("a barrier");
    log.set_journaled(true).await.expect("a barrier");
}

async fn clean(log: &mut Log, what: &str, pace: f64) {
    sleep(Duration::from_millis(200)).await;
    let end = log.log_end_offset();
    let found = log.reader().cleanable(end, runtime::clock::now()).await.expect("a disk").expect("dirt");
    let begun = Instant::now();
    let mut cleaning = log.begin_cleaning(&found, CleanerMemory::default()).expect("nobody else cleans");
    let pace = Pace::new(pace);
    while let Some(cleaned) = cleaning.next(&pace).await.expect("a cleaning") {
        log.swap(cleaned).await.expect("a swap");
    }
    log.end_cleaning(&cleaning);
    let (summary, took) = (cleaning.summary(), begun.elapsed().as_secs_f64());
    cleaning.save().await.expect("a disk");
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let all = mega(found.clean_bytes + found.dirty_bytes);
    println!(
        "{what:<32} {:>9.0} {:>9.0} {:>9.0} {took:>8.2} {:>9.0} {:>9.1}",
        mega(found.dirty_bytes),
        mega(summary.read),
        mega(summary.written),
        all / took,
        summary.map_bytes as f64 / 1e6
    );
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("not known here");
    line.trim_start_matches("VmHWM:").trim().to_owned()
}
