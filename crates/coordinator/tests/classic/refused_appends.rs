//! What the log refuses did not happen, and nothing gets stuck.

use crate::cluster::{Coordinator, Log};
use crate::member::*;
use model::ErrorCode;
use std::time::Duration;

const REFUSALS: [(ErrorCode, ErrorCode); 3] = [
    (ErrorCode::CoordinatorNotAvailable, ErrorCode::CoordinatorNotAvailable),
    (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
    (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
];

#[test]
fn an_assignment_that_is_refused_reaches_nobody_and_everyone_joins_again() {
    for (refusal, told) in REFUSALS {
        let mut cluster = Coordinator::new();
        let members = cluster.stable_group(2);
        let follower = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
        let leader = cluster.join(join_request(&members[0].id, &["t"]), 3);
        let leader = Joined { id: leader.member_id, generation: leader.generation_id };
        let follower = Joined { id: cluster.joined(follower).member_id, generation: leader.generation };
        let waiting = cluster.send_sync(&follower, &[]);
        cluster.takes = Log::Refuses(refusal);
        assert_eq!(error(cluster.sync(&leader, &[(&follower.id, "lost")]).error_code), told);
        assert_eq!(error(cluster.synced(waiting).error_code), told);
        cluster.takes = Log::Takes;
        assert_eq!(cluster.beat(&follower), ErrorCode::RebalanceInProgress);
        assert_eq!(error(cluster.sync(&follower, &[]).error_code), ErrorCode::RebalanceInProgress);
        let again = cluster.send_join(join_request(&follower.id, &["u"]), 3);
        let generation = cluster.join(join_request(&leader.id, &["t"]), 3).generation_id;
        assert_eq!(cluster.joined(again).generation_id, generation);
        let leader = Joined { generation, ..leader };
        let follower = Joined { generation, ..follower };
        assert_eq!(error(cluster.sync(&leader, &[(&follower.id, "found")]).error_code), ErrorCode::None);
        assert_eq!(&cluster.sync(&follower, &[]).assignment[..], b"found");
    }
}

#[test]
fn that_a_group_is_empty_is_written_when_the_log_takes_it_again() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    let before = cluster.log_length();
    cluster.takes = Log::Refuses(ErrorCode::CoordinatorNotAvailable);
    assert_eq!(error(cluster.leave(&[(&member.id, None)]).error_code), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(cluster.state(), "Empty");
    cluster.advance(Duration::from_secs(30));
    assert_eq!(cluster.log_length(), before);
    cluster.takes = Log::Takes;
    cluster.advance(Duration::from_secs(2));
    assert_eq!(cluster.log_length(), before + 1);
    cluster.advance(Duration::from_secs(60));
    assert_eq!(cluster.log_length(), before + 1, "once is enough");
    cluster.fail_over();
    assert_eq!(cluster.state(), "Empty");
}

#[test]
fn members_that_time_out_while_the_log_refuses_are_gone_all_the_same() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    cluster.takes = Log::Refuses(ErrorCode::CoordinatorNotAvailable);
    cluster.advance(Duration::from_secs(20));
    assert_eq!(cluster.state(), "Empty");
    assert_eq!(cluster.beat(&member), ErrorCode::UnknownMemberId);
    let newcomer = cluster.join(join_request("", &["t"]), 3);
    assert_eq!((error(newcomer.error_code), newcomer.generation_id), (ErrorCode::None, 3));
}

#[test]
fn a_commit_that_is_refused_is_not_there() {
    for (refusal, told) in REFUSALS {
        let mut cluster = Coordinator::new();
        let member = cluster.join_alone();
        assert_eq!(cluster.commit(&member, "t", 0, 5), ErrorCode::None);
        cluster.takes = Log::Refuses(refusal);
        assert_eq!(cluster.commit(&member, "t", 0, 6), told);
        assert_eq!(cluster.committed("t", 0), 5);
        assert_eq!(cluster.beat(&member), ErrorCode::None, "it is still the coordinator");
    }
}

#[test]
fn a_deletion_that_is_refused_deletes_nothing() {
    let mut cluster = Coordinator::new();
    cluster.commit_alone("t", 0, 5);
    cluster.takes = Log::Refuses(ErrorCode::MessageTooLarge);
    assert_eq!(cluster.delete_group(GROUP), ErrorCode::UnknownServerError);
    assert_eq!(cluster.committed("t", 0), 5);
}
