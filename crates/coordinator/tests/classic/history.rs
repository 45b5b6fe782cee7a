//! Why a group rebalanced, as `group why` tells it.

use crate::cluster::{Coordinator, Log};
use crate::member::*;
use coordinator::group::why::{Cause, History, Phase, Rebalance};
use model::ErrorCode;
use protocol::messages::join_group::JoinGroupRequest;
use std::time::Duration;

fn last(cluster: &mut Coordinator) -> Rebalance {
    let tags = cluster.describe().unknown_tagged_fields;
    History::of(&tags).rebalances().last().cloned().expect("a history")
}

#[test]
fn a_newcomer_is_told_of_and_so_is_who_came_last() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let began = cluster.now.wall;
    let reason = JoinGroupRequest { reason: Some("scaled up".into()), ..join_request("", &["t"]) };
    let newcomer = cluster.send_join(reason, 3);
    let leader = cluster.send_join(join_request(&members[0].id, &["t"]), 3);
    cluster.advance(Duration::from_millis(4000));
    cluster.send_join(join_request(&members[1].id, &["t"]), 3);
    let newcomer = cluster.joined(newcomer).member_id;
    let leader = cluster.joined(leader);
    cluster.advance(Duration::from_millis(500));
    cluster.sync(&Joined { id: leader.leader, generation: 3 }, &[]);
    let told = last(&mut cluster);
    assert_eq!((told.started, told.epoch, told.took_ms), (began, 3, 4500));
    assert_eq!((told.cause, &told.member, told.client.as_str()), (Cause::MemberJoined, &newcomer, "app"));
    assert_eq!(told.detail, "scaled up");
    let held_up = told.held_up.expect("somebody was slow");
    assert_eq!((held_up.phase, held_up.missed, held_up.waited_ms), (Phase::Join, false, 4000));
    assert_eq!(held_up.member, members[1].id);
}

#[test]
fn a_slow_leader_is_told_of() {
    let mut cluster = Coordinator::new();
    let leader = cluster.join_alone();
    let newcomer = cluster.send_join(join_request("", &["t"]), 3);
    let generation = cluster.join(join_request(&leader.id, &["t"]), 3).generation_id;
    cluster.joined(newcomer);
    cluster.advance(Duration::from_millis(3000));
    cluster.sync(&Joined { generation, ..leader.clone() }, &[]);
    let held_up = last(&mut cluster).held_up.expect("the leader was slow");
    assert_eq!((held_up.phase, held_up.waited_ms, held_up.member), (Phase::Sync, 3000, leader.id));
}

#[test]
fn a_member_that_died_is_told_of_and_the_one_that_never_came() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(3);
    cluster.advance(Duration::from_secs(5));
    assert_eq!(cluster.beat(&members[0]), ErrorCode::None);
    assert_eq!(cluster.beat(&members[1]), ErrorCode::None);
    cluster.advance(Duration::from_secs(5));
    let leader = cluster.send_join(join_request(&members[0].id, &["t"]), 3);
    cluster.advance(Duration::from_secs(5)); // the second is silent now
    let leader = cluster.joined(leader);
    cluster.sync(&Joined { id: leader.member_id, generation: 3 }, &[]);
    let told = last(&mut cluster);
    assert_eq!((told.cause, &told.member), (Cause::MemberTimedOut, &members[2].id));
}

#[test]
fn whom_the_others_gave_up_is_told_of() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let changed = cluster.send_join(join_request(&members[0].id, &["u"]), 3);
    for _ in 0..12 {
        cluster.advance(Duration::from_secs(5));
        cluster.beat(&members[1]);
    }
    assert_eq!(cluster.joined(changed).members.len(), 1);
    cluster.sync(&Joined { id: members[0].id.clone(), generation: 3 }, &[]);
    let told = last(&mut cluster);
    assert_eq!((told.cause, &told.member), (Cause::SubscriptionChanged, &members[0].id));
    let held_up = told.held_up.expect("it never came");
    assert_eq!((held_up.missed, held_up.waited_ms, held_up.member), (true, 60_000, members[1].id.clone()));
}

/// The last members were killed one after the other, and of the rebalance that emptied the group it was not told what it had
/// waited for.
#[test]
fn who_died_while_a_rebalance_waited_for_it_is_told_of_though_nobody_is_left() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    cluster.advance(Duration::from_secs(5));
    assert_eq!(cluster.beat(&members[0]), ErrorCode::None);
    cluster.advance(Duration::from_secs(60));
    assert_eq!(cluster.describe().group_state, "Empty");
    let told = last(&mut cluster);
    assert_eq!((told.cause, &told.member), (Cause::MemberTimedOut, &members[1].id));
    let held_up = told.held_up.expect("it waited for the other one");
    assert_eq!((held_up.phase, held_up.missed, held_up.waited_ms), (Phase::Join, true, 5000));
    assert_eq!(held_up.member, members[0].id);
}

#[test]
fn the_history_outlives_the_coordinator_and_tells_when_that_was_the_cause() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let follower = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    let generation = cluster.join(join_request(&members[0].id, &["t"]), 3).generation_id;
    cluster.joined(follower);
    cluster.fail_over(); // before anything was assigned
    let leader = Joined { generation, ..members[0].clone() };
    assert_eq!(cluster.beat(&leader), ErrorCode::IllegalGeneration);
    let again = cluster.send_join(join_request(&leader.id, &["t"]), 3);
    cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    let generation = cluster.joined(again).generation_id;
    cluster.sync(&Joined { generation, ..leader }, &[]);
    assert_eq!(last(&mut cluster).cause, Cause::CoordinatorMoved);
    let tags = cluster.describe().unknown_tagged_fields;
    let epochs: Vec<i32> = History::of(&tags).rebalances().iter().map(|rebalance| rebalance.epoch).collect();
    assert_eq!(epochs, [1, 2, 3]);
}

#[test]
fn the_last_to_leave_is_told_of() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    cluster.leave(&[(&member.id, None)]);
    let told = last(&mut cluster);
    assert_eq!((told.cause, told.member, told.epoch), (Cause::MemberLeft, member.id, 2));
}

#[test]
fn an_assignment_that_could_not_be_stored_is_told_of() {
    let mut cluster = Coordinator::new();
    let answer = cluster.join(join_request("", &["t"]), 3);
    let member = Joined { id: answer.member_id, generation: 1 };
    cluster.takes = Log::Refuses(ErrorCode::MessageTooLarge);
    cluster.sync(&member, &[]);
    cluster.takes = Log::Takes;
    let generation = cluster.join(join_request(&member.id, &["t"]), 3).generation_id;
    cluster.sync(&Joined { generation, ..member }, &[]);
    assert_eq!(last(&mut cluster).cause, Cause::NotWritten);
}

#[test]
fn clients_of_old_versions_are_not_shown_what_they_have_no_room_for() {
    let mut cluster = Coordinator::new();
    cluster.join_alone();
    assert!(cluster.describe_version(GROUP, 4).unknown_tagged_fields.is_empty());
    assert!(!cluster.describe_version(GROUP, 5).unknown_tagged_fields.is_empty());
}
