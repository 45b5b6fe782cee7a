//! Stories of one replica, each a sentence.

mod fetch_check;
mod follower;
mod high_watermark;
mod in_sync;
mod isr_proposals;
mod leading;
mod read_replica;

use model::metadata_image::PartitionImage;
use model::state_machine::Instant;
use model::{ErrorCode, NodeId, Offset};
use replication::{
    CheckedFetch, FetchCheck, FollowerFetch, IsrAnswer, IsrProposal, Leader, LeaderLog, OwnLog, Terms, check_fetch,
};
use std::time::Duration;

const LAG: Duration = Duration::from_secs(10);
const EPOCH: i32 = 7;

fn at(millis: u64) -> Instant {
    Instant::after_start(Duration::from_millis(millis))
}

fn cached(end: Offset) -> OwnLog {
    OwnLog { log_start_offset: 0, log_end_offset: end, durable_end: 0, journaled: false, asks_stable_storage: false }
}

fn journaled(end: Offset, durable_end: Offset) -> OwnLog {
    OwnLog { log_start_offset: 0, log_end_offset: end, durable_end, journaled: true, asks_stable_storage: true }
}

/// Replicas 1, 2, 3, led by 1 in epoch 7, partition epoch 20.
fn image(isr: &[NodeId]) -> PartitionImage {
    PartitionImage {
        replicas: vec![1, 2, 3],
        isr: isr.to_vec(),
        leader: Some(1),
        leader_epoch: EPOCH,
        partition_epoch: 20,
        ..Default::default()
    }
}

/// Every broker's epoch is a hundred times its id.
fn all_live(id: NodeId) -> Option<Offset> {
    Some(Offset::from(id) * 100)
}

fn terms(min_insync_replicas: i32) -> Terms {
    Terms { replica_lag_time_max: LAG, min_insync_replicas }
}

/// Node 1 leads since the start, with ten records from before it led, of which four are known to be committed.
fn leader_of(isr: &[NodeId], min_insync_replicas: i32) -> Leader {
    Leader::new(at(0), 1, &image(isr), &all_live, cached(10), 4, terms(min_insync_replicas))
}

fn fetch_of(replica: NodeId, fetch_offset: Offset) -> FollowerFetch {
    FollowerFetch {
        replica,
        broker_epoch: Offset::from(replica) * 100,
        current_leader_epoch: EPOCH,
        fetch_offset,
        last_fetched_epoch: EPOCH - 1,
        log_start_offset: 0,
        durable_end: None,
        sent_after: None,
    }
}

/// The fetch compared with a log in which epoch 6 ends at `log_end` and everything matches.
fn checked(fetch: FollowerFetch, log_end: Offset) -> CheckedFetch {
    let log = LeaderLog {
        leader_epoch: EPOCH,
        log_start_offset: 0,
        log_end_offset: log_end,
        end_of_epoch: &|epoch| (epoch, log_end),
    };
    check_fetch(fetch, log).expect("the epoch is the leader's")
}

/// The follower fetches from `offset`, which the leader's log has.
fn fetches(leader: &mut Leader, now: Instant, replica: NodeId, offset: Offset) {
    let checked = checked(fetch_of(replica, offset), Offset::MAX);
    assert_eq!(checked.outcome(), FetchCheck::Matches);
    assert_eq!(leader.fetched(now, &checked), Ok(()));
}

/// The follower has all ten records but those below `log_start_offset`.
fn fetches_with_start(leader: &mut Leader, now: Instant, replica: NodeId, log_start_offset: Offset) {
    let fetch = FollowerFetch { log_start_offset, ..fetch_of(replica, 10) };
    assert_eq!(leader.fetched(now, &checked(fetch, 10)), Ok(()));
}

fn members(proposal: &IsrProposal) -> Vec<NodeId> {
    proposal.new_isr.iter().map(|(id, _)| *id).collect()
}

fn accepted(proposal: &IsrProposal) -> IsrAnswer {
    IsrAnswer::Accepted {
        leader_epoch: proposal.leader_epoch,
        partition_epoch: proposal.partition_epoch + 1,
        isr: members(proposal),
    }
}

fn refused() -> IsrAnswer {
    IsrAnswer::Refused(ErrorCode::IneligibleReplica)
}
