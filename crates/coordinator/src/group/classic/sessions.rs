//! Sessions of classic members, and what becomes of one that is silent.

use super::motion::{State, Trigger};
use super::view::{ClassicView, entry_mut};
use crate::group::machine::Reply;
use crate::group::timers::Timer;
use crate::group::why::Cause;
use model::state_machine::Instant;
use model::{ErrorCode, mark};
use protocol::Text;
use protocol::messages::sync_group::SyncGroupResponse;

impl ClassicView<'_> {
    /// A member was heard of: its session starts anew.
    pub fn heard_of(&mut self, id: &Text) {
        let now = self.now;
        if let Some(member) = self.group.members.get_mut(id) {
            member.heard = now;
        }
        self.arm_session(id);
    }

    /// Sees to it that the session's end is noticed. A timer that comes before it arms itself again.
    pub fn arm_session(&mut self, id: &Text) {
        let Some((id, member)) = entry_mut(&mut self.group.members, id) else { return };
        let deadline = member.deadline();
        if member.armed.is_none_or(|armed| deadline < armed) {
            member.armed = Some(deadline);
            self.timers.arm(deadline, Timer::Session { group: self.id.clone(), member: id.clone() });
        }
    }

    /// A timer of a member's session has come.
    pub fn session_timer(&mut self, armed: Instant, id: &Text) {
        let now = self.now;
        let Some(member) = self.group.members.get_mut(id) else { return };
        if member.armed != Some(armed) {
            return; // there is another one
        }
        member.armed = None;
        if member.is_overdue(now) {
            mark!("a session of a classic member ended");
            self.expire_member(id);
        } else if member.deadline() > now.monotonic {
            self.arm_session(id);
        } else if member.joining.is_none() && member.syncing.is_none() {
            self.heard_of(id); // the two clocks of a planted bug disagree
        }
    }

    fn expire_member(&mut self, id: &Text) {
        let is_rebalancing = self.group.state == State::PreparingRebalance;
        let Some(member) = self.remove_member(id) else { return };
        if is_rebalancing && self.group.have_all_joined() {
            // All that are left, if any are, have waited for it alone.
            self.note_missed(id, &member.client.id);
        }
        let trigger = Trigger::new(Cause::MemberTimedOut, id, &member.client.id);
        self.after_departure(trigger);
    }

    /// Takes a member out. Requests of it that wait are answered: if it is alive after all, it joins as somebody new.
    pub fn remove_member(&mut self, id: &Text) -> Option<super::Member> {
        let member = self.group.remove(id)?;
        let error_code = ErrorCode::UnknownMemberId as i16;
        if let Some((ticket, version)) = member.joining {
            self.refuse_join(ticket, version, Text::default(), ErrorCode::UnknownMemberId);
        }
        if let Some(ticket) = member.syncing {
            self.reply(ticket, Reply::SyncGroup(SyncGroupResponse { error_code, ..Default::default() }));
        }
        Some(member)
    }

    /// Somebody is gone: the others share its partitions, or need not wait for it.
    pub fn after_departure(&mut self, trigger: Trigger) {
        match self.group.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(trigger),
            State::PreparingRebalance => self.complete_join_if_all_have(),
            State::Empty => {}
        }
    }
}
