//! Who gets which partitions: the server-side assignors of KIP-848, as pure functions.
//!
//! [`Assignor::Uniform`] keeps what members own and evens out the numbers; [`Assignor::Range`] gives each member one
//! range of every topic, the same range of topics that are equally large. Both look at racks only where that costs
//! neither: among the partitions that somebody has to get anyway, a member is given those with a replica in its rack.

mod assignment;
mod board;
mod range;
mod uneven;
mod uniform;

#[cfg(test)]
mod properties;

pub use assignment::Assignment;

use model::Uuid;
use std::sync::Arc;

/// A server-side assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// As many partitions for everyone, and as few moves as that takes.
    Uniform,
    /// Ranges of each topic, so that the same partitions of several topics meet in one member.
    Range,
}

impl Assignor {
    /// Its name in `group.consumer.assignors` and in heartbeats.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// The assignor of that name.
    pub fn named(name: &str) -> Option<Assignor> {
        [Assignor::Uniform, Assignor::Range].into_iter().find(|assignor| assignor.name() == name)
    }

    /// What each member of `group` is to own, in the order of its members.
    pub fn assign(self, group: &GroupSpec<'_>) -> Vec<Assignment> {
        let board = match self {
            _ if group.members.is_empty() => return Vec::new(),
            Assignor::Uniform if group.is_homogeneous() => uniform::assign(group),
            Assignor::Uniform => uneven::assign(group),
            Assignor::Range => range::assign(group),
        };
        board.assignments()
    }
}

/// A group as an assignor sees it.
#[derive(Clone, Debug, Default)]
pub struct GroupSpec<'a> {
    /// The topics that anyone is subscribed to, by id.
    pub topics: Vec<TopicSpec>,
    /// The subscriptions that differ: each a rising list of places in `topics`.
    pub subscriptions: Vec<Vec<usize>>,
    /// The members, by id.
    pub members: Vec<MemberSpec<'a>>,
}

/// A topic as an assignor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: usize,
    /// The racks in which each partition has a replica; empty when no broker has a rack.
    pub racks: Vec<Vec<Arc<str>>>,
}

/// A member as an assignor sees it.
#[derive(Clone, Debug)]
pub struct MemberSpec<'a> {
    /// Its id.
    pub id: &'a str,
    /// The instance id of a static member.
    pub instance_id: Option<&'a str>,
    /// Where it runs.
    pub rack: Option<&'a str>,
    /// Its place in the list of subscriptions.
    pub subscription: usize,
    /// What it was to own up to now.
    pub owned: &'a Assignment,
}

impl GroupSpec<'_> {
    /// Whether all members are subscribed to the same topics.
    fn is_homogeneous(&self) -> bool {
        let first = self.members[0].subscription;
        let same = |place| place == first || self.subscriptions[place] == self.subscriptions[first];
        self.members.iter().all(|member| same(member.subscription))
    }

    /// The topics that this member is subscribed to, as places in the list of topics.
    fn topics_of(&self, member: usize) -> &[usize] {
        &self.subscriptions[self.members[member].subscription]
    }

    /// For each topic, the members subscribed to it.
    fn subscribers(&self) -> Vec<Vec<usize>> {
        let mut subscribers = vec![Vec::new(); self.topics.len()];
        for member in 0..self.members.len() {
            for topic in self.topics_of(member) {
                subscribers[*topic].push(member);
            }
        }
        subscribers
    }
}
