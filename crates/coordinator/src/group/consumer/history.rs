//! The history of a consumer group's rebalances, for `group why`.
//!
//! A rebalance begins with a group epoch and is over when every member has come to the target of the last one. What
//! follows while one is under way, for the same reason, is told as one. The group's record has the history; it is written
//! once more when a rebalance is over, with how long it took and who held it up.

use super::draft::Draft;
use super::member::{Member, State};
use super::state::ConsumerGroup;
use crate::group::view::View;
use crate::group::why::{self, Cause, HeldUp, History, Phase, Rebalance};
use bytes::Bytes;
use model::state_machine::Instant;
use protocol::Text;
use std::collections::BTreeMap;
use std::time::Duration;

/// What set a rebalance off.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reason {
    pub cause: Cause,
    pub member: Text,
    pub client: Text,
    pub detail: Text,
}

/// A rebalance under way.
#[derive(Debug)]
pub(super) struct Underway {
    began: Instant,
    /// Its rebalances that are in the history: the epoch, and how many reasons were told as one.
    told: Vec<(i32, u32)>,
    /// Members that have to give up partitions, and since when.
    revoking: BTreeMap<Text, Instant>,
    longest: Option<HeldUp>,
}

impl Reason {
    pub fn new(cause: Cause, member: &Text, client: &Text) -> Reason {
        Reason { cause, member: member.clone(), client: client.clone(), detail: Text::default() }
    }
}

fn in_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn history_of(group: &ConsumerGroup) -> History {
    group.history.as_ref().and_then(|bytes| why::decode(bytes).ok()).unwrap_or_default()
}

fn bytes_of(history: &History) -> Option<Bytes> {
    history.tags().get(why::TAG).cloned()
}

impl View<'_> {
    /// The history with one more rebalance, of this epoch.
    pub(super) fn history_with(
        &mut self,
        group: &ConsumerGroup,
        id: &Text,
        epoch: i32,
        reason: Reason,
    ) -> Option<Bytes> {
        let now = self.now;
        let underway = self.consumer_soft(id).underway.get_or_insert_with(|| Underway {
            began: now.monotonic,
            told: Vec::new(),
            revoking: BTreeMap::new(),
            longest: None,
        });
        let mut rebalances = history_of(group).rebalances().to_vec();
        match (rebalances.last_mut(), underway.told.last_mut()) {
            (Some(last), Some((told, more))) if last.epoch == *told && last.cause == reason.cause => {
                *more += 1;
                last.epoch = epoch;
                last.detail = format!("and {more} more").into();
                *told = epoch;
            }
            _ => {
                let Reason { cause, member, client, detail } = reason;
                underway.told.push((epoch, 0));
                let (started, took_ms, held_up) = (now.wall, 0, None);
                rebalances.push(Rebalance { started, epoch, took_ms, cause, member, client, detail, held_up });
            }
        }
        bytes_of(&rebalances.into_iter().collect())
    }

    /// Notes that a member begins or ends to give up partitions.
    pub(super) fn note_step(&mut self, group: &Text, id: &Text, before: State, after: &Member) {
        let now = self.now.monotonic;
        let Some(underway) = &mut self.consumer_soft(group).underway else { return };
        match (before == State::Revoking, after.current.state == State::Revoking) {
            (false, true) => {
                underway.revoking.insert(id.detached(), now);
            }
            (true, false) => underway.was_waited_for(id, &after.profile.client_id, now, false),
            _ => {}
        }
    }

    /// Notes that a member is gone. If it had partitions to give up the others waited for it.
    pub(super) fn note_gone(&mut self, group: &Text, id: &Text, member: &Member, is_late: bool) {
        let now = self.now.monotonic;
        if let Some(underway) = &mut self.consumer_soft(group).underway {
            underway.was_waited_for(id, &member.profile.client_id, now, is_late);
        }
    }

    /// Writes how long the rebalance took, if this member was the last that it waited for.
    pub(super) fn finish_rebalance(&mut self, draft: &mut Draft<'_>, id: &Text, member: &Member) {
        if self.consumer_soft(&draft.id).underway.is_none() {
            return;
        }
        let epoch = draft.epoch;
        // What this member has just written about itself need not be looked at; a target that was written was.
        let group = draft.before();
        let is_over = epoch == group.assignment_epoch && member.has_reached(epoch);
        if !is_over || !group.have_others_arrived(id) {
            return;
        }
        let Some(underway) = self.consumer_soft(&draft.id).underway.take() else { return };
        let took_ms = in_ms(self.now.monotonic.saturating_since(underway.began)).max(1);
        let mut rebalances = history_of(draft.group()).rebalances().to_vec();
        let is_told = |rebalance: &&mut Rebalance| underway.told.iter().any(|(epoch, _)| *epoch == rebalance.epoch);
        let mut any = false;
        for rebalance in rebalances.iter_mut().filter(is_told) {
            rebalance.took_ms = took_ms;
            rebalance.held_up.clone_from(&underway.longest);
            any = true;
        }
        if !any {
            return; // the log did not take the record that it began with
        }
        draft.write_history(bytes_of(&rebalances.into_iter().collect()));
    }
}

impl Underway {
    fn was_waited_for(&mut self, id: &Text, client: &Text, now: Instant, missed: bool) {
        let Some(since) = self.revoking.remove(id) else { return };
        let waited_ms = in_ms(now.saturating_since(since));
        if waited_ms > 0 && self.longest.as_ref().is_none_or(|longest| longest.waited_ms < waited_ms) {
            let (member, client) = (id.detached(), client.clone());
            self.longest = Some(HeldUp { phase: Phase::Revoke, missed, waited_ms, member, client });
        }
    }
}
