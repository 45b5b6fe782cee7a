//! ConsumerGroupHeartbeat: members join, say what they want, are told what they own, and leave (KIP-848).

use super::draft::Draft;
use super::history::Reason;
use super::member::{AWAY, JOINING, LEAVING, Member, Profile, in_order};
use super::reconcile::Step;
use super::refusal::Refusal;
use super::request;
use super::subscription::subscribes_alike;
use super::target::write_target;
use crate::assignor::Assignment;
use crate::group::machine::{Client, Reply};
use crate::group::view::View;
use crate::group::why::Cause;
use model::state_machine::Ticket;
use model::{ErrorCode, Uuid};
use protocol::Text;
use protocol::messages::consumer_group_heartbeat::{
    Assignment as AssignmentMessage, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use std::time::Duration;

/// What a member's request changed about its group.
pub(super) struct Change {
    /// The member's id.
    pub id: Text,
    /// The member as it was; the default for one that is new.
    pub before: Member,
    /// As it is to be.
    pub after: Member,
    /// Its subscription is another one.
    pub has_new_subscription: bool,
}

impl View<'_> {
    pub(crate) fn consumer_group_heartbeat(
        &mut self,
        ticket: Ticket,
        mut request: ConsumerGroupHeartbeatRequest,
        version: i16,
        client: Client,
    ) {
        let outcome =
            request::check(&request, version, &self.world.settings).and_then(|()| match request.member_epoch {
                LEAVING | AWAY => self.leave_consumer_group(&request),
                _ => self.beat(&mut request, &client),
            });
        let response = outcome.unwrap_or_else(Refusal::response);
        self.reply(ticket, Reply::ConsumerGroupHeartbeat(response));
    }

    fn beat(
        &mut self,
        request: &mut ConsumerGroupHeartbeatRequest,
        client: &Client,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let mut draft = self.open(&request.group_id, request.member_epoch == JOINING)?;
        self.check_room(&draft, &request.member_id, request.instance_id.as_ref())?;
        if request.member_id.is_empty() {
            request.member_id = self.soft.dice.id(|_| false).to_string().into();
        }
        let before = find_member(&mut draft, request)?;
        let profile = profile(&before.profile, request, client);
        let change = self.change_member(&mut draft, &request.member_id, before, profile)?;
        let change = self.move_on(&mut draft, change, request.topic_partitions.as_deref());
        self.finish_rebalance(&mut draft, &change.id, &change.after);
        let response = self.answer(request, &change);
        if draft.is_upgrade {
            self.hand_over(&mut draft);
        }
        self.hear_of(&draft.id, &change.id, &change.after);
        self.expect_revocation(&draft.id, &change.id, &change.after);
        self.out.records.extend(draft.into_records());
        Ok(response)
    }

    /// Whether the group takes one more, or has the member or its last incarnation already.
    pub(super) fn check_room(&self, draft: &Draft<'_>, member: &str, instance: Option<&Text>) -> Result<(), Refusal> {
        let (group, most) = (draft.before(), self.world.settings.consumer_max_size);
        let is_known = group.member(member).is_some() || instance.is_some_and(|id| group.static_member(id).is_some());
        if group.members().len() < most || is_known {
            return Ok(());
        }
        let message =
            format!("the group has {most} members, which is all that it may have: see group.consumer.max.size");
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message))
    }

    /// Writes what is new about a member, and what follows for the group's epoch.
    pub(super) fn change_member(
        &mut self,
        draft: &mut Draft<'_>,
        id: &Text,
        before: Member,
        profile: Profile,
    ) -> Result<Change, Refusal> {
        let old = &before.profile;
        let has_new_names = old.topics != profile.topics;
        let has_new_subscription = has_new_names || old.pattern != profile.pattern;
        let mut wants_assignment = self.change_pattern(draft, &old.pattern, &profile.pattern)?;
        wants_assignment |= has_new_names;
        let is_stale = self.is_stale(draft);
        if is_stale {
            wants_assignment |= self.refresh_patterns(draft);
        }
        let looks_again = is_stale || !subscribes_alike(draft.group(), &[old], Some(&profile));
        let after = Member { profile, current: before.current.clone() };
        let is_member = draft.group().member(id).is_some();
        if !is_member || before.profile != after.profile {
            draft.write_profile(id, &after.profile);
        }
        let cause = match &before.profile.instance_id {
            _ if draft.is_upgrade => Cause::ProtocolMigrated,
            _ if !is_member => Cause::MemberJoined,
            Some(_) if before.current.epoch == JOINING && !has_new_subscription => Cause::MemberReplaced,
            _ if has_new_subscription => Cause::SubscriptionChanged,
            _ => Cause::TopicChanged,
        };
        let reason = match cause {
            Cause::TopicChanged => self.changed_topic(&draft.id),
            cause => Reason::new(cause, id, &after.profile.client_id),
        };
        let change = Change { id: id.clone(), before, after, has_new_subscription };
        self.raise_epoch(draft, reason, wants_assignment, looks_again);
        Ok(change)
    }

    /// Raises the group epoch when members need another assignment.
    fn raise_epoch(&mut self, draft: &mut Draft<'_>, reason: Reason, wants_assignment: bool, looks_again: bool) {
        let (old_epoch, old_hash) = (draft.before().epoch, draft.before().metadata_hash);
        let hash = if looks_again || old_epoch == 0 { self.hash_of(draft) } else { old_hash };
        // A new group is of epoch 1; what its first member subscribes to brings the next.
        let rises = wants_assignment || hash != old_hash;
        let epoch = old_epoch.max(1).saturating_add(i32::from(rises));
        if epoch != old_epoch {
            let id = draft.id.clone();
            let history = self.history_with(draft.before(), &id, epoch, reason);
            draft.write_epoch(epoch, hash, history);
        }
        if looks_again {
            self.has_looked(&draft.id, hash, epoch != old_epoch);
        }
    }

    /// Gives the group another target if it is time for one, and the member its next step towards it.
    pub(super) fn move_on(
        &mut self,
        draft: &mut Draft<'_>,
        mut change: Change,
        owned: Option<&[TopicPartitions]>,
    ) -> Change {
        let world = self.world;
        if self.is_target_due(&draft.id, draft.epoch, draft.before().assignment_epoch) {
            write_target(draft, self.now.wall, &world.image, &world.settings);
            self.consumer_soft(&draft.id).assigned_at = Some(self.now.monotonic);
        }
        let group = draft.for_step();
        let target_epoch = group.assignment_epoch;
        if !change.has_new_subscription && change.after.has_reached(target_epoch) {
            return change;
        }
        let profile = &change.after.profile;
        let subscribes =
            |topic: Uuid| world.image.topic_by_id(topic).is_some_and(|topic| group.subscribes(profile, &topic.name));
        let is_taken = |topic, partition| group.owner(topic, partition).is_some_and(|owner| *owner != change.id);
        let step = Step {
            current: &change.after.current,
            target_epoch,
            target: group.target(&change.id),
            owned,
            subscribes: &subscribes,
            is_taken: &is_taken,
            has_new_subscription: change.has_new_subscription,
        };
        let current = step.take();
        if current != change.after.current {
            draft.write_current(&change.id, &current);
            change.after.current = current;
            self.note_step(&draft.id, &change.id, change.before.current.state, &change.after);
        }
        change
    }

    /// Whether it is time to give a group of this epoch another target.
    pub(super) fn is_target_due(&mut self, id: &Text, epoch: i32, assignment_epoch: i32) -> bool {
        if epoch <= assignment_epoch {
            return false;
        }
        let interval = self.world.settings.consumer_assignment_interval_of(&self.world.image, id);
        let now = self.now.monotonic;
        let last = self.consumer_soft(id).assigned_at;
        // A group without any target waits for nobody.
        assignment_epoch == 0 || interval == Duration::ZERO || last.is_none_or(|last| now >= last + interval)
    }

    fn answer(&self, request: &ConsumerGroupHeartbeatRequest, change: &Change) -> ConsumerGroupHeartbeatResponse {
        let subscribes = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
        let is_full = request.rebalance_timeout_ms != -1 && subscribes && request.topic_partitions.is_some();
        let (before, after) = (&change.before.current, &change.after.current);
        let is_told = request.member_epoch == JOINING || is_full || before.assigned != after.assigned;
        let interval = self.world.settings.consumer_heartbeat_interval_of(&self.world.image, &request.group_id);
        ConsumerGroupHeartbeatResponse {
            member_id: Some(change.id.clone()),
            member_epoch: after.epoch,
            heartbeat_interval_ms: i32::try_from(interval.as_millis()).unwrap_or(i32::MAX),
            assignment: is_told.then(|| message(&after.assigned.assignment())),
            ..Default::default()
        }
    }
}

fn message(assignment: &Assignment) -> AssignmentMessage {
    let topic = |(topic_id, partitions): (Uuid, &[i32])| TopicPartitions {
        topic_id,
        partitions: partitions.to_vec(),
        ..Default::default()
    };
    AssignmentMessage { topic_partitions: assignment.topics().map(topic).collect(), ..Default::default() }
}

/// What is known of a member after this request.
fn profile(before: &Profile, request: &ConsumerGroupHeartbeatRequest, client: &Client) -> Profile {
    let mut profile = before.clone();
    profile.client_id = client.id.clone();
    profile.client_host = client.host.clone();
    profile.classic = None;
    if request.instance_id.is_some() {
        profile.instance_id.clone_from(&request.instance_id);
    }
    if request.rack_id.is_some() {
        profile.rack_id.clone_from(&request.rack_id);
    }
    if request.server_assignor.is_some() {
        profile.assignor.clone_from(&request.server_assignor);
    }
    if request.rebalance_timeout_ms != -1 {
        profile.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(pattern) = &request.subscribed_topic_regex {
        profile.pattern.clone_from(pattern);
    }
    if let Some(names) = &request.subscribed_topic_names {
        let names = in_order(names);
        if *profile.topics != *names {
            profile.topics = names.into();
        }
    }
    profile
}

/// The member that a request is of.
fn find_member(draft: &mut Draft<'_>, request: &ConsumerGroupHeartbeatRequest) -> Result<Member, Refusal> {
    match &request.instance_id {
        None => find_dynamic_member(draft, request),
        Some(instance_id) => find_static_member(draft, request, instance_id),
    }
}

fn find_dynamic_member(draft: &mut Draft<'_>, request: &ConsumerGroupHeartbeatRequest) -> Result<Member, Refusal> {
    let found = draft.group().member(&request.member_id);
    match found {
        Some(member) => {
            check_epoch(member, request)?;
            Ok(Member::clone(member))
        }
        None if request.member_epoch == JOINING => Ok(Member::default()),
        None => Err(unknown_member(&request.member_id)),
    }
}

fn find_static_member(
    draft: &mut Draft<'_>,
    request: &ConsumerGroupHeartbeatRequest,
    instance_id: &Text,
) -> Result<Member, Refusal> {
    let group = draft.group();
    let Some(holder) = group.static_member(instance_id).cloned() else {
        // Its instance id is new to the group.
        let member = group.member(&request.member_id).map(|member| Member::clone(member)).unwrap_or_default();
        let joins = request.member_epoch == JOINING;
        return if joins { Ok(member) } else { Err(unknown_member(instance_id)) };
    };
    let member = group.member(&holder).map(|member| Member::clone(member)).unwrap_or_default();
    if holder == request.member_id {
        check_epoch(&member, request)?;
        return Ok(member);
    }
    if request.member_epoch != JOINING {
        return Err(fenced_instance(instance_id, &holder));
    }
    let is_released = member.is_classic() || member.current.epoch == AWAY;
    if !is_released && !model::planted!("live-static-member-replaced") {
        let message = format!(
            "the instance id '{}' is in use by member {}, which has not left",
            instance_id.as_str(),
            holder.as_str()
        );
        return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message));
    }
    Ok(draft.replace_member(&holder, &request.member_id, member))
}

pub(super) fn unknown_member(id: &str) -> Refusal {
    Refusal::new(ErrorCode::UnknownMemberId, format!("'{id}' is not a member of the group: join it again"))
}

pub(super) fn fenced_instance(instance_id: &str, holder: &str) -> Refusal {
    let message = format!("the instance id '{instance_id}' was taken over by member {holder}");
    Refusal::new(ErrorCode::FencedInstanceId, message)
}

/// Whether a request is of the member's epoch, or of the one before in case the answer that told of the new one was
/// lost: then the member owns nothing but what it may keep.
fn check_epoch(member: &Member, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let (epoch, current) = (request.member_epoch, &member.current);
    let owns_what_it_may = || {
        let may =
            |topic: &TopicPartitions| topic.partitions.iter().all(|p| current.assigned.contains(topic.topic_id, *p));
        request.topic_partitions.as_ref().is_some_and(|owned| owned.iter().all(may))
    };
    if epoch == JOINING || epoch == current.epoch {
        return Ok(());
    }
    if epoch < current.epoch && epoch == current.previous_epoch && owns_what_it_may() {
        model::mark!("the answer that told of a new member epoch was lost");
        return Ok(());
    }
    let message =
        format!("the member is in epoch {}, and not in {epoch}: give up all partitions and join again", current.epoch);
    Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
}
