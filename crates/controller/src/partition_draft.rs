//! What one decision changes about partitions and brokers, gathered before any of it is written. However often a
//! decision touches a partition, the partition changes once: from what the log holds to what [`settle`](crate::settle)
//! makes of all that was gathered.

use crate::machine::View;
use crate::records::Record;
use crate::replica_index::PartitionKey;
use crate::settle::Settling;
use crate::snapshot::partition_record;
use model::metadata_image::{BrokerImage, PartitionImage};
use model::{NodeId, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is to change about one partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// The ISR that its leader asks for.
    pub isr: Option<Vec<NodeId>>,
    /// Other replicas.
    pub assignment: Option<Assignment>,
    /// Replicas that are in another log directory than before.
    pub directories: BTreeMap<NodeId, Uuid>,
    /// Replicas that have no claim any more to have all that is committed, and why.
    pub lost: BTreeMap<NodeId, Loss>,
    /// Beyond what must be, who shall lead.
    pub election: Election,
}

/// The replicas of a partition, and those on their way in and out.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub replicas: Vec<NodeId>,
    pub adding: Vec<NodeId>,
    pub removing: Vec<NodeId>,
}

/// Why a replica lost its claim, the worse the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Its broker ended without writing everything down, in a partition that does not write ahead.
    UncleanStop,
    /// It failed closed.
    Unusable,
    /// Its directory is gone.
    Wiped,
}

/// Who shall lead, beyond that the leader must be alive and in sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Election {
    /// Whoever leads goes on.
    #[default]
    IfNeeded,
    /// The first replica, if it is in sync.
    Preferred,
    /// If nobody has all that is committed, whoever is alive: an administrator asked for it.
    Unclean,
}

impl View<'_> {
    /// What is known of a broker, with what this decision has changed.
    pub(crate) fn broker(&self, id: NodeId) -> Option<&BrokerImage> {
        match self.changed_brokers.get(&id) {
            Some(changed) => changed.as_ref(),
            None => self.hard.broker(id).map(|broker| &**broker),
        }
    }

    /// A partition as the log has it.
    pub(crate) fn partition(&self, (topic, number): PartitionKey) -> Option<&Arc<PartitionImage>> {
        self.hard.topic_by_id(topic).and_then(|topic| topic.partition(number))
    }

    /// What is to change about a partition so far. One without a change of its own is settled all the same: someone
    /// who may lead it now, or no longer, may have come or gone.
    pub(crate) fn draft(&mut self, key: PartitionKey) -> &mut Draft {
        self.drafts.entry(key).or_default()
    }

    /// A partition as it will be, if `draft` is all that changes about it.
    pub(crate) fn settled(&mut self, key: PartitionKey, draft: &Draft) -> Option<PartitionImage> {
        let before = self.partition(key)?.clone();
        let rules = self.topic_rules(key.0);
        Some(Settling { view: self, key, before: &before, draft, rules }.settle())
    }

    /// Writes down what the drafts come to.
    pub(crate) fn write_drafts(&mut self) {
        for (key, draft) in std::mem::take(&mut self.drafts) {
            let Some(after) = self.settled(key, &draft) else { continue };
            if self.partition(key).is_some_and(|before| **before != after) {
                self.records.push(Record::Partition(partition_record(key.0, key.1, &after)));
            }
        }
    }
}

impl Draft {
    /// A replica has no claim any more.
    pub fn lose(&mut self, replica: NodeId, loss: Loss) {
        let known = self.lost.entry(replica).or_insert(loss);
        *known = loss.max(*known);
    }
}
