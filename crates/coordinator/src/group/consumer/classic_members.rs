//! Members of the classic protocol in a consumer group: they join, sync, beat and leave as ever, and are brought to the
//! same targets. A group changes its protocol member by member this way (KIP-848).

use super::draft::Draft;
use super::embedded::{self, CONSUMER};
use super::history::Reason;
use super::member::{ClassicProfile, Current, Member, Profile, State, in_order};
use super::refusal::Refusal;
use super::state::ConsumerGroup;
use crate::group::failure::join_failure;
use crate::group::machine::{Client, Reply};
use crate::group::view::View;
use crate::group::why::Cause;
use bytes::Bytes;
use model::ErrorCode;
use model::state_machine::{Instant, Ticket};
use protocol::Text;
use protocol::messages::heartbeat::HeartbeatRequest;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use protocol::messages::leave_group::MemberIdentity;
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use protocol::payloads::ConsumerProtocolSubscription;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// From this version of JoinGroup on a member learns its id before it joins (KIP-394).
const ID_COMES_FIRST: i16 = 4;

impl View<'_> {
    /// JoinGroup of a group that is a consumer group.
    pub(crate) fn join_consumer_group(
        &mut self,
        ticket: Ticket,
        mut request: JoinGroupRequest,
        version: i16,
        client: &Client,
    ) {
        let response = match self.join_as_classic(&mut request, version, client) {
            Ok(response) => response,
            Err(refusal) => join_failure(version, request.member_id, refusal.error.code()),
        };
        self.reply(ticket, Reply::JoinGroup(response));
    }

    fn join_as_classic(
        &mut self,
        request: &mut JoinGroupRequest,
        version: i16,
        client: &Client,
    ) -> Result<JoinGroupResponse, Refusal> {
        let group = self.consumer_group(&request.group_id)?;
        let mut draft = Draft::of(&request.group_id, group);
        self.check_room(&draft, &request.member_id, request.group_instance_id.as_ref())?;
        let subscription = readable(request, group)?;
        let is_unknown = request.member_id.is_empty();
        if is_unknown {
            request.member_id = self.soft.dice.id(|_| false).to_string().into();
            if version >= ID_COMES_FIRST && request.group_instance_id.is_none() {
                return Err(Refusal::new(ErrorCode::MemberIdRequired, "join again with this id"));
            }
        }
        let id = request.member_id.clone();
        let before = find_member(&mut draft, request, is_unknown)?;
        let profile = profile(&before.profile, request, &subscription, client);
        let change = self.change_member(&mut draft, &id, before, profile)?;
        let owned = embedded::owned(&subscription, &self.world.image);
        let change = self.move_on(&mut draft, change, Some(&owned));
        self.finish_rebalance(&mut draft, &id, &change.after);
        self.hear_of(&draft.id, &id, &change.after);
        let synced_by = self.now.monotonic + rebalance_timeout(&change.after);
        self.wait_for(&draft.id, &id, |session| {
            (session.revoked_by, session.joined_by, session.synced_by) = (None, None, Some(synced_by));
        });
        if self.should_be_classic(draft.group(), &[]) {
            self.downgrade(draft, &[], &id, &client.id);
        } else {
            self.out.records.extend(draft.into_records());
        }
        Ok(JoinGroupResponse {
            generation_id: change.after.current.epoch,
            protocol_type: Some(Text::from_static(CONSUMER)),
            protocol_name: Some(change.after.profile.protocol().cloned().unwrap_or_default()),
            member_id: id,
            ..Default::default()
        })
    }

    /// SyncGroup of a group that is a consumer group: there is no leader to wait for.
    pub(crate) fn sync_consumer_group(&mut self, ticket: Ticket, request: &SyncGroupRequest) {
        let response = match self.sync_as_classic(request) {
            Ok(assignment) => SyncGroupResponse {
                protocol_type: request.protocol_type.clone(),
                protocol_name: request.protocol_name.clone(),
                assignment,
                ..Default::default()
            },
            Err(refusal) => SyncGroupResponse { error_code: refusal.error.code(), ..Default::default() },
        };
        self.reply(ticket, Reply::SyncGroup(response));
    }

    fn sync_as_classic(&mut self, request: &SyncGroupRequest) -> Result<Bytes, Refusal> {
        let id = &request.group_id;
        let group = self.consumer_group(id)?;
        let (member_id, instance) = (&request.member_id, request.group_instance_id.as_ref());
        let (member, classic) = classic_member(group, member_id, instance)?;
        check_generation(member, request.generation_id)?;
        let differs = |asked: &Option<Text>, own: &str| asked.as_ref().is_some_and(|asked| *asked != *own);
        let protocol = member.profile.protocol().map_or("", |name| name.as_str());
        if differs(&request.protocol_type, CONSUMER) || differs(&request.protocol_name, protocol) {
            return Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, "the group speaks another protocol"));
        }
        if group.assignment_epoch > member.current.epoch && member.current.state != State::Revoking {
            self.expect_join(id, member_id, member);
            return Err(Refusal::new(ErrorCode::RebalanceInProgress, "join again"));
        }
        let assignment = embedded::assignment_for(classic, &member.current.assigned.assignment(), &self.world.image);
        self.hear_of(id, member_id, member);
        self.wait_for(id, member_id, |session| session.synced_by = None);
        Ok(assignment)
    }

    /// Heartbeat of a group that is a consumer group.
    pub(crate) fn beat_consumer_group(&mut self, request: &HeartbeatRequest) -> ErrorCode {
        self.beat_as_classic(request).map_or_else(|refusal| refusal.error, |()| ErrorCode::None)
    }

    fn beat_as_classic(&mut self, request: &HeartbeatRequest) -> Result<(), Refusal> {
        let id = &request.group_id;
        let group = self.consumer_group(id)?;
        let (member_id, instance) = (&request.member_id, request.group_instance_id.as_ref());
        let (member, _) = classic_member(group, member_id, instance)?;
        check_generation(member, request.generation_id)?;
        self.hear_of(id, member_id, member);
        let is_target_due = self.is_target_due(id, group.epoch, group.assignment_epoch);
        let must_join = match member.current.state {
            _ if member.current.epoch < group.assignment_epoch => true,
            // Its join makes the next target. Before the time for one it would only stop consuming.
            _ if is_target_due => true,
            State::Revoking => true,
            // Only once all that it waits for is free: joining stops a classic member from consuming.
            State::Waiting => !waits_for_others(group, member_id, &member.current),
            State::Stable | State::Unknown => false,
        };
        if must_join {
            self.expect_join(id, member_id, member);
            return Err(Refusal::new(ErrorCode::RebalanceInProgress, "join again"));
        }
        Ok(())
    }

    /// The member was told to join again, and is given its rebalance timeout to do so.
    fn expect_join(&mut self, group: &Text, id: &Text, member: &Member) {
        let joined_by = self.now.monotonic + rebalance_timeout(member);
        let first = |before: Option<Instant>| before.unwrap_or(joined_by);
        self.wait_for(group, id, |session| session.joined_by = Some(first(session.joined_by)));
    }

    /// LeaveGroup of a group that is a consumer group: the outcome for each member that is named.
    pub(crate) fn leave_consumer_group_as_classic(&mut self, id: &Text, members: &[MemberIdentity]) -> Vec<ErrorCode> {
        let Ok(group) = self.consumer_group(id) else { return vec![ErrorCode::UnknownMemberId; members.len()] };
        let mut leaving: Vec<Text> = Vec::new();
        let mut reason = None;
        let mut outcomes = Vec::new();
        for named in members {
            let outcome = leaves(group, named).and_then(|(id, member)| {
                if leaving.contains(&id) {
                    return Err(ErrorCode::UnknownMemberId);
                }
                reason.get_or_insert_with(|| Reason {
                    detail: named.reason.as_ref().map(Text::detached).unwrap_or_default(),
                    ..Reason::new(Cause::MemberLeft, &id, &member.profile.client_id)
                });
                leaving.push(id);
                Ok(())
            });
            outcomes.push(outcome.err().unwrap_or(ErrorCode::None));
        }
        if let Some(reason) = reason {
            self.take_out(id, group, &leaving, reason);
        }
        outcomes
    }
}

fn rebalance_timeout(member: &Member) -> Duration {
    Duration::from_millis(u64::try_from(member.profile.rebalance_timeout_ms).unwrap_or(0))
}

/// What the member subscribes to. It must speak a protocol that all classic members of the group speak.
fn readable(request: &JoinGroupRequest, group: &ConsumerGroup) -> Result<ConsumerProtocolSubscription, Refusal> {
    let names: BTreeSet<&Text> = request.protocols.iter().map(|protocol| &protocol.name).collect();
    let is_spoken = |name: &&Text| {
        let classic = group.members().values().filter_map(|member| member.profile.classic.as_ref());
        classic.into_iter().all(|classic| classic.protocols.iter().any(|(other, _)| other == *name))
    };
    let first = request.protocols.first().and_then(|protocol| embedded::subscription(&protocol.metadata));
    let fits = request.protocol_type == CONSUMER && names.iter().any(is_spoken);
    first.filter(|_| fits).ok_or_else(|| {
        Refusal::new(ErrorCode::InconsistentGroupProtocol, "the member speaks none of the group's protocols")
    })
}

fn find_member(draft: &mut Draft<'_>, request: &JoinGroupRequest, is_unknown: bool) -> Result<Member, Refusal> {
    let group = draft.group();
    let found = |id: &str| group.member(id).map(|member| Member::clone(member)).unwrap_or_default();
    let Some(instance_id) = &request.group_instance_id else { return Ok(found(&request.member_id)) };
    match group.static_member(instance_id).cloned() {
        None if is_unknown => Ok(Member::default()),
        None => Err(super::heartbeat::unknown_member(instance_id)),
        Some(holder) if holder == request.member_id => Ok(found(&holder)),
        Some(holder) if is_unknown => {
            let member = found(&holder);
            Ok(draft.replace_member(&holder, &request.member_id, member))
        }
        Some(holder) => Err(super::heartbeat::fenced_instance(instance_id, &holder)),
    }
}

fn profile(
    before: &Profile,
    request: &JoinGroupRequest,
    subscription: &ConsumerProtocolSubscription,
    client: &Client,
) -> Profile {
    let protocol = |protocol: &JoinGroupRequestProtocol| (protocol.name.clone(), protocol.metadata.clone());
    let classic = ClassicProfile {
        session_timeout_ms: request.session_timeout_ms,
        protocols: request.protocols.iter().map(protocol).collect(),
    };
    let asked = request.rebalance_timeout_ms;
    Profile {
        instance_id: request.group_instance_id.clone().or_else(|| before.instance_id.clone()),
        rack_id: subscription.rack_id.clone().or_else(|| before.rack_id.clone()),
        client_id: client.id.clone(),
        client_host: client.host.clone(),
        topics: in_order(&subscription.topics).into(),
        pattern: Text::default(),
        // The first version of JoinGroup has one timeout for both.
        rebalance_timeout_ms: if asked < 0 { request.session_timeout_ms } else { asked },
        assignor: before.assignor.clone(),
        classic: Some(Arc::new(classic)),
    }
}

/// The classic member that a request is of.
fn classic_member<'a>(
    group: &'a ConsumerGroup,
    id: &Text,
    instance_id: Option<&Text>,
) -> Result<(&'a Arc<Member>, &'a Arc<ClassicProfile>), Refusal> {
    if let Some(instance_id) = instance_id {
        match group.static_member(instance_id) {
            None => return Err(super::heartbeat::unknown_member(instance_id)),
            Some(holder) if holder != id => return Err(super::heartbeat::fenced_instance(instance_id, holder)),
            Some(_) => {}
        }
    }
    let member = group.member(id).and_then(|member| Some((member, member.profile.classic.as_ref()?)));
    member.ok_or_else(|| super::heartbeat::unknown_member(id))
}

fn check_generation(member: &Member, generation: i32) -> Result<(), Refusal> {
    if member.current.epoch == generation {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::IllegalGeneration, "the member is in another generation"))
}

/// Whether somebody else still holds what this member is to own.
fn waits_for_others(group: &ConsumerGroup, id: &Text, current: &Current) -> bool {
    let lacking = group.target(id).iter().filter(|(topic, partition)| !current.assigned.contains(*topic, *partition));
    lacking.into_iter().any(|(topic, partition)| group.owner(topic, partition).is_some_and(|owner| owner != id))
}

/// The member that a LeaveGroup names, of either protocol: an administrator removes whom it likes. It may name the
/// instance alone.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID`, and `FENCED_INSTANCE_ID` when another member has the instance.
fn leaves<'a>(group: &'a ConsumerGroup, named: &MemberIdentity) -> Result<(Text, &'a Member), ErrorCode> {
    let id = match &named.group_instance_id {
        None => named.member_id.clone(),
        Some(instance_id) => {
            let holder = group.static_member(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
            if !named.member_id.is_empty() && named.member_id != *holder {
                return Err(ErrorCode::FencedInstanceId);
            }
            holder.clone()
        }
    };
    let member = group.member(&id).ok_or(ErrorCode::UnknownMemberId)?;
    Ok((id, member))
}
