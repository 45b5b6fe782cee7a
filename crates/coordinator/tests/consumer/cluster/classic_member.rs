//! What a client of the classic protocol believes: an eager consumer, which gives up everything before it joins again.

use super::coordinator::{Coordinator, GROUP};
use super::member::Partition;
use bytes::Bytes;
use coordinator::group::{Client, Reply, Request};
use model::ErrorCode;
use model::state_machine::{Instant, Ticket};
use protocol::messages::heartbeat::HeartbeatRequest;
use protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};
use protocol::messages::leave_group::LeaveGroupRequest;
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use protocol::payloads::consumer_protocol_assignment::TopicPartition;
use protocol::payloads::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::{Message, Reader, Text, Writer};
use std::collections::{BTreeMap, BTreeSet};

pub struct ClassicMember {
    /// For people; the coordinator gives it its member id.
    pub name: String,
    pub id: String,
    pub topics: Vec<String>,
    /// Below 0 when it has to join.
    pub generation: i32,
    pub owned: BTreeSet<Partition>,
    /// When it was last told that all is well.
    pub heard: Option<Instant>,
    /// Its request that waits.
    pub waiting: Option<Ticket>,
    /// The coordinator moved since it asked to join: a generation that was still to be given an assignment is forgotten.
    pub may_be_forgotten: bool,
    /// It was refused as one of another generation, though it did all that it was told.
    pub is_put_out: bool,
}

impl ClassicMember {
    pub fn new(name: String, topics: Vec<String>) -> ClassicMember {
        let (id, owned) = (String::new(), BTreeSet::new());
        let (waiting, heard) = (None, None);
        ClassicMember {
            name,
            id,
            topics,
            generation: -1,
            owned,
            heard,
            waiting,
            may_be_forgotten: false,
            is_put_out: false,
        }
    }

    /// Does what is next. An answer that is lost leaves it as it was, but for what it does about that.
    pub fn step(&mut self, coordinator: &mut Coordinator, is_lost: bool) {
        if self.waiting.is_none() && self.generation >= 0 {
            return self.beat(coordinator, is_lost);
        }
        if self.waiting.is_none() {
            self.owned.clear();
            self.may_be_forgotten = false;
            let client = Client { id: self.name.as_str().into(), host: "/10.0.0.2".into() };
            let request = self.joining();
            self.waiting = Some(coordinator.send(Request::JoinGroup { request, version: 3, client }));
        }
        // A leader has an answer to give at once.
        while let Some((at, reply)) = self.waiting.and_then(|ticket| coordinator.answer(ticket)) {
            self.waiting = None;
            match reply {
                _ if is_lost => self.generation = -1,
                Reply::JoinGroup(response) => self.joined(coordinator, &response),
                Reply::SyncGroup(response) => self.synced(coordinator, at, &response),
                other => panic!("not what was asked: {other:?}"),
            }
        }
    }

    pub fn leave(&self, coordinator: &mut Coordinator) {
        let request =
            LeaveGroupRequest { group_id: GROUP.into(), member_id: self.id.as_str().into(), ..Default::default() };
        coordinator.ask(Request::LeaveGroup { request, version: 2 });
    }

    fn joining(&self) -> JoinGroupRequest {
        let topics = self.topics.iter().map(|topic| topic.as_str().into()).collect();
        let subscription = ConsumerProtocolSubscription { topics, ..Default::default() };
        let metadata = written(&subscription);
        JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 60_000,
            member_id: self.id.as_str().into(),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata, ..Default::default() }],
            ..Default::default()
        }
    }

    fn joined(&mut self, coordinator: &mut Coordinator, response: &JoinGroupResponse) {
        if response.error_code != 0 {
            return self.failed(ErrorCode::from_wire(response.error_code));
        }
        self.id = response.member_id.to_string();
        self.generation = response.generation_id;
        let leads = response.leader == response.member_id;
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: self.generation,
            member_id: self.id.as_str().into(),
            assignments: if leads { assignments(coordinator, &response.members) } else { Vec::new() },
            ..Default::default()
        };
        self.waiting = Some(coordinator.send(Request::SyncGroup { request, version: 3 }));
    }

    fn synced(&mut self, coordinator: &Coordinator, at: Instant, response: &SyncGroupResponse) {
        if response.error_code != 0 {
            return self.failed(ErrorCode::from_wire(response.error_code));
        }
        let mut reader = Reader::new(response.assignment.clone());
        let Ok(version) = reader.i16() else { return };
        let read = ConsumerProtocolAssignment::decode(&mut reader, version).expect("an assignment");
        let image = &coordinator.world.image;
        for topic in &read.assigned_partitions {
            let Some(found) = image.topic(&topic.topic) else { continue };
            self.owned.extend(topic.partitions.iter().map(|partition| (found.id, *partition)));
        }
        self.heard = Some(at);
    }

    fn beat(&mut self, coordinator: &mut Coordinator, is_lost: bool) {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: self.generation,
            member_id: self.id.as_str().into(),
            ..Default::default()
        };
        let Reply::Heartbeat(response) = coordinator.ask(Request::Heartbeat { request, version: 3 }) else {
            panic!("not what was asked");
        };
        match ErrorCode::from_wire(response.error_code) {
            ErrorCode::None => self.heard = Some(coordinator.now.monotonic),
            _ if is_lost => {}
            error => self.failed(error),
        }
    }

    fn failed(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::UnknownMemberId => self.id.clear(),
            ErrorCode::IllegalGeneration => self.is_put_out = !self.may_be_forgotten,
            ErrorCode::RebalanceInProgress | ErrorCode::InconsistentGroupProtocol => {}
            ErrorCode::CoordinatorNotAvailable => {}
            other => panic!("no such error: {other:?}"),
        }
        self.must_join();
    }

    pub fn must_join(&mut self) {
        self.generation = -1;
        self.owned.clear();
    }
}

/// What a leader assigns: each partition to one of those who subscribe to its topic, in turn.
fn assignments(coordinator: &Coordinator, members: &[JoinGroupResponseMember]) -> Vec<SyncGroupRequestAssignment> {
    let mut subscribers: BTreeMap<Text, Vec<&Text>> = BTreeMap::new();
    for member in members {
        let mut reader = Reader::new(member.metadata.clone());
        let version = reader.i16().expect("a version");
        let read = ConsumerProtocolSubscription::decode(&mut reader, version).expect("a subscription");
        for topic in &read.topics {
            subscribers.entry(topic.clone()).or_default().push(&member.member_id);
        }
    }
    let mut given: BTreeMap<&Text, Vec<TopicPartition>> = members.iter().map(|m| (&m.member_id, Vec::new())).collect();
    let mut turn = 0;
    for (topic, subscribers) in &subscribers {
        let Some(found) = coordinator.world.image.topic(topic) else { continue };
        for (partition, _) in found.numbered_partitions() {
            let owner = subscribers[turn % subscribers.len()];
            turn += 1;
            let partitions = vec![partition];
            given.get_mut(owner).expect("a member").push(TopicPartition { topic: topic.clone(), partitions });
        }
    }
    let assignment = |(member_id, assigned_partitions): (&Text, Vec<TopicPartition>)| SyncGroupRequestAssignment {
        member_id: member_id.clone(),
        assignment: written(&ConsumerProtocolAssignment { assigned_partitions, ..Default::default() }),
        ..Default::default()
    };
    given.into_iter().map(assignment).collect()
}

fn written(message: &impl Message) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(0);
    message.encode(&mut writer, 0).expect("a good message");
    writer.finish_contiguous()
}
