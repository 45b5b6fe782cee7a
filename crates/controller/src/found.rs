//! Founding: the first records of a log.

use crate::features::{ELIGIBLE_LEADER_REPLICAS, FEATURES};
use crate::machine::{Reply, View};
use crate::records::{RECORD_LEVEL, Record, Resource};

/// What a new cluster starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// Its id: 22 letters of URL-safe base64, or any text that was given.
    pub cluster_id: String,
    /// Levels of features, where not the newest.
    pub features: Vec<(String, i16)>,
}

impl Founding {
    /// A cluster with every feature at its newest level.
    pub fn new(cluster_id: impl Into<String>) -> Founding {
        Founding { cluster_id: cluster_id.into(), features: Vec::new() }
    }

    fn level(&self, name: &str, newest: i16) -> i16 {
        self.features.iter().find(|(given, _)| given == name).map_or(newest, |(_, level)| *level)
    }
}

impl View<'_> {
    /// Writes the first records; in a cluster that was founded before, none.
    pub(crate) fn found(&mut self, founding: &Founding) -> Reply {
        if self.hard.cluster_id().is_some() {
            return Reply::Founded;
        }
        self.records.push(Record::Founded { cluster_id: founding.cluster_id.clone(), record_level: RECORD_LEVEL });
        for feature in FEATURES {
            let level = founding.level(feature.name, feature.max);
            if level > 0 {
                self.records.push(Record::FeatureLevel { name: feature.name.to_owned(), level });
            }
        }
        if founding.level(ELIGIBLE_LEADER_REPLICAS, 1) > 0 {
            self.records.push(self.fixed_min_insync_replicas());
        }
        Reply::Founded
    }

    /// Who may lead without being in the ISR depends on `min.insync.replicas`, so it must be the same on all brokers
    /// (KIP-966): what the founder was given becomes the default of all.
    pub(crate) fn fixed_min_insync_replicas(&self) -> Record {
        Record::Config {
            resource: Resource::AllBrokers,
            name: "min.insync.replicas".to_owned(),
            value: Some(self.settings.number("min.insync.replicas").to_string()),
        }
    }
}
