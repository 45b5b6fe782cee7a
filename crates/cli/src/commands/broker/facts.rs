//! What is shown of a broker.

use crate::releases::{METADATA_VERSION, release_of};
use client::admin::{ClusterDescription, DescribedBroker};
use client::{Admin, Result};
use model::NodeId;
use runtime::time::{Duration, timeout};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A broker that does not say its version within this time is shown without.
const PATIENCE: Duration = Duration::from_secs(3);

/// The titles of [`BrokerFacts::row`].
pub const TITLES: [&str; 7] = ["broker", "address", "rack", "state", "leads", "replicas", "version"];

/// A broker, with what it does.
#[derive(Debug)]
pub struct BrokerFacts {
    broker: DescribedBroker,
    /// How many partitions it leads, and how many it has replicas of.
    leads: usize,
    replicas: usize,
    /// The highest `metadata.version` that it knows.
    version: Option<i16>,
}

impl BrokerFacts {
    /// The brokers of a cluster.
    ///
    /// # Errors
    /// Its partitions cannot be looked at.
    pub async fn of(admin: &Admin, cluster: &ClusterDescription) -> Result<Vec<BrokerFacts>> {
        let mut counts: BTreeMap<NodeId, (usize, usize)> = BTreeMap::new();
        let topics = admin.describe_partitions(None).await?;
        for partition in topics.values().flatten().flat_map(|topic| &topic.partitions) {
            counts.entry(partition.leader).or_default().0 += 1;
            partition.replicas.iter().for_each(|replica| counts.entry(*replica).or_default().1 += 1);
        }
        let mut facts = Vec::new();
        for broker in &cluster.brokers {
            let (leads, replicas) = counts.get(&broker.node).copied().unwrap_or_default();
            let version = if broker.is_fenced { None } else { version(admin, broker.node).await };
            facts.push(BrokerFacts { broker: broker.clone(), leads, replicas, version });
        }
        Ok(facts)
    }

    /// A row of a table.
    pub fn row(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            self.broker.node.to_string(),
            self.broker.view.address(),
            or_dash(self.broker.view.rack.clone()),
            if self.broker.is_fenced { "fenced" } else { "active" }.to_owned(),
            self.leads.to_string(),
            self.replicas.to_string(),
            or_dash(self.version.and_then(release_of)),
        ]
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "broker": self.broker.node,
            "address": self.broker.view.address(),
            "rack": self.broker.view.rack,
            "fenced": self.broker.is_fenced,
            "leads": self.leads,
            "replicas": self.replicas,
            "version": self.version.and_then(release_of),
        })
    }
}

async fn version(admin: &Admin, node: NodeId) -> Option<i16> {
    let features = timeout(PATIENCE, admin.describe_features(Some(node))).await.ok()?.ok()?;
    features.supported.get(METADATA_VERSION).map(|(_, highest)| *highest)
}
