//! The partitions of a group laid out in one row, and who has each.

use super::{Assignment, GroupSpec};
use std::collections::BTreeMap;

/// Nobody has it yet.
const FREE: u32 = u32::MAX;

/// All partitions of all topics, in one row: those of the first topic, then those of the next.
pub struct Board<'a> {
    pub group: &'a GroupSpec<'a>,
    owners: Vec<u32>,
    /// How many partitions each member has.
    pub loads: Vec<usize>,
    /// Where each topic starts in the row.
    starts: Vec<usize>,
    /// For each partition of the row, the racks that it has replicas in; empty when racks cannot matter.
    racks: Vec<Vec<u16>>,
    /// The rack of each member.
    pub member_racks: Vec<Option<u16>>,
}

impl<'a> Board<'a> {
    /// The row of a group's partitions, nobody having any.
    pub fn new(group: &'a GroupSpec<'a>) -> Board<'a> {
        let mut starts = Vec::with_capacity(group.topics.len());
        let mut end = 0;
        for topic in &group.topics {
            starts.push(end);
            end += topic.partitions;
        }
        let mut board = Board {
            group,
            owners: vec![FREE; end],
            loads: vec![0; group.members.len()],
            starts,
            racks: Vec::new(),
            member_racks: vec![None; group.members.len()],
        };
        board.learn_racks();
        board
    }

    /// Numbers the racks that members are in, and notes which of them each partition is in.
    fn learn_racks(&mut self) {
        let mut numbers: BTreeMap<&str, u16> = BTreeMap::new();
        for (member, spec) in self.group.members.iter().enumerate() {
            let Some(rack) = spec.rack else { continue };
            let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
            self.member_racks[member] = Some(*numbers.entry(rack).or_insert(next));
        }
        if numbers.is_empty() || self.group.topics.iter().all(|topic| topic.racks.is_empty()) {
            return;
        }
        self.racks = vec![Vec::new(); self.owners.len()];
        for (topic, start) in self.group.topics.iter().zip(&self.starts) {
            for (partition, racks) in topic.racks.iter().enumerate().take(topic.partitions) {
                self.racks[start + partition] = racks.iter().filter_map(|rack| numbers.get(&**rack).copied()).collect();
            }
        }
    }

    /// Whether any choice could be better than another for the racks.
    pub fn has_racks(&self) -> bool {
        !self.racks.is_empty()
    }

    /// The racks of members that this place of the row has replicas in.
    pub fn racks(&self, place: usize) -> &[u16] {
        self.racks.get(place).map_or(&[], Vec::as_slice)
    }

    /// Whether this place of the row has a replica in the member's rack.
    pub fn is_near(&self, place: usize, member: usize) -> bool {
        self.member_racks[member].is_some_and(|rack| self.racks(place).contains(&rack))
    }

    /// The places of one topic.
    pub fn places(&self, topic: usize) -> std::ops::Range<usize> {
        self.starts[topic]..self.starts[topic] + self.group.topics[topic].partitions
    }

    /// Who has this place.
    pub fn owner(&self, place: usize) -> Option<usize> {
        (self.owners[place] != FREE).then_some(self.owners[place] as usize)
    }

    /// Gives a place to a member, whoever had it.
    pub fn give(&mut self, place: usize, member: usize) {
        if let Some(before) = self.owner(place) {
            self.loads[before] -= 1;
        }
        self.owners[place] = u32::try_from(member).expect("fewer members than that");
        self.loads[member] += 1;
    }

    /// The places that a member owned, may still own, and that no other member owned before it; those near it first.
    pub fn held_by(&self, member: usize) -> Vec<usize> {
        let spec = &self.group.members[member];
        let mut held = Vec::new();
        for (id, partitions) in spec.owned.topics() {
            let Ok(topic) = self.group.topics.binary_search_by_key(&id, |topic| topic.id) else { continue };
            if self.group.topics_of(member).binary_search(&topic).is_err() {
                continue;
            }
            let places = self.places(topic);
            let place = |partition: &i32| usize::try_from(*partition).ok().map(|partition| places.start + partition);
            held.extend(partitions.iter().filter_map(place).filter(|place| places.contains(place)));
        }
        held.retain(|place| self.owner(*place).is_none());
        if self.has_racks() {
            held.sort_by_key(|place| !self.is_near(*place, member));
        }
        held
    }

    /// What each member has.
    pub fn assignments(&self) -> Vec<Assignment> {
        let mut assignments = vec![Assignment::default(); self.loads.len()];
        for (topic, start) in self.group.topics.iter().zip(&self.starts) {
            for partition in 0..topic.partitions {
                let Some(owner) = self.owner(start + partition) else { continue };
                assignments[owner].push(topic.id, i32::try_from(partition).expect("a partition's number"));
            }
        }
        assignments
    }
}
