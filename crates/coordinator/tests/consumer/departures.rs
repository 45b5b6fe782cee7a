//! Members that an administrator takes out.

use crate::coordinator::{Coordinator, GROUP, idle, joining};
use coordinator::group::{Reply, Request};
use model::ErrorCode;
use protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};

/// The outcome for each, of these member and instance ids.
fn leave(group: &mut Coordinator, members: &[(&str, Option<&str>)], version: i16) -> Vec<ErrorCode> {
    let identity = |(id, instance): &(&str, Option<&str>)| MemberIdentity {
        member_id: (*id).into(),
        group_instance_id: instance.map(Into::into),
        ..Default::default()
    };
    let members = members.iter().map(identity).collect();
    let request = LeaveGroupRequest { group_id: GROUP.into(), members, ..Default::default() };
    let Reply::LeaveGroup(response) = group.ask(Request::LeaveGroup { request, version }) else { unreachable!() };
    assert_eq!(response.error_code, 0);
    response.members.iter().map(|member| ErrorCode::from_wire(member.error_code)).collect()
}

fn join_as(group: &mut Coordinator, member: &str, instance: &str) {
    let mut request = joining(member, &["t"]);
    request.instance_id = Some(instance.into());
    group.good(request);
}

#[test]
fn a_member_that_an_administrator_names_is_out() {
    for version in 3..=5 {
        let mut group = Coordinator::with_topics(&[("t", 2)]);
        group.join("a", &["t"]);
        group.join("b", &["t"]);
        assert_eq!(group.epochs().1, 3);
        let named = [("a", None), ("stranger", None), ("a", None)];
        let outcomes = [ErrorCode::None, ErrorCode::UnknownMemberId, ErrorCode::UnknownMemberId];
        assert_eq!(leave(&mut group, &named, version), outcomes);
        group.bad(idle("a", 2), ErrorCode::UnknownMemberId);
        assert_eq!(group.epochs().1, 4);
        group.good(idle("b", 3));
        assert_eq!(group.member("b").1, ["t-0", "t-1"]);
    }
}

#[test]
fn a_static_member_is_named_by_its_instance() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    join_as(&mut group, "a", "i");
    join_as(&mut group, "b", "j");
    let fenced = [("b", Some("i")), ("", Some("k")), ("", None)];
    let outcomes = [ErrorCode::FencedInstanceId, ErrorCode::UnknownMemberId, ErrorCode::UnknownMemberId];
    assert_eq!(leave(&mut group, &fenced, 5), outcomes);
    assert_eq!(group.epochs().1, 3, "nobody is out");
    assert_eq!(leave(&mut group, &[("", Some("i")), ("b", Some("j"))], 5), [ErrorCode::None, ErrorCode::None]);
    assert_eq!(group.epochs(), ("Empty".into(), 4, 3));
}

#[test]
fn one_that_is_away_is_out_too() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    join_as(&mut group, "a", "i");
    let mut away = idle("a", -2);
    away.instance_id = Some("i".into());
    group.good(away);
    assert_eq!(leave(&mut group, &[("", Some("i"))], 3), [ErrorCode::None]);
    assert_eq!(group.epochs().0, "Empty");
}
