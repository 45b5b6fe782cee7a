//! A rebalance: members are given time to join, then the generation begins.

use super::motion::{Gathering, Running, State, Trigger};
use super::view::ClassicView;
use crate::group::machine::Reply;
use crate::group::timers::Timer;
use crate::group::why::Cause;
use model::state_machine::Instant;
use model::{ErrorCode, mark};
use protocol::Text;
use protocol::messages::sync_group::SyncGroupResponse;
use std::time::Duration;

/// A group that nobody joins waits at least this long until it looks again, whatever its members asked for.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

impl ClassicView<'_> {
    /// Starts a rebalance, or sees whether the one under way can go on.
    pub fn rebalance(&mut self, trigger: Trigger) {
        match self.group.state {
            State::PreparingRebalance => self.complete_join_if_all_have(),
            _ => self.prepare_rebalance(trigger),
        }
    }

    pub fn prepare_rebalance(&mut self, trigger: Trigger) {
        self.note_began(trigger);
        if self.group.state == State::CompletingRebalance {
            self.interrupt_syncs();
        }
        self.group.sync_by = None;
        let was_empty = self.group.state == State::Empty;
        self.group.turn(State::PreparingRebalance, self.now);
        if was_empty {
            self.gather();
        } else {
            self.group.gathering = None;
            self.wait_for_joins();
        }
    }

    /// A group that was empty waits a little: its members are likely to start together, and each alone would make the
    /// others rebalance.
    fn gather(&mut self) {
        let delay = self.settings().initial_rebalance_delay;
        let left = self.group.rebalance_timeout().saturating_sub(delay);
        self.group.gathering = Some(Gathering { has_newcomers: false, left });
        self.arm_join(self.now.monotonic + delay);
    }

    fn wait_for_joins(&mut self) {
        if self.group.have_all_joined() {
            self.complete_join();
        } else {
            self.arm_join(self.now.monotonic + self.group.rebalance_timeout());
        }
    }

    /// The time to join is over, or that to gather is.
    pub fn join_timer(&mut self, armed: Instant) {
        if self.group.join_by != Some(armed) || self.group.state != State::PreparingRebalance {
            return;
        }
        let delay = self.settings().initial_rebalance_delay;
        match self.group.gathering {
            Some(gathering) if gathering.has_newcomers && !gathering.left.is_zero() => {
                let left = gathering.left.saturating_sub(delay);
                self.group.gathering = Some(Gathering { has_newcomers: false, left });
                self.arm_join(self.now.monotonic + delay.min(gathering.left));
            }
            _ => self.complete_join(),
        }
    }

    /// Goes on when nobody is missing; a group that gathers waits for its time.
    pub fn complete_join_if_all_have(&mut self) {
        let is_joining = self.group.state == State::PreparingRebalance && self.group.gathering.is_none();
        if is_joining && self.group.have_all_joined() {
            self.complete_join();
        }
    }

    fn complete_join(&mut self) {
        self.group.join_by = None;
        self.drop_who_did_not_join();
        if !self.group.members.is_empty() && !self.elect_among_joined() {
            mark!("nobody joined a rebalance in time");
            self.arm_join(self.now.monotonic + self.group.rebalance_timeout().max(SHORTEST_WAIT));
            return;
        }
        self.group.gathering = None;
        self.group.generation = self.group.generation.checked_add(1).unwrap_or(1);
        self.group.lost_generation = false;
        self.group.protocol = self.group.choose_protocol();
        if self.group.members.is_empty() {
            self.become_empty();
        } else {
            self.group.turn(State::CompletingRebalance, self.now);
            self.answer_joins();
        }
    }

    /// Dynamic members that did not come are out. Static ones may be starting again, and have their session's time.
    fn drop_who_did_not_join(&mut self) {
        let missing = self.group.members.iter().filter(|(_, member)| member.joining.is_none());
        let missing: Vec<Text> = missing.map(|(id, _)| id.clone()).collect();
        for id in missing {
            let client = self.group.members.get(&id).map(|member| member.client.id.clone()).unwrap_or_default();
            self.note_missed(&id, &client);
            if self.group.members.get(&id).is_some_and(|member| member.instance.is_none()) {
                self.remove_member(&id);
            }
        }
    }

    /// Whether a member that has joined leads.
    fn elect_among_joined(&mut self) -> bool {
        let has_joined = |id: &Text| self.group.members.get(id).is_some_and(|member| member.joining.is_some());
        if !self.group.leader.as_ref().is_some_and(has_joined) {
            let other = self.group.members.iter().find(|(_, member)| member.joining.is_some());
            match other.map(|(id, _)| id.clone()) {
                Some(other) => self.group.leader = Some(other),
                None => return false,
            }
        }
        true
    }

    fn answer_joins(&mut self) {
        self.note_all_joined();
        let ids: Vec<Text> = self.group.members.keys().cloned().collect();
        let mut for_leader = self.members_for_leader();
        for id in ids {
            let Some(member) = self.group.members.get_mut(&id) else { continue };
            (member.is_new, member.synced, member.epoch) = (false, false, None);
            let waiting = member.joining.take();
            self.heard_of(&id);
            if let Some((ticket, _)) = waiting {
                let leads = self.group.is_leader(&id);
                let members = if leads { std::mem::take(&mut for_leader) } else { Vec::new() };
                let answer = self.generation_for(&id, members);
                self.reply(ticket, Reply::JoinGroup(answer));
            }
        }
        self.group.joining = 0;
        let sync_by = self.now.monotonic + self.group.rebalance_timeout();
        self.group.sync_by = Some(sync_by);
        self.timers.arm(sync_by, Timer::Sync { group: self.id.clone() });
    }

    /// Members that wait for their assignment are to join again instead.
    fn interrupt_syncs(&mut self) {
        let error_code = ErrorCode::RebalanceInProgress as i16;
        let waiting: Vec<(Text, _)> =
            self.group.members.iter_mut().filter_map(|(id, m)| Some((id.clone(), m.syncing.take()?))).collect();
        for (id, ticket) in waiting {
            self.heard_of(&id);
            self.reply(ticket, Reply::SyncGroup(SyncGroupResponse { error_code, ..Default::default() }));
        }
    }

    /// Members that have not asked for their assignment in time are out.
    pub fn sync_timer(&mut self, armed: Instant) {
        let is_on = matches!(self.group.state, State::CompletingRebalance | State::Stable);
        if self.group.sync_by != Some(armed) || !is_on {
            return;
        }
        self.group.sync_by = None;
        let late = self.group.members.iter().filter(|(_, member)| !member.synced);
        let late: Vec<Text> = late.map(|(id, _)| id.clone()).collect();
        let mut trigger = None;
        for id in late {
            mark!("a member did not sync in time");
            if let Some(member) = self.remove_member(&id) {
                trigger.get_or_insert_with(|| Trigger::new(Cause::SyncTimedOut, &id, &member.client.id));
            }
        }
        if let Some(trigger) = trigger {
            self.prepare_rebalance(trigger);
        }
    }

    fn note_began(&mut self, trigger: Trigger) {
        let began = self.now;
        let fresh = || Running { began, trigger, joined_at: None, last_joined: None, missed: None };
        let running = self.group.running.get_or_insert_with(fresh);
        running.joined_at = None;
    }

    /// Called before a rebalance starts too: whoever starts it is no news.
    pub fn note_joined(&mut self, id: &Text, client: &Text) {
        let now = self.now.monotonic;
        if let Some(running) = &mut self.group.running {
            running.last_joined = Some((id.clone(), client.clone(), now));
        }
    }

    /// The rebalance goes on without this member, which it has waited for.
    pub fn note_missed(&mut self, id: &Text, client: &Text) {
        if let Some(running) = &mut self.group.running {
            running.missed.get_or_insert_with(|| (id.clone(), client.clone()));
        }
    }

    fn note_all_joined(&mut self) {
        let now = self.now.monotonic;
        if let Some(running) = &mut self.group.running {
            running.joined_at = Some(now);
        }
    }
}
