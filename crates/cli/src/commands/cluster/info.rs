//! `thalweg cluster info`.

use crate::commands::broker::facts::{BrokerFacts, TITLES};
use crate::explain::explain;
use crate::output::{self, Output};
use crate::releases::{METADATA_VERSION, release_of};
use crate::servers::Servers;
use clap::Args;
use client::Admin;
use client::admin::{FeatureLevels, QuorumDescription, QuorumReplica};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Show the cluster: its controllers, its brokers, its features.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg cluster info
  thalweg cluster info -o json | jq -r .cluster_id")]
pub struct Info {
    #[command(flatten)]
    servers: Servers,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

struct Described {
    cluster_id: String,
    /// Without a leader nobody knows how far the controllers are.
    quorum: Result<QuorumDescription, String>,
    brokers: Vec<BrokerFacts>,
    features: FeatureLevels,
}

impl Info {
    /// Prints it.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let admin = Admin::new(&cluster);
        let explained = |error| explain(&cluster, error);
        let described = admin.describe_cluster().await.map_err(explained)?;
        let features = admin.describe_features(None).await.map_err(explained)?;
        let brokers = BrokerFacts::of(&admin, &described).await.map_err(explained)?;
        let quorum = admin.describe_quorum().await.map_err(|error| error.to_string());
        let described = Described { cluster_id: described.cluster_id, quorum, brokers, features };
        match self.output {
            Output::Table => output::print(&described.text())?,
            Output::Json => output::print_json(&described.json())?,
        }
        Ok(())
    }
}

impl Described {
    fn text(&self) -> String {
        let (leader, epoch) = match &self.quorum {
            Ok(quorum) => (quorum.leader.to_string(), quorum.leader_epoch.to_string()),
            Err(_) => ("none".to_owned(), "-".to_owned()),
        };
        let level = self.features.finalized.get(METADATA_VERSION).copied();
        let version = level.map_or_else(|| "-".to_owned(), |level| release_of(level).unwrap_or(level.to_string()));
        let summary = vec![self.cluster_id.clone(), leader, epoch, version];
        let mut text = output::table(&["cluster", "controller", "epoch", "version"], vec![summary]);
        text.push('\n');
        text += &match &self.quorum {
            Ok(quorum) => output::table(&["node", "quorum", "log end", "lag", "caught up"], quorum_rows(quorum)),
            Err(error) => format!("the controllers cannot be asked: {error}\n"),
        };
        text.push('\n');
        text += &output::table(&TITLES, self.brokers.iter().map(BrokerFacts::row).collect());
        text.push('\n');
        text + &output::table(&["feature", "level", "supported"], self.feature_rows())
    }

    fn feature_rows(&self) -> Vec<Vec<String>> {
        let row = |(name, (lowest, highest)): (&String, &(i16, i16))| {
            let level = self.features.finalized.get(name).copied().unwrap_or(0);
            vec![name.clone(), level.to_string(), format!("{lowest} to {highest}")]
        };
        self.features.supported.iter().map(row).collect()
    }

    fn json(&self) -> Value {
        let quorum = self.quorum.as_ref().ok().map(|quorum| {
            json!({
                "leader": quorum.leader,
                "leader_epoch": quorum.leader_epoch,
                "high_watermark": quorum.high_watermark,
                "voters": quorum.voters.iter().map(|voter| replica(quorum, voter)).collect::<Vec<_>>(),
                "observers": quorum.observers.iter().map(|observer| replica(quorum, observer)).collect::<Vec<_>>(),
            })
        });
        let features: BTreeMap<&String, Value> = self
            .features
            .supported
            .iter()
            .map(|(name, (lowest, highest))| {
                let level = self.features.finalized.get(name).copied().unwrap_or(0);
                (name, json!({"level": level, "min": lowest, "max": highest}))
            })
            .collect();
        json!({
            "cluster_id": self.cluster_id,
            "quorum": quorum,
            "quorum_error": self.quorum.as_ref().err(),
            "brokers": self.brokers.iter().map(BrokerFacts::json).collect::<Vec<_>>(),
            "features": features,
        })
    }
}

fn quorum_rows(quorum: &QuorumDescription) -> Vec<Vec<String>> {
    let row = |replica: &QuorumReplica, role: &str| {
        let known = replica.log_end_offset >= 0;
        vec![
            replica.node.to_string(),
            if replica.node == quorum.leader { "leader" } else { role }.to_owned(),
            if known { replica.log_end_offset.to_string() } else { "-".to_owned() },
            if known { lag(quorum, replica).to_string() } else { "-".to_owned() },
            ago(quorum, replica),
        ]
    };
    let sorted = |replicas: &[QuorumReplica], role: &str| {
        let mut replicas: Vec<_> = replicas.iter().collect();
        replicas.sort_by_key(|replica| replica.node);
        replicas.into_iter().map(|replica| row(replica, role)).collect::<Vec<_>>()
    };
    [sorted(&quorum.voters, "voter"), sorted(&quorum.observers, "observer")].concat()
}

fn lag(quorum: &QuorumDescription, replica: &QuorumReplica) -> i64 {
    (quorum.log_end_offset() - replica.log_end_offset).max(0)
}

/// When it had everything, by the clock of the leader.
fn ago(quorum: &QuorumDescription, replica: &QuorumReplica) -> String {
    let leader = quorum.voters.iter().find(|voter| voter.node == quorum.leader);
    match leader.map(|leader| leader.last_caught_up - replica.last_caught_up) {
        Some(_) if replica.last_caught_up < 0 => "-".to_owned(),
        Some(ago) if ago >= 1000 => format!("{} s ago", ago / 1000),
        Some(_) => "now".to_owned(),
        None => "-".to_owned(),
    }
}

fn replica(quorum: &QuorumDescription, replica: &QuorumReplica) -> Value {
    let known = |number: i64| Some(number).filter(|number| *number >= 0);
    json!({
        "node": replica.node,
        "directory": Some(replica.directory).filter(|id| !id.is_zero()).map(|id| id.to_string()),
        "log_end_offset": known(replica.log_end_offset),
        "lag": known(replica.log_end_offset).map(|_| lag(quorum, replica)),
        "last_fetch": known(replica.last_fetch),
        "last_caught_up": known(replica.last_caught_up),
    })
}
