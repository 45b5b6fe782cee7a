//! When a member was surely there: commits of its were taken in one epoch, and between the first and the last of them the
//! group cannot have gone on without it.

use super::evidence::{Group, Groups};
use crate::history::{Action, Answer, CommitOffset, GroupMember, Index, Moment, OperationId};
use std::collections::BTreeMap;

/// That a member was there in one epoch.
pub struct Presence<'g> {
    /// The member.
    pub by: &'g GroupMember,
    /// From the answer of this commit on.
    from: Index,
    /// That commit.
    pub first: OperationId,
    /// Until this commit was sent.
    until: Index,
    /// That commit.
    pub last: OperationId,
}

impl Presence<'_> {
    /// Whether it was there from event `from` to event `until`. Where members choose their own names one may come again in
    /// another life of the group, and be given the same epoch: then it has to have read on, too, until that last commit.
    pub fn lasts(&self, groups: &Groups<'_>, group: &Group, from: Moment, until: Moment) -> bool {
        let reads_on = |own: OperationId| {
            let own = groups.operation(own);
            own.invoked.index < from.index && own.completed.is_none_or(|end| end.index > self.until)
        };
        let is_there = self.from < from.index && until.index < self.until;
        let mut told = group.spans.told.iter().filter(|told| told.by == *self.by);
        is_there && (!group.is_consumer || told.any(|told| reads_on(told.operation)))
    }

    /// Whether it was given something of the topic in that epoch.
    pub fn reads(&self, group: &Group, topic: &str) -> bool {
        let told = group.spans.told.iter().filter(|told| told.by == *self.by);
        told.flat_map(|told| told.partitions.iter()).any(|read| &*read.topic == topic)
    }
}

/// Each member in each of its epochs, where it committed more than once.
pub fn presences<'g>(groups: &Groups<'g>, group: &Group) -> Vec<Presence<'g>> {
    let mut known: BTreeMap<(&str, i32), Presence<'g>> = BTreeMap::new();
    for id in &group.members_commits {
        let operation = groups.operation(*id);
        let Action::CommitOffset(CommitOffset { by: Some(by), .. }) = &operation.action else { continue };
        let (Some(Answer::Committed { epoch }), Some(done)) = (operation.answer(), operation.completed) else {
            continue;
        };
        if *epoch != by.epoch {
            continue; // it went on from there meanwhile
        }
        let (sent, answered) = (operation.invoked.index, done.index);
        let there = Presence { by, from: answered, first: *id, until: sent, last: *id };
        let there = known.entry((&by.id, by.epoch)).or_insert(there);
        if answered < there.from {
            (there.from, there.first) = (answered, *id);
        }
        if sent > there.until {
            (there.until, there.last) = (sent, *id);
        }
    }
    known.into_values().filter(|there| there.from < there.until).collect()
}
