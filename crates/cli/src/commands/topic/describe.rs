//! `thalweg topic describe`.

use super::list::replicas;
use crate::explain::explain;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::admin::{ConfigEntry, ConfigResource};
use client::{Admin, ClientError, Cluster, Isolation, OffsetSpec, PartitionView, TopicView};
use model::{NodeId, Offset, PartitionId, TopicPartition};
use runtime::time::{Duration, timeout};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Show partitions, offsets and configs of topics.
#[derive(Debug, Args)]
#[command(after_help = "\
Configs that have the servers' default are left out without --all. ELIGIBLE are replicas that
are not in sync, but have all that was acknowledged. LAG tells of the replicas that are behind
by how many offsets, and of those that cannot be asked with a question mark.

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

/// What a broker does not say within this time is left out.
const PATIENCE: Duration = Duration::from_secs(3);

/// All that is shown of a topic.
struct Described {
    view: Arc<TopicView>,
    /// Of the partitions whose leader answers.
    start_offsets: BTreeMap<PartitionId, Offset>,
    end_offsets: BTreeMap<PartitionId, Offset>,
    /// Replicas that are not in sync and may lead (KIP-966).
    eligible: BTreeMap<PartitionId, Vec<NodeId>>,
    /// How far replicas are behind. Those that cannot be asked are not there.
    lags: Lags,
    configs: Vec<ConfigEntry>,
}

/// Offsets that a replica is behind, by partition and broker.
type Lags = BTreeMap<(PartitionId, NodeId), i64>;

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
        let hasty = self.servers.cluster(PATIENCE)?;
        let led = (0..).zip(&view.partitions).filter(|(_, partition)| partition.leader >= 0);
        let led = led.map(|(number, _)| number).collect();
        let start_offsets = offsets(&hasty, &view, led, OffsetSpec::Earliest).await;
        let answered = start_offsets.keys().copied().collect();
        let end_offsets = offsets(&hasty, &view, answered, OffsetSpec::Latest).await;
        let eligible = eligible(cluster, &view.name).await?;
        let lags = lags(cluster, &view).await;
        Ok(Described { view, start_offsets, end_offsets, eligible, lags, configs })
    }
}

/// Who may lead beside those in sync. A cluster that does not know of them has none.
async fn eligible(cluster: &Cluster, topic: &str) -> anyhow::Result<BTreeMap<PartitionId, Vec<NodeId>>> {
    let described = match Admin::new(cluster).describe_partitions(Some(&[topic])).await {
        Err(ClientError::Unsupported { .. }) => return Ok(BTreeMap::new()),
        described => described.map_err(|error| explain(cluster, error))?,
    };
    let topics = described.into_values().flatten();
    Ok(topics.flat_map(|topic| topic.partitions).map(|partition| (partition.partition, partition.eligible)).collect())
}

/// What each broker says of its replicas. One that does not answer leaves a gap.
async fn lags(cluster: &Cluster, topic: &TopicView) -> Lags {
    let alive: BTreeSet<NodeId> = cluster.view().brokers.keys().copied().collect();
    let replicas = topic.partitions.iter().flat_map(|partition| partition.replicas.iter().copied());
    let brokers: BTreeSet<NodeId> = replicas.filter(|node| alive.contains(node)).collect();
    let mut lags = Lags::new();
    for node in brokers {
        let asked = timeout(PATIENCE, Admin::new(cluster).describe_log_directories(node)).await;
        let directories = asked.ok().and_then(Result::ok).unwrap_or_default();
        let replicas = directories.into_iter().filter_map(|(_, directory)| directory.ok()).flat_map(|d| d.replicas);
        for replica in replicas.filter(|r| r.topic_partition.topic == topic.name && !r.is_future) {
            lags.insert((replica.topic_partition.partition, node), replica.offset_lag);
        }
    }
    lags
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

/// Offsets of these partitions. Only leaders know them: where one does not answer, there is none.
async fn offsets(
    cluster: &Cluster,
    topic: &TopicView,
    of: BTreeSet<PartitionId>,
    spec: OffsetSpec,
) -> BTreeMap<PartitionId, Offset> {
    let asked = of.into_iter().map(|number| (TopicPartition::new(topic.name.clone(), number), spec)).collect();
    let found = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await;
    found.into_iter().filter_map(|(of, found)| Some((of.partition, found.ok()?.offset))).collect()
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
        let titles = ["partition", "leader", "epoch", "replicas", "in-sync", "eligible", "lag", "start", "end"];
        let rows = (0..).zip(&view.partitions).map(|(number, partition)| self.row(number, partition)).collect();
        text = format!("{text}\n{}", output::table(&titles, rows));
        if !self.configs.is_empty() {
            text = format!("{text}\n{}", output::table(&["config", "value", "set by"], self.config_rows()));
        }
        text
    }

    fn row(&self, number: PartitionId, partition: &PartitionView) -> Vec<String> {
        let known = |number: i64| if number < 0 { "-".to_owned() } else { number.to_string() };
        let offset = |of: &BTreeMap<PartitionId, Offset>| match of.get(&number) {
            Some(offset) => offset.to_string(),
            None if partition.leader < 0 => "-".to_owned(),
            None => "?".to_owned(),
        };
        vec![
            number.to_string(),
            known(partition.leader.into()),
            known(partition.leader_epoch.into()),
            list(&partition.replicas),
            list(&partition.in_sync),
            Some(list(self.eligible_of(number))).filter(|list| !list.is_empty()).unwrap_or_else(|| "-".to_owned()),
            self.lag_text(number, partition),
            offset(&self.start_offsets),
            offset(&self.end_offsets),
        ]
    }

    fn eligible_of(&self, number: PartitionId) -> &[NodeId] {
        self.eligible.get(&number).map(Vec::as_slice).unwrap_or_default()
    }

    /// Only those replicas that are behind, or cannot be asked.
    fn lag_text(&self, number: PartitionId, partition: &PartitionView) -> String {
        let behind = partition.replicas.iter().filter_map(|node| match self.lags.get(&(number, *node)) {
            Some(0) => None,
            Some(lag) => Some(format!("{node}:{lag}")),
            None => Some(format!("{node}:?")),
        });
        let behind: Vec<String> = behind.collect();
        if behind.is_empty() { "0".to_owned() } else { behind.join(",") }
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
        let lag = |number: PartitionId, partition: &PartitionView| -> BTreeMap<String, Option<i64>> {
            let lag = |node: &NodeId| (node.to_string(), self.lags.get(&(number, *node)).copied());
            partition.replicas.iter().map(lag).collect()
        };
        let partition = |(number, partition): (PartitionId, &PartitionView)| {
            json!({
                "partition": number,
                "leader": Some(partition.leader).filter(|leader| *leader >= 0),
                "leader_epoch": Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
                "replicas": partition.replicas,
                "in_sync": partition.in_sync,
                "offline": partition.offline,
                "eligible": self.eligible_of(number),
                "lag": lag(number, partition),
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
