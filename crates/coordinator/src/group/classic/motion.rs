//! A classic group in motion.

use super::member::Member;
use crate::group::why::Cause;
use model::Timestamp;
use model::state_machine::{Instant, Now};
use protocol::Text;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody is in it.
    Empty,
    /// Members are given time to join.
    PreparingRebalance,
    /// They have joined; the leader works out who gets what.
    CompletingRebalance,
    /// Everyone may fetch its assignment.
    Stable,
}

/// The soft state of a classic group.
#[derive(Debug)]
pub(crate) struct Classic {
    pub state: State,
    /// Since when, by the wall clock.
    pub since: Timestamp,
    pub generation: i32,
    /// The last generation that was given an assignment, which the log has. Only it may commit: another coordinator would
    /// know of no later one.
    pub assigned: Option<i32>,
    pub protocol_type: Option<Text>,
    pub protocol: Option<Text>,
    pub leader: Option<Text>,
    pub members: BTreeMap<Text, Member>,
    /// The member of each static instance.
    pub instances: BTreeMap<Text, Text>,
    /// Ids that were promised to members that have still to join with them (KIP-394), and until when.
    pub promised: BTreeMap<Text, Instant>,
    /// When the queue looks for those that were not used.
    pub promises_armed: Option<Instant>,
    /// How many members support each protocol.
    pub supporters: BTreeMap<Text, usize>,
    /// How many members' JoinGroup waits.
    pub joining: usize,
    /// The first rebalance of an empty group, which waits a while for more members.
    pub gathering: Option<Gathering>,
    /// When the present rebalance stops waiting for members.
    pub join_by: Option<Instant>,
    /// When members that have not fetched their assignment are given up.
    pub sync_by: Option<Instant>,
    /// The log does not say yet that it is empty.
    pub unwritten: bool,
    /// The rebalance under way, for `group why`.
    pub running: Option<Running>,
    /// Members spoke of a generation that the log does not know: it was under way when the coordinator moved.
    pub lost_generation: bool,
}

/// The wait for more members of a group that was empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathering {
    /// Somebody came since the wait was last prolonged.
    pub has_newcomers: bool,
    /// How much longer it may still be prolonged.
    pub left: Duration,
}

/// A rebalance under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub began: Now,
    pub trigger: Trigger,
    /// When the last member had joined.
    pub joined_at: Option<Instant>,
    /// Who joined last, and when.
    pub last_joined: Option<(Text, Text, Instant)>,
    /// Who never came.
    pub missed: Option<(Text, Text)>,
}

/// What set a rebalance off.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub cause: Cause,
    pub member: Text,
    pub client: Text,
    pub detail: Text,
}

impl Trigger {
    pub fn new(cause: Cause, member: &Text, client: &Text) -> Trigger {
        Trigger { cause, member: member.clone(), client: client.clone(), detail: Text::default() }
    }

    /// With the reason that a client gave.
    pub fn because(self, reason: Option<&Text>) -> Trigger {
        Trigger { detail: reason.map(Text::detached).unwrap_or_default(), ..self }
    }
}

impl State {
    /// Its name in DescribeGroups and ListGroups.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

impl Classic {
    /// A group that nobody was ever in.
    pub fn new() -> Classic {
        Classic {
            state: State::Empty,
            since: -1,
            generation: 0,
            assigned: None,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            promised: BTreeMap::new(),
            promises_armed: None,
            supporters: BTreeMap::new(),
            joining: 0,
            gathering: None,
            join_by: None,
            sync_by: None,
            unwritten: false,
            running: None,
            lost_generation: false,
        }
    }

    /// Whether the log says all there is to say.
    pub fn is_at_rest(&self) -> bool {
        self.state == State::Empty && self.members.is_empty() && self.promised.is_empty() && !self.unwritten
    }

    /// Whether nobody is in it, or on the way.
    pub fn is_deserted(&self) -> bool {
        self.state == State::Empty && self.members.is_empty()
    }

    /// Whether it was a consumer group and has had no generation of its own since: what those had who have left is
    /// nobody's until it has.
    pub fn was_consumer_group(&self) -> bool {
        self.members.values().any(|member| member.epoch.is_some())
    }

    pub fn is_leader(&self, member: &Text) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader == member)
    }

    /// The longest rebalance timeout of its members.
    pub fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    /// Whether nobody is missing who could still join.
    pub fn have_all_joined(&self) -> bool {
        self.joining >= self.members.len() && self.promised.is_empty()
    }

    pub fn turn(&mut self, state: State, now: Now) {
        self.state = state;
        self.since = now.wall;
    }

    pub fn insert(&mut self, id: Text, member: Member) {
        if self.members.is_empty() {
            self.leader = None;
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.joining += usize::from(member.joining.is_some());
        self.count_support(&member, true);
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.members.insert(id, member);
    }

    /// Takes a member out; another one leads if it did.
    pub fn remove(&mut self, id: &Text) -> Option<Member> {
        let member = self.members.remove(id)?;
        self.joining -= usize::from(member.joining.is_some());
        self.count_support(&member, false);
        if let Some(instance) = &member.instance
            && self.instances.get(instance).is_some_and(|holder| holder == id)
        {
            self.instances.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }
}
