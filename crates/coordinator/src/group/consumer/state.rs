//! What is known for good of one consumer group.

use super::member::{Current, Member, Profile};
use crate::assignor::Assignment;
use bytes::Bytes;
use model::map::HashMap;
use model::{PartitionId, Timestamp, Uuid};
use protocol::Text;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A group of the consumer protocol (KIP-848). It changes by its records alone: see [`ConsumerGroup::replay`].
///
/// A clone shares what it can, so that a decision may look at what its records will make of the group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroup {
    /// The group epoch: rises with every change that asks for another assignment.
    pub(super) epoch: i32,
    pub(super) metadata_hash: i64,
    /// The last rebalances, as they stand in the group's record.
    pub(super) history: Option<Bytes>,
    pub(super) members: BTreeMap<Text, Arc<Member>>,
    /// The group epoch that the target assignment was made for.
    pub(super) assignment_epoch: i32,
    pub(super) assignment_timestamp: Timestamp,
    pub(super) targets: Arc<BTreeMap<Text, Arc<Assignment>>>,
    pub(super) patterns: BTreeMap<Text, ResolvedPattern>,
    /// A record of an earlier Kafka that is to be deleted stands in the log.
    pub(super) has_partition_metadata: bool,
    /// Follows from the members: who holds each partition.
    owners: Arc<HashMap<(Uuid, PartitionId), Text>>,
    /// Follows from the members: who has each instance id.
    static_members: BTreeMap<Text, Text>,
    /// Follows from the members: the lists of names subscribed to, each kept once, and how many members have it.
    name_lists: BTreeMap<Arc<[Text]>, usize>,
    /// Follows from the members: how many subscribe to each pattern.
    pattern_counts: BTreeMap<Text, usize>,
    /// Follows from the members: how many hold all that the target gives them.
    arrived: usize,
}

/// The topics that a pattern stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedPattern {
    /// Their names.
    pub topics: BTreeSet<Text>,
    /// The end offset of the metadata that it was resolved against.
    pub version: i64,
    /// When that was, by the wall clock.
    pub timestamp: Timestamp,
}

impl ConsumerGroup {
    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether nothing is known of it: its records are gone.
    pub fn is_gone(&self) -> bool {
        *self == ConsumerGroup::default()
    }

    /// All members, by id.
    pub fn members(&self) -> &BTreeMap<Text, Arc<Member>> {
        &self.members
    }

    /// The member with this id.
    pub fn member(&self, id: &str) -> Option<&Arc<Member>> {
        self.members.get(id)
    }

    /// The id of the member that has this instance id.
    pub fn static_member(&self, instance_id: &str) -> Option<&Text> {
        self.static_members.get(instance_id)
    }

    /// Whether every member holds all that the target gives it.
    pub fn have_all_arrived(&self) -> bool {
        self.arrived == self.members.len()
    }

    /// The same without looking at one of them.
    pub fn have_others_arrived(&self, id: &Text) -> bool {
        let one = self.members.get(id);
        let arrived = one.is_some_and(|member| member.has_reached(self.assignment_epoch));
        self.arrived - usize::from(arrived) == self.members.len() - usize::from(one.is_some())
    }

    /// All members, by id, each with what it is to own. Walks along both maps: looking up a thousand is much of an
    /// assignment.
    pub fn members_and_targets(&self) -> impl Iterator<Item = (&Text, &Member, Option<&Assignment>)> {
        let mut targets = self.targets.iter();
        let mut next = targets.next();
        self.members.iter().map(move |(id, member)| {
            let order = loop {
                let order = next.map(|(other, _)| other.cmp(id));
                if order != Some(Ordering::Less) {
                    break order;
                }
                next = targets.next();
            };
            let is_its_own = order == Some(Ordering::Equal);
            let target = if is_its_own { std::mem::replace(&mut next, targets.next()) } else { None };
            (id, &**member, target.map(|(_, target)| &**target))
        })
    }

    /// What this member is to own.
    pub fn target(&self, member: &Text) -> &Assignment {
        self.targets.get(member).map_or(Assignment::EMPTY, Arc::as_ref)
    }

    /// Who holds this partition, to keep or still to give up.
    pub fn owner(&self, topic: Uuid, partition: PartitionId) -> Option<&Text> {
        self.owners.get(&(topic, partition))
    }

    /// How many members subscribe to this pattern.
    pub fn subscribers_of_pattern(&self, pattern: &str) -> usize {
        self.pattern_counts.get(pattern).copied().unwrap_or(0)
    }

    /// The patterns that members subscribe to.
    pub fn subscribed_patterns(&self) -> impl Iterator<Item = &Text> {
        self.pattern_counts.keys()
    }

    /// What a pattern stands for, if it was resolved.
    pub fn resolved(&self, pattern: &str) -> Option<&ResolvedPattern> {
        self.patterns.get(pattern)
    }

    /// Whether any member subscribes to this topic, by name or by pattern.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.name_lists.keys().any(|names| has_name(names, topic))
            || self.patterns.values().any(|pattern| pattern.topics.contains(topic))
    }

    /// How many members have exactly this list of names.
    pub fn subscribers_of_names(&self, names: &[Text]) -> usize {
        self.name_lists.get(names).copied().unwrap_or(0)
    }

    /// Every name that a member subscribes to, or that a pattern stands for.
    pub fn subscribed_topics(&self) -> BTreeSet<&Text> {
        let by_pattern = self.patterns.values().flat_map(|pattern| &pattern.topics);
        self.name_lists.keys().flat_map(|names| names.iter()).chain(by_pattern).collect()
    }

    /// Whether this member subscribes to the topic with this name.
    pub fn subscribes(&self, profile: &Profile, topic: &str) -> bool {
        has_name(&profile.topics, topic)
            || self.resolved(&profile.pattern).is_some_and(|pattern| pattern.topics.contains(topic))
    }

    /// The assignor that most members ask for; none when none does. Of two that are asked for equally often, the first
    /// by name.
    pub fn preferred_assignor(&self) -> Option<&Text> {
        let mut wishes: BTreeMap<&Text, usize> = BTreeMap::new();
        for assignor in self.members.values().filter_map(|member| member.profile.assignor.as_ref()) {
            *wishes.entry(assignor).or_default() += 1;
        }
        wishes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(assignor, _)| assignor)
    }
}

/// Whether the ordered list has this name.
fn has_name(names: &[Text], name: &str) -> bool {
    names.binary_search_by(|other| other.as_bytes().as_ref().cmp(name.as_bytes())).is_ok()
}

/// Changes, which only records bring about.
impl ConsumerGroup {
    pub(super) fn set_profile(&mut self, id: &Text, mut profile: Profile) {
        if let Some(before) = self.members.get(id).map(|member| member.profile.clone()) {
            self.forget_subscription(id, &before);
        }
        // One list for all who have the same.
        if let Some((list, _)) = self.name_lists.get_key_value(&profile.topics) {
            profile.topics = list.clone();
        }
        *self.name_lists.entry(profile.topics.clone()).or_default() += 1;
        if !profile.pattern.is_empty() {
            *self.pattern_counts.entry(profile.pattern.clone()).or_default() += 1;
        }
        if let Some(instance_id) = &profile.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        if !self.members.contains_key(id) {
            self.arrived += usize::from(Member::default().has_reached(self.assignment_epoch));
        }
        Arc::make_mut(self.members.entry(id.clone()).or_default()).profile = profile;
    }

    pub(super) fn set_assignment_epoch(&mut self, epoch: i32, timestamp: Timestamp) {
        self.assignment_epoch = epoch;
        self.assignment_timestamp = timestamp;
        self.arrived = self.members.values().filter(|member| member.has_reached(epoch)).count();
    }

    fn forget_subscription(&mut self, id: &Text, profile: &Profile) {
        take_one(&mut self.name_lists, &profile.topics);
        take_one(&mut self.pattern_counts, &profile.pattern);
        if let Some(instance_id) = &profile.instance_id
            && self.static_members.get(instance_id) == Some(id)
        {
            self.static_members.remove(instance_id);
        }
    }

    pub(super) fn set_current(&mut self, id: &Text, current: Current) {
        if !self.members.contains_key(id) {
            // In a compacted log this record may come before the one that says who the member is.
            self.set_profile(id, Profile::default());
        }
        let epoch = self.assignment_epoch;
        let member = Arc::make_mut(self.members.get_mut(id).expect("it is there now"));
        self.arrived -= usize::from(member.has_reached(epoch));
        let before = std::mem::replace(&mut member.current, current);
        self.arrived += usize::from(member.has_reached(epoch));
        let after = member.current.clone();
        if (&before.assigned, &before.revoking) != (&after.assigned, &after.revoking) {
            self.disown(id, &before);
            let owners = Arc::make_mut(&mut self.owners);
            for held in after.assigned.iter().chain(after.revoking.iter()) {
                owners.insert((held.topic, held.partition), id.clone());
            }
        }
    }

    fn disown(&mut self, id: &Text, current: &Current) {
        if current.assigned.is_empty() && current.revoking.is_empty() {
            return;
        }
        let owners = Arc::make_mut(&mut self.owners);
        for held in current.assigned.iter().chain(current.revoking.iter()) {
            if owners.get(&(held.topic, held.partition)) == Some(id) {
                owners.remove(&(held.topic, held.partition));
            }
        }
    }

    pub(super) fn remove_member(&mut self, id: &str) {
        if let Some((id, member)) = self.members.remove_entry(id) {
            self.arrived -= usize::from(member.has_reached(self.assignment_epoch));
            self.disown(&id, &member.current);
            self.forget_subscription(&id, &member.profile);
        }
    }
}

fn take_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
