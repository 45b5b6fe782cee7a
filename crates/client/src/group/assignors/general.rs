//! Partitions on their way to an even spread: who has how many, and who may take from whom.

use super::{Assignments, Members};
use model::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An assignment in the making.
pub(super) struct Balance<'a> {
    members: &'a Members,
    given: Assignments,
    /// Who had what before.
    had: BTreeMap<TopicPartition, Arc<str>>,
    /// Members by how much they have.
    loads: BTreeSet<(usize, Arc<str>)>,
}

impl<'a> Balance<'a> {
    /// Everybody keeps what it had.
    pub fn keeping(had: BTreeMap<TopicPartition, Arc<str>>, members: &'a Members) -> Balance<'a> {
        let mut given: Assignments = members.keys().map(|id| (id.clone(), BTreeSet::new())).collect();
        for (partition, id) in &had {
            given.get_mut(id).expect("those that had it are members").insert(partition.clone());
        }
        let loads = given.iter().map(|(id, given)| (given.len(), id.clone())).collect();
        Balance { members, given, had, loads }
    }

    /// Gives a partition that nobody has to the member that wants it and has least.
    pub fn place(&mut self, partition: TopicPartition) {
        let taker = self.loads.iter().map(|(_, id)| id).find(|id| self.wants(id, &partition.topic)).cloned();
        if let Some(taker) = taker {
            self.change(&taker, |given| given.insert(partition));
        }
    }

    /// Moves partitions from those who have much to those who have less by two or more, until nobody is left of whom
    /// to take.
    pub fn even_out(&mut self) {
        while let Some((from, to, partition)) = self.next_move() {
            self.change(&from, |given| given.remove(&partition));
            self.change(&to, |given| given.insert(partition));
        }
    }

    /// What each member has.
    pub fn finish(self) -> Assignments {
        self.given
    }

    fn next_move(&self) -> Option<(Arc<str>, Arc<str>, TopicPartition)> {
        for (load, from) in self.loads.iter().rev() {
            for (_, to) in self.loads.iter().take_while(|(less, _)| less + 2 <= *load) {
                let mut movable = self.given[from].iter().rev().filter(|of| self.wants(to, &of.topic));
                let first = movable.next();
                // What did not settle here yet moves before what did.
                let settled = |of: &TopicPartition| self.had.get(of) == Some(from);
                let unsettled = first.into_iter().chain(movable).find(|of| !settled(of));
                if let Some(partition) = unsettled.or(first) {
                    return Some((from.clone(), to.clone(), partition.clone()));
                }
            }
        }
        None
    }

    fn wants(&self, id: &Arc<str>, topic: &Arc<str>) -> bool {
        self.members[id].topics.contains(topic)
    }

    fn change(&mut self, id: &Arc<str>, change: impl FnOnce(&mut BTreeSet<TopicPartition>) -> bool) {
        let given = self.given.get_mut(id).expect("a member");
        self.loads.remove(&(given.len(), id.clone()));
        change(given);
        self.loads.insert((given.len(), id.clone()));
    }
}
