//! Static members (KIP-345): one that starts again takes its own place, without a rebalance (KIP-814: and without a new
//! assignment), and whoever had the place before is fenced.

use super::check::old_static_members_are_fenced;
use super::join::Joining;
use super::motion::{State, Trigger};
use super::view::ClassicView;
use crate::group::Client;
use crate::group::machine::Reply;
use crate::group::why::Cause;
use model::{ErrorCode, mark};
use protocol::Text;
use protocol::messages::sync_group::SyncGroupResponse;

impl ClassicView<'_> {
    pub(super) fn replace_static_member(&mut self, joining: Joining, old: Text, new: Text) {
        mark!("a static member was replaced");
        let led_before = self.group.leader.clone();
        self.fence(&old, &new, &joining);
        self.update_member(&new, &joining);
        self.heard_of(&new);
        let client = joining.client.id.detached();
        let trigger = Trigger::new(Cause::MemberReplaced, &new, &client).because(joining.request.reason.as_ref());
        match self.group.state {
            State::Stable if self.group.choose_protocol() == self.group.protocol => {
                self.answer_with_old_place(&joining, &new, led_before);
            }
            // The leader may already work with the old id, and would give the new one nothing.
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(trigger),
            State::PreparingRebalance | State::Empty => self.complete_join_if_all_have(),
        }
    }

    /// The old id's place, assignment and all, is the new one's.
    fn fence(&mut self, old: &Text, new: &Text, joining: &Joining) {
        let Some(present) = self.group.members.get(old) else { return };
        let mut member = present.clone();
        let leads = self.group.is_leader(old);
        if old_static_members_are_fenced() {
            self.group.remove(old);
            self.refuse_fenced(old, &member);
        }
        (member.epoch, member.joining, member.syncing, member.armed) = (None, None, None, None);
        member.client = Client { id: joining.client.id.detached(), host: joining.client.host.detached() };
        self.group.insert(new.clone(), member);
        if leads {
            self.group.leader = Some(new.clone());
        }
    }

    fn refuse_fenced(&mut self, id: &Text, member: &super::Member) {
        let error = ErrorCode::FencedInstanceId;
        if let Some((ticket, version)) = member.joining {
            self.refuse_join(ticket, version, id.clone(), error);
        }
        if let Some(ticket) = member.syncing {
            let error_code = error as i16;
            self.reply(ticket, Reply::SyncGroup(SyncGroupResponse { error_code, ..Default::default() }));
        }
    }

    /// No rebalance: the place stays as it is, and the log learns the new id. Old clients that lead must not take
    /// themselves for the leader, or they would assign anew; newer ones may know that they lead and skip that.
    fn answer_with_old_place(&mut self, joining: &Joining, id: &Text, led_before: Option<Text>) {
        let leads = self.group.is_leader(id);
        let told = leads && joining.may_skip_assignment();
        let members = if told { self.members_for_leader() } else { Vec::new() };
        let mut answer = self.generation_for(id, members);
        answer.skip_assignment = told;
        if !joining.may_skip_assignment() {
            answer.leader = led_before.unwrap_or_default();
        }
        if let Some(member) = self.group.members.get_mut(id)
            && member.joining.take().is_some()
        {
            self.group.joining -= 1;
        }
        self.write_group();
        self.heard_of(id);
        self.reply(joining.ticket, Reply::JoinGroup(answer));
    }
}
