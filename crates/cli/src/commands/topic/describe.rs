//! `thalweg topic describe`.

use super::list::replicas;
use crate::explain::explain;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::admin::{ConfigEntry, ConfigResource};
use client::{Admin, Cluster, Isolation, OffsetSpec, PartitionView, TopicView};
use model::{NodeId, Offset, PartitionId, TopicPartition};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Show partitions, offsets and configs of topics.
#[derive(Debug, Args)]
#[command(after_help = "\
Configs that have the servers' default are left out without --all.

Examples:
  thalweg topic describe orders
  thalweg topic describe orders --all
  thalweg topic describe orders -o json | jq '.[0].partitions[].end_offset'")]
pub struct Describe {
    /// Their names
    #[arg(required = true)]
    topics: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// Every config, also those that are as by default
    #[arg(short, long)]
    all: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// All that is shown of a topic.
struct Described {
    view: Arc<TopicView>,
    /// Of the partitions that somebody leads.
    start_offsets: BTreeMap<PartitionId, Offset>,
    end_offsets: BTreeMap<PartitionId, Offset>,
    configs: Vec<ConfigEntry>,
}

impl Describe {
    /// Prints them; those that cannot be described are errors at the end.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let views = Admin::new(&cluster).describe_topics(&names).await.map_err(|error| explain(&cluster, error))?;
        let (mut described, mut failures) = (Vec::new(), Vec::new());
        for (_, view) in views {
            let found = match view {
                Ok(view) => self.describe(&cluster, view).await,
                Err(error) => Err(explain(&cluster, error)),
            };
            match found {
                Ok(topic) => described.push(topic),
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        match self.output {
            Output::Table => {
                let texts: Vec<String> = described.iter().map(Described::text).collect();
                output::print(&texts.join("\n"))?;
            }
            Output::Json => output::print_json(&described.iter().map(Described::json).collect())?,
        }
        if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(failures.join("\n"))) }
    }

    async fn describe(&self, cluster: &Cluster, view: Arc<TopicView>) -> anyhow::Result<Described> {
        let resource = ConfigResource::topic(&*view.name);
        let configs = Admin::new(cluster).describe_configs(&resource, None, false).await;
        let mut configs = configs.map_err(|error| explain(cluster, error))?;
        configs.retain(|config| self.all || config.source != DEFAULT);
        let start_offsets = offsets(cluster, &view, OffsetSpec::Earliest).await?;
        let end_offsets = offsets(cluster, &view, OffsetSpec::Latest).await?;
        Ok(Described { view, start_offsets, end_offsets, configs })
    }
}

/// Kafka's number of the place that sets a config when nobody does.
const DEFAULT: i8 = 5;

/// Who set a config, by Kafka's number.
fn set_by(source: i8) -> &'static str {
    match source {
        1 => "topic",
        2 => "server",
        3 => "all servers",
        4 => "server.properties",
        DEFAULT => "default",
        _ => "unknown",
    }
}

/// Offsets of the partitions that somebody leads: nobody else knows them.
async fn offsets(
    cluster: &Cluster,
    topic: &TopicView,
    spec: OffsetSpec,
) -> anyhow::Result<BTreeMap<PartitionId, Offset>> {
    let led = (0..).zip(&topic.partitions).filter(|(_, partition)| partition.leader >= 0);
    let asked = led.map(|(number, _)| (TopicPartition::new(topic.name.clone(), number), spec)).collect();
    let found = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await;
    let offset = |(of, found): (TopicPartition, client::Result<client::FoundOffset>)| match found {
        Ok(found) => Ok((of.partition, found.offset)),
        Err(error) => Err(explain(cluster, error)),
    };
    found.into_iter().map(offset).collect()
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Described {
    fn text(&self) -> String {
        let view = &self.view;
        let summary = vec![
            view.name.to_string(),
            view.partitions.len().to_string(),
            replicas(view).to_string(),
            view.id.to_string(),
        ];
        let mut text = output::table(&["topic", "partitions", "replicas", "id"], vec![summary]);
        let titles = ["partition", "leader", "epoch", "replicas", "in-sync", "start", "end"];
        let rows = (0..).zip(&view.partitions).map(|(number, partition)| self.row(number, partition)).collect();
        text = format!("{text}\n{}", output::table(&titles, rows));
        if !self.configs.is_empty() {
            text = format!("{text}\n{}", output::table(&["config", "value", "set by"], self.config_rows()));
        }
        text
    }

    fn row(&self, number: PartitionId, partition: &PartitionView) -> Vec<String> {
        let known = |number: i64| if number < 0 { "-".to_owned() } else { number.to_string() };
        let offset = |of: &BTreeMap<PartitionId, Offset>| known(of.get(&number).copied().unwrap_or(-1));
        vec![
            number.to_string(),
            known(partition.leader.into()),
            known(partition.leader_epoch.into()),
            list(&partition.replicas),
            list(&partition.in_sync),
            offset(&self.start_offsets),
            offset(&self.end_offsets),
        ]
    }

    fn config_rows(&self) -> Vec<Vec<String>> {
        let value = |config: &ConfigEntry| match (&config.value, config.is_sensitive) {
            (Some(value), _) => value.clone(),
            (None, true) => "(secret)".to_owned(),
            (None, false) => "-".to_owned(),
        };
        let row = |config: &ConfigEntry| vec![config.name.clone(), value(config), set_by(config.source).to_owned()];
        self.configs.iter().map(row).collect()
    }

    fn json(&self) -> Value {
        let partition = |(number, partition): (PartitionId, &PartitionView)| {
            json!({
                "partition": number,
                "leader": Some(partition.leader).filter(|leader| *leader >= 0),
                "leader_epoch": Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
                "replicas": partition.replicas,
                "in_sync": partition.in_sync,
                "offline": partition.offline,
                "start_offset": self.start_offsets.get(&number),
                "end_offset": self.end_offsets.get(&number),
            })
        };
        let config = |config: &ConfigEntry| {
            json!({
                "name": config.name,
                "value": config.value,
                "set_by": set_by(config.source),
                "sensitive": config.is_sensitive,
                "read_only": config.read_only,
            })
        };
        json!({
            "topic": &*self.view.name,
            "id": self.view.id.to_string(),
            "internal": self.view.is_internal,
            "partitions": (0..).zip(&self.view.partitions).map(partition).collect::<Vec<_>>(),
            "configs": self.configs.iter().map(config).collect::<Vec<_>>(),
        })
    }
}
