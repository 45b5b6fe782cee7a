//! Looks offsets up: the first, the last, and by time.

use super::{Phase, Surroundings};
use client::{Isolation, OffsetSpec};
use jepsen_lite::history::{Action, Answer, ListOffsets, OffsetQuery, Outcome, Process};
use runtime::time::Duration;

const EVERY: Duration = Duration::from_millis(100);

/// Asks until the faults are over.
pub async fn live(around: Surroundings, process: Process) {
    let cluster = around.connect("lookups");
    let partitions = around.partitions();
    let began = runtime::clock::now();
    while !around.is_past(Phase::Faults) {
        let partition = partitions[runtime::rand::below(partitions.len() as u64) as usize].clone();
        let passed = runtime::clock::now().saturating_sub(began).unsigned_abs();
        let (query, spec) = match runtime::rand::below(3) {
            0 => (OffsetQuery::Earliest, OffsetSpec::Earliest),
            1 => (OffsetQuery::Latest, OffsetSpec::Latest),
            _ => {
                let time = began + runtime::rand::below(passed + 1) as i64;
                (OffsetQuery::At(time), OffsetSpec::At(time))
            }
        };
        let action = Action::ListOffsets(ListOffsets { partition: partition.clone(), query });
        let operation = around.chronicle.invoke(process, action);
        let mut told = cluster.list_offsets(&[(partition.clone(), spec)].into(), Isolation::ReadUncommitted).await;
        let outcome = match told.remove(&partition).expect("each partition has a result") {
            Ok(found) => Outcome::Ok(Answer::Offset {
                offset: found.offset,
                timestamp: found.timestamp,
                epoch: found.leader_epoch,
            }),
            Err(error) => Outcome::Fail(error.to_string()),
        };
        around.chronicle.complete(operation, outcome);
        around.pause(EVERY, Phase::Faults).await;
    }
}
