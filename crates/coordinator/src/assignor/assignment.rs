//! Partitions by topic.

use model::{PartitionId, Uuid};

/// Partitions of topics, named by id: what a member owns or is to own. Topics and partitions are in order, and no topic
/// is without partitions, so two are equal when they name the same partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    topics: Vec<(Uuid, Vec<PartitionId>)>,
}

impl Assignment {
    /// No partitions.
    pub const EMPTY: &'static Assignment = &Assignment { topics: Vec::new() };

    /// Whether it names no partition.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// How many partitions it names.
    pub fn len(&self) -> usize {
        self.topics.iter().map(|(_, partitions)| partitions.len()).sum()
    }

    /// Topics by id, with their partitions in order.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (Uuid, &[PartitionId])> {
        self.topics.iter().map(|(topic, partitions)| (*topic, partitions.as_slice()))
    }

    /// All partitions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, PartitionId)> {
        self.topics.iter().flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
    }

    /// The partitions of one topic, in order.
    pub fn of_topic(&self, topic: Uuid) -> &[PartitionId] {
        match self.find(topic) {
            Ok(at) => &self.topics[at].1,
            Err(_) => &[],
        }
    }

    /// Whether this partition is one of them.
    pub fn contains(&self, topic: Uuid, partition: PartitionId) -> bool {
        self.of_topic(topic).binary_search(&partition).is_ok()
    }

    /// Adds a partition; one that is there already stays once.
    pub fn insert(&mut self, topic: Uuid, partition: PartitionId) {
        let at = self.find(topic).unwrap_or_else(|at| {
            self.topics.insert(at, (topic, Vec::new()));
            at
        });
        let partitions = &mut self.topics[at].1;
        if let Err(at) = partitions.binary_search(&partition) {
            partitions.insert(at, partition);
        }
    }

    /// Adds a partition that comes after all that are there.
    pub(super) fn push(&mut self, topic: Uuid, partition: PartitionId) {
        match self.topics.last_mut() {
            Some((last, partitions)) if *last == topic => partitions.push(partition),
            _ => self.topics.push((topic, vec![partition])),
        }
    }

    /// The partitions for which `keep` holds.
    pub fn filtered(&self, mut keep: impl FnMut(Uuid, PartitionId) -> bool) -> Assignment {
        let of_topic = |(topic, partitions): &(Uuid, Vec<PartitionId>)| {
            let kept: Vec<PartitionId> = partitions.iter().copied().filter(|p| keep(*topic, *p)).collect();
            (!kept.is_empty()).then_some((*topic, kept))
        };
        Assignment { topics: self.topics.iter().filter_map(of_topic).collect() }
    }

    /// These partitions and those of `other`.
    pub fn united(&self, other: &Assignment) -> Assignment {
        if other.is_empty() {
            return self.clone();
        }
        self.iter().chain(other.iter()).collect()
    }

    fn find(&self, topic: Uuid) -> Result<usize, usize> {
        self.topics.binary_search_by_key(&topic, |(topic, _)| *topic)
    }
}

impl FromIterator<(Uuid, PartitionId)> for Assignment {
    fn from_iter<I: IntoIterator<Item = (Uuid, PartitionId)>>(partitions: I) -> Assignment {
        let mut named: Vec<(Uuid, PartitionId)> = partitions.into_iter().collect();
        named.sort_unstable();
        named.dedup();
        let mut assignment = Assignment::default();
        for (topic, partition) in named {
            assignment.push(topic, partition);
        }
        assignment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_partitions_are_named_does_not_matter() {
        let (one, two) = (Uuid([1; 16]), Uuid([2; 16]));
        let named: Assignment = [(two, 1), (one, 3), (two, 0), (one, 3)].into_iter().collect();
        let mut inserted = Assignment::default();
        for (topic, partition) in [(one, 3), (two, 1), (two, 0), (two, 1)] {
            inserted.insert(topic, partition);
        }
        assert_eq!(named, inserted);
        assert_eq!(named.iter().collect::<Vec<_>>(), [(one, 3), (two, 0), (two, 1)]);
        assert!(named.contains(two, 1) && !named.contains(one, 1));
        assert_eq!(named.filtered(|topic, _| topic == one).united(&named), named);
        assert!(named.filtered(|_, _| false).is_empty());
    }
}
