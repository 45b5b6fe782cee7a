//! What the log does not hold of a consumer group: when members were last heard of, and what has to be looked at again.

use super::history::Underway;
use super::member::{Member, State};
use super::pattern::Pattern;
use super::state::ConsumerGroup;
use crate::group::timers;
use crate::group::view::View;
use model::state_machine::Instant;
use protocol::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long to wait before a member whose end the log did not take is looked at again.
const RETRY: Duration = Duration::from_secs(1);

/// Most members that one batch of records takes out of a group. The next follows at once. So many write enough to end the
/// look that found them: the others are looked at when the log has those.
const MOST_AT_ONCE: usize = 500;

/// What is soft of one consumer group.
#[derive(Debug, Default)]
pub(crate) struct ConsumerSoft {
    pub(super) sessions: BTreeMap<Text, Session>,
    /// Patterns that were made ready for matching.
    pub(super) compiled: BTreeMap<Text, Pattern>,
    pub(super) staleness: Staleness,
    /// The topic for which it was said to be stale.
    pub(super) changed_topic: Option<Text>,
    /// Patterns that may stand for other topics now.
    pub(super) stale_patterns: BTreeSet<Text>,
    /// The rebalance under way, for the group's history.
    pub(super) underway: Option<Underway>,
    /// When members were last given a target.
    pub(super) assigned_at: Option<Instant>,
}

/// Whether the metadata may say something else of a group's topics than it did when the group's epoch was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Staleness {
    /// It does not.
    #[default]
    Fresh,
    /// It may: the next heartbeat looks.
    Stale,
    /// It did, and a record with this hash was written. Once it is in the log all is fresh.
    Written(i64),
}

/// Until when a member is waited for. A deadline that has passed ends its membership.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Session {
    /// It must be heard of.
    pub heard_by: Instant,
    /// It must have given up what it has to, if it is still in this epoch.
    pub revoked_by: Option<(Instant, i32)>,
    /// A classic member that was told to must have joined again.
    pub joined_by: Option<Instant>,
    /// A classic member that has joined must have asked for its assignment.
    pub synced_by: Option<Instant>,
    /// When the queue wakes it.
    armed: Option<Instant>,
}

/// What may be due in a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Timer {
    /// A member must have done something by now.
    Member(Text),
}

impl Session {
    fn due(&self) -> Instant {
        let others = [self.revoked_by.map(|(at, _)| at), self.joined_by, self.synced_by];
        others.into_iter().flatten().fold(self.heard_by, Instant::min)
    }

    /// Whether it was heard of in time, and was late with something else.
    pub fn was_heard_of(&self, now: Instant) -> bool {
        self.heard_by > now
    }

    /// A revocation that a member has left behind is not waited for.
    fn drop_what_is_done(&mut self, member: &Member) {
        let current = &member.current;
        self.revoked_by =
            self.revoked_by.filter(|(_, epoch)| *epoch == current.epoch && current.state == State::Revoking);
    }
}

impl View<'_> {
    /// The soft part of a group.
    pub(super) fn consumer_soft(&mut self, group: &Text) -> &mut ConsumerSoft {
        if !self.soft.consumer.contains_key(group) {
            self.soft.consumer.insert(group.detached(), ConsumerSoft::default());
        }
        self.soft.consumer.get_mut(group).expect("it was just put there")
    }

    /// Changes what a member is waited for, and has it woken in time.
    pub(super) fn wait_for(&mut self, group: &Text, member: &Text, change: impl FnOnce(&mut Session)) {
        let sessions = &mut self.consumer_soft(group).sessions;
        if !sessions.contains_key(member) {
            sessions.insert(member.detached(), Session::default());
        }
        let session = sessions.get_mut(member).expect("it was just put there");
        change(session);
        let due = session.due();
        if session.armed.is_none_or(|armed| due < armed) {
            session.armed = Some(due);
            let timer = timers::Timer::Consumer { group: group.detached(), timer: Timer::Member(member.detached()) };
            self.soft.timers.arm(due, timer);
        }
    }

    /// How long this member may be silent.
    pub(super) fn session_timeout(&self, group: &Text, member: &Member) -> Duration {
        match &member.profile.classic {
            Some(classic) => Duration::from_millis(u64::try_from(classic.session_timeout_ms).unwrap_or(0)),
            None => self.world.settings.consumer_session_timeout_of(&self.world.image, group),
        }
    }

    /// It was heard of: its session starts anew.
    pub(super) fn hear_of(&mut self, group: &Text, id: &Text, member: &Member) {
        let heard_by = self.now.monotonic + self.session_timeout(group, member);
        self.wait_for(group, id, |session| session.heard_by = heard_by);
    }

    /// All sessions start anew, and all is looked at again.
    pub(crate) fn consumer_groups_loaded(&mut self) {
        let hard = self.hard;
        let groups = hard.groups.iter().filter_map(|(id, group)| Some((id, group.consumer.as_deref()?)));
        for (id, group) in groups.filter(|(_, group)| !group.is_empty()) {
            for (member_id, member) in group.members() {
                self.hear_of(id, member_id, member);
                self.expect_revocation(id, member_id, member);
            }
            let soft = self.consumer_soft(id);
            soft.staleness = Staleness::Stale;
            soft.stale_patterns = group.subscribed_patterns().cloned().collect();
        }
    }

    /// A member of the consumer protocol that has to give up partitions has its rebalance timeout for that; members of
    /// the classic protocol are waited for to join instead.
    pub(super) fn expect_revocation(&mut self, group: &Text, id: &Text, member: &Member) {
        let must = member.current.state == State::Revoking && !member.is_classic();
        let epoch = member.current.epoch;
        let timeout = Duration::from_millis(u64::try_from(member.profile.rebalance_timeout_ms).unwrap_or(0));
        let at = self.now.monotonic + timeout;
        self.wait_for(group, id, |session| {
            // A step that left it in the same epoch gives it no more time.
            let same = |(_, waiting): &(Instant, i32)| *waiting == epoch;
            session.revoked_by = must.then(|| session.revoked_by.filter(same).unwrap_or((at, epoch)));
        });
    }

    pub(crate) fn consumer_timer(&mut self, armed: Instant, group: Text, timer: Timer) {
        let Timer::Member(member) = timer;
        let hard = self.hard;
        let Some(soft) = self.soft.consumer.get_mut(&group) else { return };
        let Some(session) = soft.sessions.get_mut(&member).filter(|session| session.armed == Some(armed)) else {
            return;
        };
        session.armed = None;
        let consumer = hard.get(&group).and_then(|group| group.consumer.as_deref());
        let Some(consumer) = consumer else {
            self.soft.consumer.remove(&group);
            return;
        };
        match consumer.member(&member) {
            None => {
                soft.sessions.remove(&member);
                if consumer.is_empty() && soft.sessions.is_empty() {
                    // Whoever comes next is looked at anew: nothing is kept for a group that may never be used again.
                    self.soft.consumer.remove(&group);
                }
            }
            Some(found) => {
                session.drop_what_is_done(found);
                if session.due() <= self.now.monotonic {
                    self.end_sessions(&group, consumer);
                } else {
                    self.wait_for(&group, &member, |_| {});
                }
            }
        }
    }

    /// Takes those members out of a group whose time is up.
    fn end_sessions(&mut self, id: &Text, group: &ConsumerGroup) {
        let now = self.now.monotonic;
        let mut over = Vec::new();
        for (member_id, session) in &mut self.consumer_soft(id).sessions {
            let Some(member) = group.member(member_id) else { continue };
            session.drop_what_is_done(member);
            if session.due() <= now {
                over.push((member_id.clone(), session.was_heard_of(now)));
            }
        }
        let rest = over.split_off(over.len().min(MOST_AT_ONCE));
        for (member, _) in &over {
            // Should the log not take the records, this comes again.
            self.wait_for(id, member, |session| {
                *session = Session { heard_by: now + RETRY, armed: None, ..Session::default() };
            });
        }
        for (member, _) in &rest {
            // Due already: the next look takes them, and sees the group without those before.
            self.wait_for(id, member, |_| {});
        }
        self.time_out(id, group, &over);
    }
}
