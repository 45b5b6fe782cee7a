//! What each topic promised at its weakest so far: configs change, and nodes hear of it at different times. A change counts
//! from when somebody asks for it: it may be in force before any node that still runs shows it.

use crate::run::Cluster;
use jepsen_lite::history::{Durability, TopicSettings};
use model::{Offset, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// By topic.
#[derive(Default)]
pub struct Promises {
    topics: BTreeMap<Uuid, Weakest>,
    names: BTreeMap<String, BTreeSet<Uuid>>,
    /// The weakest that was asked for, by name.
    asked: BTreeMap<String, Weakest>,
    /// The end of the metadata that was taken into account last, unless somebody asked for something since.
    seen: Option<Offset>,
}

#[derive(Clone, Copy)]
struct Weakest {
    min_in_sync: u16,
    /// Never in the page cache only, never led by a replica out of sync.
    firm: bool,
}

const MIN_IN_SYNC: &str = "min.insync.replicas";

impl Promises {
    /// Somebody is about to ask for other configs.
    pub fn asked(&mut self, topic: &str, changes: &BTreeMap<String, Option<String>>) {
        let set = changes.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
        let wanted = TopicSettings::of(&set);
        let strongest = Weakest { min_in_sync: u16::MAX, firm: true };
        let weakest = self.asked.entry(topic.to_owned()).or_insert(strongest);
        if changes.contains_key(MIN_IN_SYNC) {
            weakest.min_in_sync = weakest.min_in_sync.min(wanted.min_in_sync);
        }
        weakest.firm &= is_firm(&wanted);
        self.seen = None;
    }

    /// Takes what holds now into account.
    pub fn look(&mut self, cluster: &Cluster) -> &Promises {
        let Some(image) = cluster.image() else { return self };
        if self.seen.replace(image.end_offset()) == Some(image.end_offset()) {
            return self;
        }
        for topic in image.topics() {
            if !self.topics.contains_key(&topic.id) {
                self.names.entry(topic.name.to_string()).or_default().insert(topic.id);
            }
            let settings = TopicSettings::of(&topic.configs);
            let now = Weakest { min_in_sync: settings.min_in_sync, firm: is_firm(&settings) };
            let asked = self.asked.get(&*topic.name).copied().unwrap_or(now);
            let weakest = self.topics.entry(topic.id).or_insert(now);
            weakest.min_in_sync = weakest.min_in_sync.min(now.min_in_sync).min(asked.min_in_sync);
            weakest.firm &= now.firm && asked.firm;
        }
        self
    }

    /// The least that had to be in sync; one for a topic that was never seen.
    pub fn min_in_sync(&self, topic: Uuid) -> u16 {
        self.topics.get(&topic).map_or(1, |weakest| weakest.min_in_sync)
    }

    /// Whether a topic was deleted and made anew: then a name alone does not tell which one was meant.
    pub fn has_lived_twice(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|ids| ids.len() > 1)
    }

    /// The topics of which nothing that is acknowledged to acks=all may be lost, while disks hold what they hold.
    pub fn safe(&self) -> BTreeSet<Uuid> {
        self.topics.iter().filter(|(_, weakest)| weakest.firm).map(|(id, _)| *id).collect()
    }

    /// The topics of which nothing that is committed may ever change.
    pub fn firm(&self) -> BTreeSet<Uuid> {
        self.topics.iter().filter(|(_, weakest)| weakest.firm && weakest.min_in_sync > 1).map(|(id, _)| *id).collect()
    }
}

fn is_firm(settings: &TopicSettings) -> bool {
    settings.durability == Durability::Journaled && !settings.unclean_election
}
