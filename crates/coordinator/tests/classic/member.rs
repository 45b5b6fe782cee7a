//! What members and administrators ask, in few words.

use crate::cluster::{Coordinator, client};
use bytes::Bytes;
use coordinator::group::{Reply, Request};
use model::ErrorCode;
use model::state_machine::Ticket;
use protocol::messages::describe_groups::DescribedGroup;
use protocol::messages::heartbeat::HeartbeatRequest;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use protocol::messages::list_groups::{ListGroupsRequest, ListedGroup};
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use protocol::payloads::ConsumerProtocolSubscription;
use protocol::{Message, Text, Writer};

/// The group of the stories.
pub const GROUP: &str = "g";
/// What all rebalances of the stories wait at most, in milliseconds.
pub const REBALANCE_MS: i32 = 60_000;
/// How long members of the stories may be silent, in milliseconds.
pub const SESSION_MS: i32 = 10_000;

/// A member that has joined: what it must say to be heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    pub id: Text,
    pub generation: i32,
}

/// A JoinGroup of a consumer of these topics, which supports `range`.
pub fn join_request(member: &str, topics: &[&str]) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", &subscription(topics))],
        ..Default::default()
    }
}

/// The same of a static member.
pub fn static_join(member: &str, instance: &str) -> JoinGroupRequest {
    JoinGroupRequest { group_instance_id: Some(instance.into()), ..join_request(member, &["t"]) }
}

pub fn protocol(name: &str, metadata: &Bytes) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol { name: name.into(), metadata: metadata.clone(), ..Default::default() }
}

pub fn subscription(topics: &[&str]) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(1);
    let topics = topics.iter().map(|topic| Text::from(*topic)).collect();
    let subscription = ConsumerProtocolSubscription { topics, ..Default::default() };
    subscription.encode(&mut writer, 1).expect("a subscription");
    writer.finish_contiguous()
}

pub fn error(code: i16) -> ErrorCode {
    ErrorCode::from_wire(code)
}

impl Coordinator {
    pub fn send_join(&mut self, request: JoinGroupRequest, version: i16) -> Ticket {
        self.send(Request::JoinGroup { request, version, client: client("app") })
    }

    pub fn joined(&mut self, ticket: Ticket) -> JoinGroupResponse {
        match self.answer(ticket) {
            Reply::JoinGroup(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub fn join(&mut self, request: JoinGroupRequest, version: i16) -> JoinGroupResponse {
        let ticket = self.send_join(request, version);
        self.joined(ticket)
    }

    /// A member alone in its group, with its assignment.
    pub fn join_alone(&mut self) -> Joined {
        let answer = self.join(join_request("", &["t"]), 3);
        let member = Joined { id: answer.member_id, generation: answer.generation_id };
        let assigned = self.sync(&member, &[(&member.id, "all")]);
        assert_eq!(error(assigned.error_code), ErrorCode::None);
        member
    }

    /// A stable group of this many members, the leader first.
    pub fn stable_group(&mut self, members: usize) -> Vec<Joined> {
        let leader = self.join_alone();
        let others: Vec<Ticket> = (1..members).map(|_| self.send_join(join_request("", &["t"]), 3)).collect();
        let mut all = vec![Joined { generation: leader.generation, ..leader.clone() }];
        if members > 1 {
            let again = self.join(join_request(&leader.id, &["t"]), 3);
            all[0].generation = again.generation_id;
        }
        for ticket in others {
            let answer = self.joined(ticket);
            all.push(Joined { id: answer.member_id, generation: answer.generation_id });
        }
        let assignments: Vec<(Text, String)> = all.iter().map(|m| (m.id.clone(), format!("of {}", m.id))).collect();
        let given: Vec<(&str, &str)> = assignments.iter().map(|(id, what)| (&**id, what.as_str())).collect();
        let leader = all[0].clone();
        assert_eq!(error(self.sync(&leader, &given).error_code), ErrorCode::None);
        for member in &all[1..] {
            assert_eq!(error(self.sync(member, &[]).error_code), ErrorCode::None);
        }
        all
    }

    pub fn sync_request(member: &Joined, assignments: &[(&str, &str)]) -> SyncGroupRequest {
        let given = |(id, what): &(&str, &str)| SyncGroupRequestAssignment {
            member_id: (*id).into(),
            assignment: Bytes::copy_from_slice(what.as_bytes()),
            ..Default::default()
        };
        SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: member.generation,
            member_id: member.id.clone(),
            assignments: assignments.iter().map(given).collect(),
            ..Default::default()
        }
    }

    pub fn send_sync(&mut self, member: &Joined, assignments: &[(&str, &str)]) -> Ticket {
        let request = Coordinator::sync_request(member, assignments);
        // The last version in which a member need not say which protocol it speaks.
        self.send(Request::SyncGroup { request, version: 4 })
    }

    pub fn synced(&mut self, ticket: Ticket) -> SyncGroupResponse {
        match self.answer(ticket) {
            Reply::SyncGroup(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub fn sync(&mut self, member: &Joined, assignments: &[(&str, &str)]) -> SyncGroupResponse {
        let ticket = self.send_sync(member, assignments);
        self.synced(ticket)
    }

    pub fn beat(&mut self, member: &Joined) -> ErrorCode {
        self.beat_as(member, None)
    }

    pub fn beat_as(&mut self, member: &Joined, instance: Option<&str>) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: member.generation,
            member_id: member.id.clone(),
            group_instance_id: instance.map(Text::from),
            ..Default::default()
        };
        match self.ask(Request::Heartbeat { request, version: 4 }) {
            Reply::Heartbeat(answer) => error(answer.error_code),
            other => panic!("{other:?}"),
        }
    }

    pub fn leave(&mut self, members: &[(&str, Option<&str>)]) -> LeaveGroupResponse {
        let member = |(id, instance): &(&str, Option<&str>)| MemberIdentity {
            member_id: (*id).into(),
            group_instance_id: instance.map(Text::from),
            ..Default::default()
        };
        let members = members.iter().map(member).collect();
        self.leave_with(LeaveGroupRequest { group_id: GROUP.into(), members, ..Default::default() }, 5)
    }

    pub fn leave_with(&mut self, request: LeaveGroupRequest, version: i16) -> LeaveGroupResponse {
        match self.ask(Request::LeaveGroup { request, version }) {
            Reply::LeaveGroup(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// One error for each member that leaves.
    pub fn leave_errors(&mut self, members: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
        self.leave(members).members.iter().map(|member| error(member.error_code)).collect()
    }

    pub fn describe(&mut self) -> DescribedGroup {
        self.describe_version(GROUP, 5)
    }

    pub fn describe_version(&mut self, group: &str, version: i16) -> DescribedGroup {
        match self.ask(Request::DescribeGroups { groups: vec![group.into()], version }) {
            Reply::DescribeGroups(mut groups) => groups.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub fn state(&mut self) -> String {
        self.describe().group_state.to_string()
    }

    pub fn list(&mut self, states: &[&str], types: &[&str]) -> Vec<ListedGroup> {
        let texts = |words: &[&str]| words.iter().map(|word| Text::from(*word)).collect();
        let request =
            ListGroupsRequest { states_filter: texts(states), types_filter: texts(types), ..Default::default() };
        match self.ask(Request::ListGroups { request }) {
            Reply::ListGroups(answer) => answer.groups,
            other => panic!("{other:?}"),
        }
    }

    pub fn delete_group(&mut self, group: &str) -> ErrorCode {
        match self.ask(Request::DeleteGroups(vec![group.into()])) {
            Reply::DeleteGroups(results) => error(results[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    /// Commits as a member, or with a generation of -1 as nobody in particular.
    pub fn commit(&mut self, member: &Joined, topic: &str, partition: i32, offset: i64) -> ErrorCode {
        let answer = self.commit_with(commit_request(member, topic, partition, offset), 9);
        error(answer.topics[0].partitions[0].error_code)
    }

    pub fn commit_with(&mut self, request: OffsetCommitRequest, version: i16) -> OffsetCommitResponse {
        match self.ask(Request::OffsetCommit { request, version }) {
            Reply::OffsetCommit(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// An administrator's commit.
    pub fn commit_alone(&mut self, topic: &str, partition: i32, offset: i64) -> ErrorCode {
        self.commit(&nobody(), topic, partition, offset)
    }

    pub fn fetch(&mut self, topic: &str, partition: i32) -> OffsetFetchResponsePartitions {
        let topics = vec![OffsetFetchRequestTopics {
            name: topic.into(),
            partition_indexes: vec![partition],
            ..Default::default()
        }];
        let group = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: Some(topics), ..Default::default() };
        self.fetch_with(group, 8).topics[0].partitions[0].clone()
    }

    pub fn committed(&mut self, topic: &str, partition: i32) -> i64 {
        self.fetch(topic, partition).committed_offset
    }

    pub fn fetch_with(&mut self, group: OffsetFetchRequestGroup, version: i16) -> OffsetFetchResponseGroup {
        match self.ask(Request::OffsetFetch { group, require_stable: false, version }) {
            Reply::OffsetFetch(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Everything that the group has committed.
    pub fn fetch_all(&mut self) -> Vec<(String, i32, i64)> {
        let group = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: None, ..Default::default() };
        let topics = self.fetch_with(group, 8).topics;
        let rows = topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|p| (topic.name.to_string(), p.partition_index, p.committed_offset))
        });
        rows.collect()
    }
}

/// Who commits without being a member.
pub fn nobody() -> Joined {
    Joined { id: Text::default(), generation: -1 }
}

pub fn commit_request(member: &Joined, topic: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: offset,
        committed_leader_epoch: 7,
        committed_metadata: Some("note".into()),
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: GROUP.into(),
        generation_id_or_member_epoch: member.generation,
        member_id: member.id.clone(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}
