//! What a topic's configs say about who may lead its partitions.

use crate::config_change::MIN_INSYNC_REPLICAS;
use crate::machine::View;
use model::Uuid;
use model::config::{Layers, Scope, lookup};
use model::metadata_image::{ConfigResource, Configs};

/// A topic's rules, with what a decision has changed about them so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicRules {
    /// `min.insync.replicas`; a partition with fewer replicas needs only as many as it has.
    pub min_insync_replicas: usize,
    /// `unclean.leader.election.enable`.
    pub unclean_election: bool,
    /// What is acknowledged is on stable storage, so a replica keeps it through any crash.
    pub is_journaled: bool,
}

impl View<'_> {
    /// The rules of a topic.
    pub(crate) fn topic_rules(&mut self, topic: Uuid) -> TopicRules {
        match self.rules {
            Some((known, rules)) if known == topic => rules,
            _ => {
                let rules = self.read_rules(topic);
                self.rules = Some((topic, rules));
                rules
            }
        }
    }

    fn read_rules(&self, topic: Uuid) -> TopicRules {
        let nothing = Configs::new();
        let topic = self.hard.topic_by_id(topic);
        let set = topic.map_or(&nothing, |topic| {
            self.changed_configs.get(&ConfigResource::Topic(topic.name.to_string())).unwrap_or(&topic.configs)
        });
        let present = self.settings.layers(self.hard);
        let dynamic_default = self.changed_configs.get(&ConfigResource::AllBrokers).unwrap_or(present.dynamic_default);
        let layers = Layers { dynamic_default, ..present };
        let number = |name: &str| value(&layers, set, name).and_then(|text| text.trim().parse::<u64>().ok());
        TopicRules {
            min_insync_replicas: number(MIN_INSYNC_REPLICAS).and_then(|size| size.try_into().ok()).unwrap_or(1),
            unclean_election: value(&layers, set, UNCLEAN_ELECTION).is_some_and(|text| text.trim() == "true"),
            is_journaled: topic.is_some_and(|topic| topic.is_internal()) || number("flush.messages") == Some(1),
        }
    }
}

/// The name of the config that lets a replica lead that may lack records.
pub(crate) const UNCLEAN_ELECTION: &str = "unclean.leader.election.enable";

fn value(layers: &Layers<'_>, set: &Configs, name: &str) -> Option<String> {
    layers.topic_config(lookup(Scope::Topic, name)?, set).value
}
