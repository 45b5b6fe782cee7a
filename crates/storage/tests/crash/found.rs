//! What opening finds.

use super::batch::Batch;
use super::history::History;
use super::life::State;
use super::run;
use bytes::Bytes;
use model::{LeaderEpoch, Offset, TopicPartition, Uuid};
use protocol::records::Batches;
use runtime::disk::Disk;
use std::collections::BTreeMap;
use storage::{Log, OpenedLog};

/// A log directory that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub directory_id: Uuid,
    pub logs: BTreeMap<TopicPartition, FoundLog>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    pub topic_id: Uuid,
    /// What it holds, or why it is closed or cannot be read.
    pub contents: Result<Contents, String>,
}

/// What a log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    pub start: Offset,
    pub end: Offset,
    pub batches: Vec<Batch>,
    pub producers: BTreeMap<i64, (i16, i32)>,
    pub latest_epoch: Option<LeaderEpoch>,
    /// For each epoch that a batch has: where it ends.
    pub epoch_ends: BTreeMap<LeaderEpoch, (LeaderEpoch, Offset)>,
}

impl Contents {
    pub fn state(&self) -> State {
        State { start: self.start, end: self.end, lineage: self.batches.clone() }
    }
}

/// Opens the directory and reads everything.
pub async fn open_and_read(disk: Disk, history: History) -> Result<Found, String> {
    let opened = run::open(disk, &history).await?;
    let directory_id = opened.directory.directory_id();
    Ok(read_logs(opened.logs, directory_id).await.0)
}

/// Reads all logs; those that are open are given back.
pub async fn read_logs(opened: Vec<OpenedLog>, directory_id: Uuid) -> (Found, Vec<(TopicPartition, Log)>) {
    let mut found = Found { directory_id, logs: BTreeMap::new() };
    let mut logs = Vec::new();
    for OpenedLog { topic_partition, topic_id, log, .. } in opened {
        let contents = match log {
            Err(failed) => Err(failed.to_string()),
            Ok(log) => {
                let contents = read(&log).await;
                logs.push((topic_partition.clone(), log));
                contents
            }
        };
        found.logs.insert(topic_partition, FoundLog { topic_id, contents });
    }
    (found, logs)
}

async fn read(log: &Log) -> Result<Contents, String> {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let batches = read_batches(log, start, end).await?;
    let reader = log.reader();
    for batch in &batches {
        let inside = (batch.base_offset + 1).clamp(start, batch.end_offset - 1);
        let one = reader.read(inside, end, 1, true).await.map_err(|error| format!("read at {inside}: {error}"))?;
        if one != batch.bytes {
            return Err(format!("a read at {inside} does not give the batch that has it"));
        }
        let (first, epoch) = (batch.base_offset.max(start), batch.leader_epoch);
        if reader.epoch_of(first) != Some(epoch) {
            return Err(format!("{first} counts as of epoch {:?}, and is of {epoch}", reader.epoch_of(first)));
        }
    }
    let producers = log.active_producers();
    let producers = producers.iter().map(|p| (p.producer_id, (p.producer_epoch, p.last_sequence))).collect();
    let epochs = batches.iter().map(|batch| batch.leader_epoch);
    let epoch_ends = epochs.map(|epoch| (epoch, reader.end_offset_of_epoch(epoch))).collect();
    Ok(Contents { start, end, batches, producers, latest_epoch: log.latest_epoch(), epoch_ends })
}

async fn read_batches(log: &Log, start: Offset, end: Offset) -> Result<Vec<Batch>, String> {
    let (reader, gaps) = (log.reader(), log.config().compact);
    let mut batches: Vec<Batch> = Vec::new();
    let mut next = start;
    while next < end {
        let bytes = reader.read(next, end, 1 << 20, true).await.map_err(|error| format!("read at {next}: {error}"))?;
        let before = next;
        let mut at = 0;
        for batch in Batches::new(&bytes) {
            let batch = batch.map_err(|error| format!("read at {next}: {error}"))?;
            batch.check_crc().map_err(|error| format!("read at {next}: {error}"))?;
            let length = batch.header.size_in_bytes();
            let batch = Batch::of(Bytes::copy_from_slice(&bytes[at..at + length]));
            at += length;
            let follows = match batches.last() {
                Some(last) => batch.base_offset == last.end_offset || (gaps && batch.base_offset > last.end_offset),
                None => batch.base_offset <= start || gaps,
            };
            if !follows {
                return Err(format!("a batch at offset {} where {next} comes", batch.base_offset));
            }
            next = batch.end_offset;
            batches.push(batch);
        }
        if next == before {
            return Err(format!("nothing at {next} of {end}"));
        }
    }
    if next == end { Ok(batches) } else { Err(format!("the log ends at {end}, and its last batch at {next}")) }
}
