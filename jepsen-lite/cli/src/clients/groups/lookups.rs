//! Asks what a group has committed.

use super::Crew;
use crate::clients::{FOUNDER, Phase};
use crate::servers::{LAG_MS, SESSION_MS};
use client::group::Offsets;
use client::{Admin, Cluster};
use jepsen_lite::history::{Action, Answer, FetchOffset, OperationId, Outcome, Process};
use model::TopicPartition;
use runtime::time::{Duration, Instant, sleep};

const EVERY: Duration = Duration::from_millis(500);
/// A coordinator that was deposed and has not heard of it may be behind by a session, and by what it takes to see that
/// its followers do not come.
const MAY_BE_OLD_MS: u32 = SESSION_MS + LAG_MS;
/// A lookup works within this time once all is well.
const WITHIN: Duration = Duration::from_secs(30);

/// Asks until the faults are over.
pub async fn live(crew: Crew, process: Process) {
    let cluster = crew.around.connect("lookups");
    while !crew.around.is_past(Phase::Faults) {
        crew.around.pause(EVERY, Phase::Faults).await;
        look_up(&crew, &cluster, process, MAY_BE_OLD_MS).await;
    }
}

/// Asks of each group once all is well: then nothing may be old.
pub async fn look_up_everything(crews: &[Crew]) {
    for crew in crews {
        let cluster = crew.around.connect("lookups");
        let deadline = Instant::now() + WITHIN;
        while !look_up(crew, &cluster, FOUNDER, 0).await && Instant::now() < deadline {
            sleep(EVERY).await;
        }
    }
}

/// Says whether it was told.
async fn look_up(crew: &Crew, cluster: &Cluster, process: Process, may_be_old_ms: u32) -> bool {
    let partitions = crew.around.partitions();
    let ask = |partition: &TopicPartition| {
        let (group, partition) = (crew.name.clone(), partition.clone());
        let action = FetchOffset { group, partition, node: None, may_be_old_ms, may_expire: false };
        crew.around.chronicle.invoke(process, Action::FetchOffset(action))
    };
    let operations: Vec<OperationId> = partitions.iter().map(ask).collect();
    let told = Admin::new(cluster).group_offsets(&[&crew.name]).await.remove(&crew.name);
    let told = told.expect("each group has a result");
    for (partition, operation) in partitions.iter().zip(operations) {
        let outcome = match &told {
            Ok(offsets) => Outcome::Ok(committed(offsets, partition)),
            Err(error) => Outcome::Fail(error.to_string()),
        };
        crew.around.chronicle.complete(operation, outcome);
    }
    told.is_ok()
}

fn committed(offsets: &Offsets, partition: &TopicPartition) -> Answer {
    match offsets.get(partition) {
        Some(at) => {
            Answer::CommittedOffset { offset: at.offset, leader_epoch: at.leader_epoch, mark: at.metadata.parse().ok() }
        }
        None => Answer::CommittedOffset { offset: -1, leader_epoch: -1, mark: None },
    }
}
