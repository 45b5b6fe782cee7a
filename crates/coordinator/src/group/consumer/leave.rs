//! How members go: they leave, leave for a while, or are taken out because their time is up.

use super::draft::Draft;
use super::heartbeat::{fenced_instance, unknown_member};
use super::history::Reason;
use super::member::{AWAY, Current, Profile};
use super::refusal::Refusal;
use super::state::ConsumerGroup;
use super::subscription::subscribes_alike;
use crate::group::view::View;
use crate::group::why::Cause;
use model::ErrorCode;
use protocol::Text;
use protocol::messages::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

impl<'a> View<'a> {
    /// The consumer group of this id.
    ///
    /// # Errors
    /// There is none, or it is one of another protocol.
    pub(super) fn consumer_group(&self, id: &Text) -> Result<&'a ConsumerGroup, Refusal> {
        let group = self.hard.get(id).and_then(|group| group.consumer.as_deref());
        group.ok_or_else(|| not_found(id))
    }

    /// A member leaves, or a static one leaves its place to its next incarnation.
    pub(super) fn leave_consumer_group(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let group = self.consumer_group(&request.group_id)?;
        let id = &request.member_id;
        if let Some(instance_id) = &request.instance_id {
            let holder = group.static_member(instance_id).ok_or_else(|| unknown_member(instance_id))?;
            if holder != id {
                return Err(fenced_instance(instance_id, holder));
            }
        }
        let member = group.member(id).ok_or_else(|| unknown_member(id))?;
        if request.member_epoch == AWAY {
            // What it had to give up it has given up: it is not there.
            let current = Current { epoch: AWAY, revoking: Default::default(), ..member.current.clone() };
            let mut draft = Draft::of(&request.group_id, group);
            draft.write_current(id, &current);
            self.out.records.extend(draft.into_records());
        } else {
            let reason = Reason::new(Cause::MemberLeft, id, &member.profile.client_id);
            self.take_out(&request.group_id, group, std::slice::from_ref(id), reason);
        }
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        })
    }

    /// Takes members out whose time is up; with each, whether it was heard of all the while.
    pub(super) fn time_out(&mut self, id: &Text, group: &ConsumerGroup, over: &[(Text, bool)]) {
        let members: Vec<Text> = over.iter().map(|(member, _)| member.clone()).collect();
        let Some((first, was_heard_of)) = over.first() else { return };
        let Some(member) = group.member(first) else { return };
        let cause = match (was_heard_of, member.is_classic()) {
            (false, _) => Cause::MemberTimedOut,
            (true, false) => {
                model::mark!("a member did not give up partitions in time");
                Cause::RevocationTimedOut
            }
            (true, true) => Cause::SyncTimedOut,
        };
        let mut reason = Reason::new(cause, first, &member.profile.client_id);
        if members.len() > 1 {
            reason.detail = format!("and {} more", members.len() - 1).into();
        }
        for member_id in &members {
            if let Some(member) = group.member(member_id) {
                self.note_gone(id, member_id, member, true);
            }
        }
        self.take_out(id, group, &members, reason);
    }

    /// Takes members out of a group, which calls for another assignment.
    pub(super) fn take_out(&mut self, id: &Text, group: &ConsumerGroup, members: &[Text], reason: Reason) {
        let mut draft = Draft::of(id, group);
        if self.should_be_classic(group, members) {
            return self.downgrade(draft, members, &reason.member, &reason.client);
        }
        self.write_departures(&mut draft, group, members, reason);
        self.out.records.extend(draft.into_records());
    }

    fn write_departures(&mut self, draft: &mut Draft<'_>, group: &ConsumerGroup, members: &[Text], reason: Reason) {
        let found = members.iter().filter_map(|member| group.member(member));
        let leaving: Vec<&Profile> = found.map(|member| &member.profile).collect();
        if leaving.is_empty() {
            return;
        }
        for member in members {
            draft.remove_member(member);
        }
        let patterns: Vec<Text> =
            leaving.iter().map(|profile| profile.pattern.clone()).filter(|p| !p.is_empty()).collect();
        for pattern in group.patterns.keys() {
            let left = patterns.iter().filter(|other| *other == pattern).count();
            if left > 0 && group.subscribers_of_pattern(pattern) == left {
                draft.write_pattern(pattern, None);
            }
        }
        // What was not looked at yet is for the next heartbeat to look at: it stays stale until then.
        let alike = subscribes_alike(group, &leaving, None);
        let hash = if alike { group.metadata_hash } else { self.hash_of(draft) };
        let (id, epoch) = (draft.id.clone(), group.epoch.saturating_add(1));
        let history = self.history_with(group, &id, epoch, reason);
        if members.len() == group.members().len() {
            // Nobody is left to rebalance.
            self.consumer_soft(&id).underway = None;
        }
        draft.write_epoch(epoch, hash, history);
    }
}

pub(super) fn not_found(id: &str) -> Refusal {
    Refusal::new(ErrorCode::GroupIdNotFound, format!("there is no consumer group '{id}'"))
}
