//! A consumer of the random groups: it does what a client does, and forgets nothing that it was told.

use crate::cluster::{Coordinator, client};
use crate::member::*;
use bytes::Bytes;
use coordinator::group::{Reply, Request};
use model::ErrorCode;
use model::state_machine::Ticket;
use protocol::Text;
use protocol::messages::heartbeat::HeartbeatRequest;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

/// Partitions of the topic that the random groups consume.
pub const PARTITIONS: u8 = 4;

/// Where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    Out,
    Joining(Ticket),
    Joined(Generation),
    Syncing(Ticket, Generation),
    In(i32),
    /// Fenced, crashed or stopped.
    Gone,
}

/// A generation that it has joined, with what it gives the others if it leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    pub number: i32,
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

#[derive(Clone, Debug)]
pub struct Process {
    pub instance: Option<Text>,
    pub id: Text,
    pub phase: Phase,
    pub topic: &'static str,
    pub version: i16,
    pub is_paused: bool,
    /// What it owns in its generation.
    pub owns: Vec<u8>,
}

/// What became of a step.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Nothing,
    /// It has asked for its assignment.
    Asked,
    /// This JoinGroup was answered with a place.
    Place(Ticket),
    /// It was given these partitions in this generation.
    Assignment(i32, Vec<u8>),
}

impl Process {
    pub fn new(instance: Option<Text>, version: i16) -> Process {
        Process {
            instance,
            id: Text::default(),
            phase: Phase::Out,
            topic: "t",
            version,
            is_paused: false,
            owns: Vec::new(),
        }
    }

    /// The next thing that a client would do.
    pub fn step(&mut self, cluster: &mut Coordinator) -> Seen {
        match self.phase.clone() {
            Phase::Gone => Seen::Nothing,
            Phase::Out => {
                self.phase = Phase::Joining(self.send_join(cluster));
                Seen::Nothing
            }
            Phase::Joining(ticket) => match cluster.try_answer(ticket) {
                Some(Reply::JoinGroup(answer)) => self.hear_of_join(ticket, answer),
                Some(other) => panic!("{other:?}"),
                None => Seen::Nothing,
            },
            Phase::Joined(generation) => {
                let ticket = self.send_sync(cluster, &generation);
                self.phase = Phase::Syncing(ticket, generation);
                Seen::Asked
            }
            Phase::Syncing(ticket, generation) => match cluster.try_answer(ticket) {
                Some(Reply::SyncGroup(answer)) => {
                    self.hear_of_sync(error(answer.error_code), &answer.assignment, generation)
                }
                Some(other) => panic!("{other:?}"),
                None => Seen::Nothing,
            },
            Phase::In(generation) => {
                let told = self.beat(cluster, generation);
                self.react(told);
                Seen::Nothing
            }
        }
    }

    pub fn send_join(&self, cluster: &mut Coordinator) -> Ticket {
        let request = JoinGroupRequest {
            group_instance_id: self.instance.clone().filter(|_| self.version >= 5),
            ..join_request(&self.id, &[self.topic])
        };
        let name = self.instance.as_deref().unwrap_or("dynamic");
        cluster.send(Request::JoinGroup { request, version: self.version, client: client(name) })
    }

    fn hear_of_join(&mut self, ticket: Ticket, answer: JoinGroupResponse) -> Seen {
        match error(answer.error_code) {
            ErrorCode::None => {
                self.id = answer.member_id.clone();
                let assignments = if answer.skip_assignment { Vec::new() } else { assigned(&answer) };
                self.phase = Phase::Joined(Generation { number: answer.generation_id, assignments });
                return Seen::Place(ticket);
            }
            ErrorCode::MemberIdRequired => {
                self.id = answer.member_id;
                self.phase = Phase::Out;
            }
            other => self.react(other),
        }
        Seen::Nothing
    }

    fn send_sync(&self, cluster: &mut Coordinator, generation: &Generation) -> Ticket {
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: generation.number,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: generation.assignments.clone(),
            ..Default::default()
        };
        cluster.send(Request::SyncGroup { request, version: 5 })
    }

    fn hear_of_sync(&mut self, told: ErrorCode, assignment: &[u8], generation: Generation) -> Seen {
        match told {
            ErrorCode::None => {
                self.phase = Phase::In(generation.number);
                self.owns = assignment.to_vec();
                return Seen::Assignment(generation.number, assignment.to_vec());
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => self.phase = Phase::Joined(generation),
            other => self.react(other),
        }
        Seen::Nothing
    }

    pub fn beat(&self, cluster: &mut Coordinator, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            ..Default::default()
        };
        match cluster.ask(Request::Heartbeat { request, version: 4 }) {
            Reply::Heartbeat(answer) => error(answer.error_code),
            other => panic!("{other:?}"),
        }
    }

    /// What a client does when it is told an error.
    pub fn react(&mut self, told: ErrorCode) {
        match told {
            ErrorCode::None => {}
            ErrorCode::UnknownMemberId => {
                self.id = Text::default();
                self.phase = Phase::Out;
            }
            ErrorCode::FencedInstanceId => self.phase = Phase::Gone,
            _ => self.phase = Phase::Out,
        }
    }
}

/// Every partition to one of the members, in turn.
fn assigned(answer: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
    let count = answer.members.len();
    let shares = answer.members.iter().enumerate().map(|(at, member)| {
        let share: Vec<u8> = (0..PARTITIONS).filter(|partition| usize::from(*partition) % count == at).collect();
        SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: Bytes::from(share),
            ..Default::default()
        }
    });
    shares.collect()
}
