//! JoinGroup: who may come in, under which id.

use super::member::Member;
use super::motion::{State, Trigger};
use super::protocols::{are_same, kept};
use super::view::ClassicView;
use crate::group::Client;
use crate::group::failure::join_failure;
use crate::group::machine::Reply;
use crate::group::why::Cause;
use bytes::Bytes;
use model::state_machine::Ticket;
use model::{ErrorCode, Uuid, mark};
use protocol::Text;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use std::time::Duration;

/// A JoinGroup and who sent it.
#[derive(Debug)]
pub(crate) struct Joining {
    pub ticket: Ticket,
    pub request: JoinGroupRequest,
    pub version: i16,
    pub client: Client,
}

/// From this version on a member learns its id before it joins (KIP-394), so that a join whose answer was lost leaves
/// no member behind.
const ID_COMES_FIRST: i16 = 4;
/// From this version on a static leader may be told that the assignment stands (KIP-814).
const MAY_SKIP_ASSIGNMENT: i16 = 9;
/// Client ids are cut so that a member id fits into any version's string.
const LONGEST_NAME: usize = 32_000;

impl Joining {
    pub fn may_skip_assignment(&self) -> bool {
        self.version >= MAY_SKIP_ASSIGNMENT
    }

    pub fn rebalance_timeout(&self) -> Duration {
        let asked = if self.version == 0 { self.request.session_timeout_ms } else { self.request.rebalance_timeout_ms };
        milliseconds(asked)
    }

    /// The member that asks, its request waiting.
    fn member(&self, now: model::state_machine::Now) -> Member {
        Member {
            instance: self.request.group_instance_id.as_ref().map(Text::detached),
            client: Client { id: self.client.id.detached(), host: self.client.host.detached() },
            rebalance_timeout: self.rebalance_timeout(),
            session_timeout: milliseconds(self.request.session_timeout_ms),
            protocols: kept(&self.request.protocols),
            assignment: Bytes::new(),
            epoch: None,
            joining: Some((self.ticket, self.version)),
            syncing: None,
            synced: false,
            is_new: true,
            heard: now,
            armed: None,
        }
    }
}

/// An id in the form `8-4-4-4-12`, as members of classic groups have it in their names.
fn dashed(id: Uuid) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(id.0));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

pub(super) fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

impl ClassicView<'_> {
    pub fn join(&mut self, joining: Joining) {
        let id = joining.request.member_id.clone();
        let error = if !self.has_room_for(&id) {
            mark!("a classic group was full");
            self.group.promised.remove(&id);
            ErrorCode::GroupMaxSizeReached
        } else if !self.group.supports(&joining.request.protocol_type, &joining.request.protocols) {
            ErrorCode::InconsistentGroupProtocol
        } else if id.is_empty() {
            return self.join_as_somebody_new(joining);
        } else if self.group.promised.remove(&id).is_some() {
            return self.add_member(joining, id.detached());
        } else {
            return self.join_again(joining);
        };
        let named = if error == ErrorCode::GroupMaxSizeReached { Text::default() } else { id };
        self.refuse_join(joining.ticket, joining.version, named, error);
    }

    /// While members join it counts who has: after `group.max.size` went down the last ones to come stay outside.
    fn has_room_for(&self, id: &Text) -> bool {
        let limit = self.settings().max_size;
        let present = self.group.members.get(id);
        match self.group.state {
            State::Empty => true,
            State::PreparingRebalance => {
                present.is_some_and(|member| member.joining.is_some()) || self.group.joining < limit
            }
            State::CompletingRebalance | State::Stable => present.is_some() || self.group.members.len() < limit,
        }
    }

    fn join_as_somebody_new(&mut self, joining: Joining) {
        let instance = joining.request.group_instance_id.clone();
        let id = self.new_member_id(instance.as_ref().unwrap_or(&joining.client.id));
        let present = instance.as_ref().and_then(|instance| self.group.instances.get(instance)).cloned();
        match (instance, present) {
            (Some(_), Some(old)) => self.replace_static_member(joining, old, id),
            (None, _) if joining.version >= ID_COMES_FIRST => self.promise_id(joining, id),
            _ => self.add_member(joining, id),
        }
    }

    fn new_member_id(&mut self, name: &Text) -> Text {
        let end = (0..=name.len().min(LONGEST_NAME)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        Text::from(format!("{}-{}", &name[..end], dashed(self.dice.id(|_| false))))
    }

    pub(super) fn add_member(&mut self, joining: Joining, id: Text) {
        let member = joining.member(self.now);
        let trigger =
            Trigger::new(Cause::MemberJoined, &id, &member.client.id).because(joining.request.reason.as_ref());
        if let Some(gathering) = &mut self.group.gathering {
            gathering.has_newcomers = true;
        }
        if self.group.members.is_empty() {
            self.group.protocol_type = Some(joining.request.protocol_type.detached());
        }
        self.note_joined(&id, &member.client.id.clone());
        self.group.insert(id.clone(), member);
        self.arm_session(&id);
        self.rebalance(trigger);
    }

    /// A member comes again: because it was told to, because it wants something else, or because it has not heard the
    /// answer.
    fn join_again(&mut self, joining: Joining) {
        let id = joining.request.member_id.clone();
        if let Err(error) = self.group.check_member(&id, joining.request.group_instance_id.as_deref()) {
            return self.refuse_join(joining.ticket, joining.version, id, error);
        }
        let member = &self.group.members[&id];
        let (leads, is_same) = (self.group.is_leader(&id), are_same(member, &joining.request.protocols));
        let cause = match (is_same, self.group.lost_generation) {
            (false, _) => Cause::SubscriptionChanged,
            (true, true) => Cause::CoordinatorMoved,
            (true, false) => Cause::LeaderAsked,
        };
        let trigger = Trigger::new(cause, &id, &member.client.id.clone()).because(joining.request.reason.as_ref());
        match self.group.state {
            // Whoever leads may know of topics that have changed, which no subscription shows.
            State::Stable if is_same && !leads => self.answer_with_generation(joining.ticket, &id),
            State::CompletingRebalance if is_same => self.answer_with_generation(joining.ticket, &id),
            State::Empty => self.refuse_join(joining.ticket, joining.version, id, ErrorCode::UnknownMemberId),
            _ => {
                self.update_member(&id, &joining);
                self.rebalance(trigger);
            }
        }
    }

    /// Takes over what a known member says now; its request waits.
    pub(super) fn update_member(&mut self, id: &Text, joining: &Joining) {
        let Some(mut member) = self.group.members.remove(id) else { return };
        self.group.count_support(&member, false);
        member.protocols = kept(&joining.request.protocols);
        member.rebalance_timeout = joining.rebalance_timeout();
        member.session_timeout = milliseconds(joining.request.session_timeout_ms);
        let before = member.joining.replace((joining.ticket, joining.version));
        let client = member.client.id.clone();
        self.group.count_support(&member, true);
        self.group.members.insert(id.clone(), member);
        match before {
            None => self.group.joining += 1,
            Some((ticket, version)) => {
                mark!("a member joined while its join waits");
                self.refuse_join(ticket, version, id.clone(), ErrorCode::RebalanceInProgress);
            }
        }
        self.note_joined(id, &client);
    }

    /// The present generation, without a new one.
    pub(super) fn answer_with_generation(&mut self, ticket: Ticket, id: &Text) {
        let is_told = self.group.state == State::CompletingRebalance && self.group.is_leader(id);
        let members = if is_told { self.members_for_leader() } else { Vec::new() };
        let answer = self.generation_for(id, members);
        self.heard_of(id);
        self.reply(ticket, Reply::JoinGroup(answer));
    }

    pub(super) fn generation_for(&self, id: &Text, members: Vec<JoinGroupResponseMember>) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.group.generation,
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: Some(self.group.protocol.clone().unwrap_or_default()),
            leader: self.group.leader.clone().unwrap_or_default(),
            member_id: id.clone(),
            members,
            ..Default::default()
        }
    }

    pub(super) fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.group.protocol.clone().unwrap_or_default();
        let row = |(id, member): (&Text, &Member)| JoinGroupResponseMember {
            member_id: id.clone(),
            group_instance_id: member.instance.clone(),
            metadata: member.metadata(&protocol),
            ..Default::default()
        };
        self.group.members.iter().map(row).collect()
    }

    pub(super) fn refuse_join(&mut self, ticket: Ticket, version: i16, id: Text, error: ErrorCode) {
        self.reply(ticket, Reply::JoinGroup(join_failure(version, id, error as i16)));
    }
}
