//! One classic group: rounds end when every member has joined, and nobody is ever missed.

use super::serve::{Ask, Then};
use super::world::World;
use bytes::Bytes;
use model::ErrorCode;
use protocol::Text;
use protocol::messages::join_group::JoinGroupResponseMember;
use protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use runtime::sync::oneshot;
use std::collections::BTreeMap;

/// The group.
#[derive(Default)]
pub struct ClassicGroup {
    pub generation: i32,
    pub members: BTreeMap<String, Member>,
    /// Whether a round is under way.
    pub preparing: bool,
    ids_given: usize,
    leader: String,
    protocol: String,
    assignments: Option<BTreeMap<String, Bytes>>,
}

/// A member.
#[derive(Default)]
pub struct Member {
    pub instance: Option<Text>,
    protocols: Vec<(String, Bytes)>,
    joining: Option<oneshot::Sender<JoinGroupResponse>>,
    syncing: Option<oneshot::Sender<SyncGroupResponse>>,
}

impl ClassicGroup {
    /// Begins a round: heartbeats are told of it.
    pub fn rebalance(&mut self) {
        self.preparing = true;
        self.assignments = None;
        for member in self.members.values_mut() {
            if let Some(syncing) = member.syncing.take() {
                let error_code = ErrorCode::RebalanceInProgress.code();
                let _ = syncing.send(SyncGroupResponse { error_code, ..Default::default() }); // it may be gone
            }
        }
    }

    /// Takes a member for gone.
    pub fn expel(&mut self, id: &str) {
        self.members.remove(id).expect("a member");
        self.rebalance();
        self.end_round();
    }

    /// The ids of its members.
    pub fn ids(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    fn check(&self, member: &str, generation: i32) -> ErrorCode {
        match self.members.contains_key(member) {
            false => ErrorCode::UnknownMemberId,
            true if generation != self.generation => ErrorCode::IllegalGeneration,
            true => ErrorCode::None,
        }
    }

    /// When everybody is there the round ends.
    fn end_round(&mut self) {
        if self.members.is_empty() || self.members.values().any(|member| member.joining.is_none()) {
            return;
        }
        self.preparing = false;
        self.generation += 1;
        let first = self.members.keys().next().expect("somebody").clone();
        if !self.members.contains_key(&self.leader) {
            self.leader = first;
        }
        let all = |name: &String| self.members.values().all(|m| m.protocols.iter().any(|(other, _)| other == name));
        let offered = self.members[&self.leader].protocols.iter().map(|(name, _)| name.clone());
        self.protocol = offered.into_iter().find(all).expect("something in common");
        let told: Vec<JoinGroupResponseMember> = self.members.iter().map(|(id, m)| self.told(id, m)).collect();
        for (id, member) in &mut self.members {
            let answer = JoinGroupResponse {
                generation_id: self.generation,
                protocol_type: Some("consumer".into()),
                protocol_name: Some(self.protocol.as_str().into()),
                leader: self.leader.as_str().into(),
                member_id: id.as_str().into(),
                members: if *id == self.leader { told.clone() } else { Vec::new() },
                ..Default::default()
            };
            let _ = member.joining.take().expect("everybody has joined").send(answer); // it may be gone
        }
    }

    fn told(&self, id: &str, member: &Member) -> JoinGroupResponseMember {
        let metadata = member.protocols.iter().find(|(name, _)| *name == self.protocol).expect("common to all");
        JoinGroupResponseMember {
            member_id: id.into(),
            group_instance_id: member.instance.clone(),
            metadata: metadata.1.clone(),
            ..Default::default()
        }
    }
}

impl World {
    pub fn join_group(&mut self, ask: &Ask, request: JoinGroupRequest) -> Then<JoinGroupResponse> {
        if ask.node != self.coordinating() {
            return Then::Answer(Self::refuse_join(ErrorCode::NotCoordinator));
        }
        let group = &mut self.group;
        let mut id = request.member_id.to_string();
        if id.is_empty() {
            group.ids_given += 1;
            id = format!("member-{}", group.ids_given);
            let known = request.group_instance_id.is_some();
            // A static member takes the place of the one that it was.
            group.members.retain(|_, member| !known || member.instance != request.group_instance_id);
            group.members.entry(id.clone()).or_default().instance = request.group_instance_id;
            if ask.version >= 4 && !known {
                let answer =
                    JoinGroupResponse { member_id: id.into(), ..Self::refuse_join(ErrorCode::MemberIdRequired) };
                return Then::Answer(answer);
            }
        } else if !group.members.contains_key(&id) {
            return Then::Answer(Self::refuse_join(ErrorCode::UnknownMemberId));
        }
        let (told, answer) = oneshot::channel();
        let member = group.members.get_mut(&id).expect("just looked at");
        member.protocols = request.protocols.iter().map(|p| (p.name.to_string(), p.metadata.clone())).collect();
        member.joining = Some(told);
        group.rebalance();
        group.end_round();
        Then::Later(answer)
    }

    pub fn refuse_join(error: ErrorCode) -> JoinGroupResponse {
        JoinGroupResponse { error_code: error.code(), protocol_name: None, ..Default::default() }
    }

    pub fn sync_group(&mut self, ask: &Ask, request: SyncGroupRequest) -> Then<SyncGroupResponse> {
        let refuse = |error: ErrorCode| SyncGroupResponse { error_code: error.code(), ..Default::default() };
        if ask.node != self.coordinating() {
            return Then::Answer(refuse(ErrorCode::NotCoordinator));
        }
        let group = &mut self.group;
        match group.check(&request.member_id, request.generation_id) {
            ErrorCode::None if group.preparing => return Then::Answer(refuse(ErrorCode::RebalanceInProgress)),
            ErrorCode::None => {}
            error => return Then::Answer(refuse(error)),
        }
        let (told, answer) = oneshot::channel();
        group.members.get_mut(&*request.member_id).expect("checked").syncing = Some(told);
        if request.member_id == *group.leader {
            let given = request.assignments.iter().map(|a| (a.member_id.to_string(), a.assignment.clone()));
            group.assignments = Some(given.collect());
        }
        if let Some(given) = &group.assignments {
            for (id, member) in &mut group.members {
                let assignment = given.get(id).cloned().unwrap_or_default();
                if let Some(syncing) = member.syncing.take() {
                    let _ = syncing.send(SyncGroupResponse { assignment, ..Default::default() }); // it may be gone
                }
            }
        }
        Then::Later(answer)
    }

    pub fn heartbeat(&mut self, ask: &Ask, request: &HeartbeatRequest) -> HeartbeatResponse {
        let error = match self.group.check(&request.member_id, request.generation_id) {
            _ if ask.node != self.coordinating() => ErrorCode::NotCoordinator,
            ErrorCode::None if self.group.preparing => ErrorCode::RebalanceInProgress,
            error => error,
        };
        HeartbeatResponse { error_code: error.code(), ..Default::default() }
    }

    pub fn leave_group(&mut self, _: &Ask, request: &LeaveGroupRequest) -> LeaveGroupResponse {
        for member in &request.members {
            if self.group.members.contains_key(&*member.member_id) {
                self.group.expel(&member.member_id);
            }
        }
        LeaveGroupResponse::default()
    }
}
