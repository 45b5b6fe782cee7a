//! What the stories share: directories, batches, and short ways to append and read.
#![allow(dead_code)] // no story uses all of it

pub mod keyed;
#[cfg(madsim)]
pub mod planting;

use bytes::{Bytes, BytesMut};
use model::{ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicPartition, Uuid};
use protocol::records::{BatchBuilder, BatchOptions, BatchView, Batches, RecordViews};
use runtime::disk::{Disk, Open};
use runtime::time::Duration;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{
    AppendError, Appended, DirectoryOptions, FailedClosed, LeaderAppend, Log, LogConfig, LogDirectory, Opened, Origin,
    ReadError,
};

pub const TOPIC_ID: Uuid = Uuid([7; 16]);
pub const START: Timestamp = 1_700_000_000_000;

/// Runs a story.
pub fn story<F: Future<Output = ()>>(story: F) {
    #[cfg(madsim)]
    planting::as_told();
    runtime::task::run(2, story).expect("threads can be started");
}

/// A directory that goes with the test.
pub struct Place {
    root: tempfile::TempDir,
    is_clear: AtomicBool,
}

impl Place {
    pub fn new() -> Place {
        Place { root: tempfile::tempdir().expect("a temporary directory"), is_clear: AtomicBool::new(false) }
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    pub async fn disk(&self) -> Disk {
        let disk = Disk::open(self.path()).await.expect("the directory");
        if !self.is_clear.swap(true, Ordering::Relaxed) {
            clear(&disk).await;
        }
        disk
    }

    pub async fn open(&self, config: LogConfig) -> Opened {
        self.open_with(options(), config).await
    }

    /// Opens the directory; after a crash its tasks may hold the lock for a moment.
    pub async fn open_with(&self, options: DirectoryOptions, config: LogConfig) -> Opened {
        self.unlocked().await;
        let opened = LogDirectory::open(self.disk().await, options, &|_| config.clone()).await;
        opened.expect("the directory can be opened")
    }

    /// Waits until nothing works on the directory any more: a sync that was under way holds the lock until it is over.
    pub async fn unlocked(&self) {
        wait_for_lock(&self.disk().await).await;
    }

    /// A new directory with one log.
    pub async fn with_log(&self, config: LogConfig) -> (LogDirectory, Log) {
        let opened = self.open(config.clone()).await;
        assert!(opened.logs.is_empty());
        let journaled = config.wants_journal();
        let log = opened.directory.create(partition(0), TOPIC_ID, config, journaled).await.expect("a new log");
        (opened.directory, log)
    }

    /// Opens the directory again, with its one log.
    pub async fn again(&self, config: LogConfig) -> (LogDirectory, Log) {
        let mut opened = self.open(config).await;
        assert_eq!(opened.logs.len(), 1);
        let log = opened.logs.remove(0).log.expect("the log is good");
        (opened.directory, log)
    }

    /// Opens the directory again; its one log must stay closed.
    pub async fn again_closed(&self, config: LogConfig) -> (LogDirectory, FailedClosed) {
        let mut opened = self.open(config).await;
        assert_eq!(opened.logs.len(), 1);
        let failed = opened.logs.remove(0).log.expect_err("the log stays closed");
        (opened.directory, failed)
    }

    /// The bytes of a file.
    pub async fn read_file(&self, path: &str) -> Vec<u8> {
        let file = self.disk().await.open_file(path, Open::Read).await.expect(path);
        let mut bytes = vec![0; file.length().await.expect("a length") as usize];
        let read = file.read_at(&mut bytes, 0).await.expect("a read");
        bytes.truncate(read);
        bytes
    }

    /// Overwrites part of a file.
    pub async fn damage(&self, path: &str, at: u64, bytes: &[u8]) {
        let file = self.disk().await.open_file(path, Open::Existing).await.expect(path);
        file.write_at(&[Bytes::copy_from_slice(bytes)], at).await.expect("a write");
    }

    /// Cuts or extends a file.
    pub async fn resize(&self, path: &str, length: u64) {
        let file = self.disk().await.open_file(path, Open::Existing).await.expect(path);
        file.set_length(length).await.expect("a new length");
    }

    pub async fn names(&self, directory: &str) -> Vec<String> {
        let entries = self.disk().await.list(directory).await.expect(directory);
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

/// In the simulator a node has one disk, whatever the directory is called: an earlier place of the story may be on it.
async fn wait_for_lock(disk: &Disk) {
    for _ in 0..12_000 {
        if disk.lock(".lock").await.is_ok() {
            return;
        }
        runtime::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the directory stays locked");
}

async fn clear(disk: &Disk) {
    wait_for_lock(disk).await;
    for entry in disk.list("").await.expect("a list") {
        if !entry.is_directory {
            disk.remove_file(&entry.name).await.expect("removed");
            continue;
        }
        for file in disk.list(&entry.name).await.expect("a list") {
            disk.remove_file(&format!("{}/{}", entry.name, file.name)).await.expect("removed");
        }
        disk.remove_directory(&entry.name).await.expect("removed");
    }
}

/// A `partition.metadata` in which bits have flipped.
pub fn rotten_identity() -> String {
    format!("version: 0\ntopic_id: {}", Uuid([0x5a; 16]))
}

/// Options under which nothing happens in the background unless a story asks for it.
pub fn options() -> DirectoryOptions {
    DirectoryOptions { sync_interval: Duration::from_secs(3600), ..DirectoryOptions::default() }
}

pub fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("story", number)
}

/// Page cache.
pub fn plain() -> LogConfig {
    LogConfig { flush_messages: i64::MAX, file_delete_delay_ms: 0, ..LogConfig::default() }
}

pub fn journaled() -> LogConfig {
    LogConfig { flush_messages: 1, file_delete_delay_ms: 0, ..LogConfig::default() }
}

/// Both modes, for stories that are the same in both.
pub fn both() -> [LogConfig; 2] {
    [plain(), journaled()]
}

/// A batch as a producer sends it; record n has value `text n` and timestamp `timestamp + n`.
pub fn records(text: &str, count: usize, timestamp: Timestamp) -> BytesMut {
    batch_of(BatchOptions::default(), text, count, timestamp)
}

/// The same from an idempotent producer.
pub fn idempotent(id: ProducerId, epoch: ProducerEpoch, sequence: Sequence, count: usize) -> BytesMut {
    let options =
        BatchOptions { producer_id: id, producer_epoch: epoch, base_sequence: sequence, ..BatchOptions::default() };
    batch_of(options, &format!("producer {id} sequence {sequence}"), count, START)
}

fn batch_of(options: BatchOptions, text: &str, count: usize, timestamp: Timestamp) -> BytesMut {
    let mut builder = BatchBuilder::new(options);
    for n in 0..count {
        builder.append(timestamp + n as i64, Some(b"key"), Some(format!("{text} {n}").as_bytes()), &[]);
    }
    BytesMut::from(&builder.build()[..])
}

pub fn request(records: BytesMut) -> LeaderAppend {
    LeaderAppend { records: records.freeze(), leader_epoch: 0, now: START, origin: Origin::Client }
}

pub async fn append_result(log: &mut Log, records: BytesMut) -> Result<Appended, AppendError> {
    log.append(&mut [request(records)]).await.remove(0)
}

pub async fn append(log: &mut Log, records: BytesMut) -> Appended {
    append_result(log, records).await.expect("an append")
}

pub fn outcome(result: Result<Appended, AppendError>) -> ErrorCode {
    match result {
        Err(AppendError::Outcome { error, .. }) => error,
        other => panic!("no outcome: {other:?}"),
    }
}

/// Appends `count` batches of `per_batch` records each; the values name the offset of the first record.
pub async fn fill(log: &mut Log, count: usize, per_batch: usize) {
    for _ in 0..count {
        let text = format!("from {}", log.log_end_offset());
        let timestamp = START + log.log_end_offset();
        append(log, records(&text, per_batch, timestamp)).await;
    }
}

/// Waits until all of the log is durable.
pub async fn durable(log: &Log) {
    let end = log.log_end_offset();
    let mut durable = log.durable();
    runtime::time::timeout(Duration::from_secs(10), durable.wait_for(|durable| durable.offset >= end))
        .await
        .expect("durable in time")
        .expect("the log is open");
}

/// Everything in the log, as offset and value.
pub async fn contents(log: &Log) -> Vec<(Offset, String)> {
    read_all(log, log.log_start_offset(), 1 << 20).await.expect("the log can be read")
}

/// Everything from `from` on, read `max_bytes` at a time.
pub async fn read_all(log: &Log, from: Offset, max_bytes: usize) -> Result<Vec<(Offset, String)>, ReadError> {
    let reader = log.reader();
    let (mut next, end) = (from, log.log_end_offset());
    let mut all = Vec::new();
    while next < end {
        let bytes = reader.read(next, end, max_bytes, true).await?;
        assert!(!bytes.is_empty(), "nothing at {next} of {end}");
        for record in records_of(&bytes) {
            if record.0 >= next {
                all.push(record);
            }
        }
        next = next_offset(&bytes);
    }
    Ok(all)
}

pub fn next_offset(bytes: &[u8]) -> Offset {
    Batches::new(bytes).map(|batch| batch.expect("whole batches").header.next_offset()).last().expect("a batch")
}

pub fn base_offset(bytes: &[u8]) -> Offset {
    BatchView::parse(bytes).expect("a batch").header.base_offset
}

/// The records of whole batches, as offset and value.
pub fn records_of(bytes: &[u8]) -> Vec<(Offset, String)> {
    let mut all = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.expect("whole batches");
        batch.check_crc().expect("good batches");
        for record in RecordViews::new(batch.payload(), batch.header.record_count) {
            let record = record.expect("whole records");
            let value = String::from_utf8(record.value.unwrap_or_default().to_vec()).expect("text");
            all.push((batch.header.base_offset + i64::from(record.offset_delta), value));
        }
    }
    all
}

/// What `fill` leaves, from offset 0.
pub fn filled(count: usize, per_batch: usize) -> Vec<(Offset, String)> {
    (0..count * per_batch)
        .map(|offset| {
            let first = offset / per_batch * per_batch;
            (offset as Offset, format!("from {first} {}", offset - first))
        })
        .collect()
}

pub async fn close(directory: LogDirectory, log: Log) {
    directory.close(vec![log]).await.expect("a clean stop");
}
