//! Groups as an administrator sees them.

use crate::cluster::Coordinator;
use crate::member::*;
use coordinator::group::Request;
use model::ErrorCode;
use protocol::Text;

#[test]
fn a_group_that_is_not_there_is_dead_and_from_version_6_on_not_found() {
    let mut cluster = Coordinator::new();
    for version in 0..=6 {
        let described = cluster.describe_version("nope", version);
        assert_eq!(described.group_state, "Dead");
        let expected = if version < 6 { ErrorCode::None } else { ErrorCode::GroupIdNotFound };
        assert_eq!(error(described.error_code), expected);
        assert_eq!(described.error_message.is_some(), version >= 6);
    }
}

#[test]
fn groups_are_listed_by_state_and_type_in_any_case() {
    let mut cluster = Coordinator::new();
    cluster.join_alone();
    let request = protocol::messages::offset_commit::OffsetCommitRequest {
        group_id: "offsets".into(),
        ..commit_request(&nobody(), "t", 0, 1)
    };
    cluster.commit_with(request, 8);
    let names = |groups: Vec<protocol::messages::list_groups::ListedGroup>| {
        groups.into_iter().map(|group| group.group_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(cluster.list(&[], &[])), ["g", "offsets"]);
    assert_eq!(names(cluster.list(&["sTaBlE"], &[])), ["g"]);
    assert_eq!(names(cluster.list(&["Empty", "nonsense"], &["CLASSIC"])), ["offsets"]);
    assert_eq!(names(cluster.list(&[], &["consumer"])), [""; 0]);
    let group = &cluster.list(&["stable"], &[])[0];
    assert_eq!((group.protocol_type.as_str(), group.group_state.as_str()), ("consumer", "Stable"));
}

#[test]
fn only_a_group_without_members_is_deleted_and_with_it_all_it_had() {
    let mut cluster = Coordinator::new();
    let member = cluster.join_alone();
    cluster.commit(&member, "t", 0, 1);
    cluster.commit(&member, "u", 3, 1);
    assert_eq!(cluster.delete_group(GROUP), ErrorCode::NonEmptyGroup);
    cluster.leave(&[(&member.id, None)]);
    assert_eq!(cluster.delete_group(GROUP), ErrorCode::None);
    assert_eq!(cluster.delete_group(GROUP), ErrorCode::GroupIdNotFound);
    assert_eq!(cluster.fetch_all(), []);
    assert_eq!(cluster.state(), "Dead");
    assert_eq!(cluster.join(join_request("", &["t"]), 3).generation_id, 1, "it is another group");
}

#[test]
fn one_request_deletes_several_groups_and_answers_for_each() {
    let mut cluster = Coordinator::new();
    cluster.join_alone();
    let groups = vec![Text::from(GROUP), Text::from("nope")];
    let coordinator::group::Reply::DeleteGroups(results) = cluster.ask(Request::DeleteGroups(groups)) else {
        panic!("another answer")
    };
    let errors: Vec<ErrorCode> = results.iter().map(|result| error(result.error_code)).collect();
    assert_eq!(errors, [ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound]);
}
