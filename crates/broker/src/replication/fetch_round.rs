//! One round of fetching: what is wanted of each partition, and what came.

use super::fetcher::Partitions;
use crate::partition::Command;
use bytes::Bytes;
use model::{ErrorCode, NodeId, PartitionId, Uuid};
use protocol::messages::fetch::{FetchResponse, PartitionData};
use protocol::records::BatchHeader;
use replication::{Batches, EpochEnd, FetchAnswer, Wanted};
use runtime::sync::{Notify, oneshot};
use runtime::time::{Duration, Instant, timeout_at};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of Fetch that followers speak.
pub const VERSION: i16 = 17;
/// How long the next fetch waits until what the last one brought is on stable storage, so that it can say so of all.
const DURABLE_WITHIN: Duration = Duration::from_millis(50);

/// What is wanted of each partition.
pub(super) type Round = BTreeMap<(Uuid, PartitionId), Wanted>;

/// What is wanted from `leader`, and when time alone adds to it.
pub(super) fn wanted(partitions: &Partitions, leader: NodeId) -> (Round, Option<Instant>) {
    let (mut round, mut rests_until): (Round, Option<Instant>) = (Round::new(), None);
    for (key, partition) in partitions {
        match partition.wanted(leader) {
            Ok(wanted) => drop(round.insert(*key, wanted)),
            Err(until) => rests_until = rests_until.into_iter().chain(until).min(),
        }
    }
    (round, rests_until)
}

/// Hands each partition what came for it, and waits until all have taken it.
pub(super) async fn take(
    partitions: &Partitions,
    wanted: &Round,
    response: FetchResponse,
    wake: &Arc<Notify>,
    leader: NodeId,
) {
    let mut working = Vec::new();
    for topic in response.responses {
        for data in topic.partitions {
            let key = (topic.topic_id, data.partition_index);
            let (Some(partition), Some(wanted)) = (partitions.get(&key), wanted.get(&key)) else { continue };
            let (answer, records) = read(data);
            let (done, taken) = oneshot::channel();
            let command = Command::Replicate { token: wanted.token, answer, records, done };
            if partition.send(command).await.is_ok() {
                working.push((partition.clone(), answer.batches.is_some(), taken));
            }
        }
    }
    let mut appended = Vec::new();
    for (partition, has_batches, taken) in working {
        let _ = taken.await; // a partition that stops takes nothing
        if has_batches {
            appended.push(partition);
        }
    }
    let deadline = Instant::now() + DURABLE_WITHIN;
    while appended.iter().any(|partition| partition.waits_to_fetch_from(leader)) {
        if timeout_at(deadline, wake.notified()).await.is_err() {
            return;
        }
    }
}

/// What the leader said of one partition.
fn read(data: PartitionData) -> (FetchAnswer, Bytes) {
    let records = data.records.unwrap_or_default();
    let diverging = &data.diverging_epoch;
    let diverging = (diverging.epoch >= 0 || diverging.end_offset >= 0)
        .then_some(EpochEnd { epoch: diverging.epoch, end_offset: diverging.end_offset });
    let mut error = ErrorCode::from_wire(data.error_code);
    let batches = match batches(&records) {
        Ok(batches) => batches,
        Err(()) => {
            model::mark!("a leader sent what is no batch");
            error = ErrorCode::CorruptMessage;
            None
        }
    };
    let answer = FetchAnswer {
        error,
        diverging,
        high_watermark: data.high_watermark,
        log_start_offset: data.log_start_offset,
        batches,
    };
    (answer, records)
}

/// The batches in short. Their checksums are looked at when they are appended.
fn batches(records: &[u8]) -> Result<Option<Batches>, ()> {
    let mut found: Option<Batches> = None;
    let mut rest = records;
    while !rest.is_empty() {
        let header = BatchHeader::parse(rest).map_err(drop)?;
        rest = rest.get(header.size_in_bytes()..).ok_or(())?;
        let base_offset = found.map_or(header.base_offset, |found| found.base_offset);
        let (last_offset, last_epoch) = (header.last_offset(), header.leader_epoch);
        found = Some(Batches { base_offset, last_offset, last_epoch });
    }
    Ok(found)
}
