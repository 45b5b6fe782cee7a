//! Members that leave.

use crate::cluster::Coordinator;
use crate::member::*;
use coordinator::group::Record;
use model::ErrorCode;
use protocol::messages::join_group::JoinGroupRequest;
use protocol::messages::leave_group::LeaveGroupRequest;
use std::time::Duration;

#[test]
fn every_version_of_leaving_answers_in_its_form() {
    for version in 0..=5 {
        let mut cluster = Coordinator::new();
        let member = cluster.join_alone();
        let ask = |cluster: &mut Coordinator, group: &str, id: &str| {
            let members = vec![Default::default()];
            let mut request =
                LeaveGroupRequest { group_id: group.into(), member_id: id.into(), members, ..Default::default() };
            request.members[0].member_id = id.into();
            let answer = cluster.leave_with(request, version);
            let of_member = answer.members.first().map_or(answer.error_code, |member| member.error_code);
            assert_eq!(answer.members.len(), usize::from(version >= 3));
            assert!(version < 3 || answer.error_code == 0);
            error(of_member)
        };
        assert_eq!(ask(&mut cluster, GROUP, "stranger"), ErrorCode::UnknownMemberId);
        assert_eq!(ask(&mut cluster, GROUP, &member.id), ErrorCode::None);
        assert_eq!(ask(&mut cluster, GROUP, &member.id), ErrorCode::UnknownMemberId);
        assert_eq!(ask(&mut cluster, "nope", &member.id), ErrorCode::UnknownMemberId);
    }
}

#[test]
fn several_leave_at_once_and_the_rest_share() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(4);
    let leaving = [(&*members[1].id, None), ("stranger", None), (&*members[0].id, None)];
    assert_eq!(cluster.leave_errors(&leaving), [ErrorCode::None, ErrorCode::UnknownMemberId, ErrorCode::None]);
    assert_eq!(cluster.beat(&members[2]), ErrorCode::RebalanceInProgress);
    let third = cluster.send_join(join_request(&members[2].id, &["t"]), 3);
    let fourth = cluster.send_join(join_request(&members[3].id, &["t"]), 3);
    assert_eq!(cluster.joined(third).members.len() + cluster.joined(fourth).members.len(), 2);
}

#[test]
fn a_group_that_all_have_left_is_empty_in_a_new_generation() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let leaving: Vec<(&str, Option<&str>)> = members.iter().map(|member| (&*member.id, None)).collect();
    cluster.leave(&leaving);
    assert_eq!(cluster.state(), "Empty");
    let Some(Record::GroupMetadata(_, Some(record))) = cluster.records().pop() else { panic!("no record") };
    assert_eq!((record.generation, record.members.len(), record.protocol, record.leader), (3, 0, None, None));
    assert_eq!(record.current_state_timestamp, cluster.now.wall);
    cluster.fail_over();
    assert_eq!(cluster.join(join_request("", &["t"]), 3).generation_id, 4);
}

#[test]
fn requests_of_a_member_that_leaves_are_answered() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    let joins = cluster.send_join(join_request(&members[1].id, &["u"]), 3);
    cluster.leave(&[(&members[1].id, None)]);
    assert_eq!(error(cluster.joined(joins).error_code), ErrorCode::UnknownMemberId);
    let newcomer = cluster.send_join(join_request("", &["t"]), 3);
    let generation = cluster.join(join_request(&members[0].id, &["t"]), 3).generation_id;
    let newcomer = Joined { id: cluster.joined(newcomer).member_id, generation };
    let syncs = cluster.send_sync(&newcomer, &[]);
    cluster.leave(&[(&newcomer.id, None)]);
    assert_eq!(error(cluster.synced(syncs).error_code), ErrorCode::UnknownMemberId);
    assert_eq!(cluster.waiting(), 0);
}

/// All that was due was one batch, which the log refused when it was too large, at every look.
#[test]
fn members_of_many_groups_that_end_together_end_in_several_batches() {
    let mut cluster = Coordinator::new();
    cluster.checks = false;
    for group in 0..1000 {
        let request = JoinGroupRequest { group_id: format!("g{group}").into(), ..join_request("", &["t"]) };
        assert_eq!(error(cluster.join(request, 3).error_code), ErrorCode::None);
    }
    cluster.largest_batch = 0;
    cluster.advance(Duration::from_millis(SESSION_MS as u64));
    assert!(cluster.list(&["Stable", "PreparingRebalance", "CompletingRebalance"], &[]).is_empty());
    assert_eq!((cluster.log_length(), cluster.largest_batch), (1000, 100));
}
