//! `thalweg topic alter`.

use super::parse_config;
use crate::explain::explain;
use crate::output::Output;
use crate::results::Results;
use crate::servers::Servers;
use clap::{ArgGroup, Args};
use client::Admin;
use client::admin::{ConfigChange, ConfigOperation, ConfigResource};
use model::PartitionId;

/// Give topics more partitions, or change their configs.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["partitions", "config", "unset", "append", "subtract"]))]
#[command(after_help = "\
Records stay where they are when a topic gets more partitions; keys may go to other partitions from then on.

Examples:
  thalweg topic alter orders -p 24
  thalweg topic alter orders -c retention.ms=86400000 --unset cleanup.policy
  thalweg topic alter orders --append cleanup.policy=compact --dry-run")]
pub struct Alter {
    /// Their names
    #[arg(required = true)]
    topics: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// How many partitions there will be, with those that there are
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<PartitionId>,
    /// Set a config. May be repeated, as the next ones may
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<(String, String)>,
    /// Let the servers' default hold
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Add to a config that is a list
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_config)]
    append: Vec<(String, String)>,
    /// Take from a config that is a list
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_config)]
    subtract: Vec<(String, String)>,
    /// Only check whether it can be done
    #[arg(long)]
    dry_run: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Alter {
    /// Changes them, each wholly or not at all as far as can be told beforehand.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let admin = Admin::new(&cluster);
        let mut results = Results::of("topic");
        for topic in &self.topics {
            let checked = self.alter(&admin, topic, true).await;
            let result = match checked {
                Ok(()) if !self.dry_run => self.alter(&admin, topic, false).await.map(|()| "changed"),
                checked => checked.map(|()| "can be changed"),
            };
            results.push(topic, result.map_err(|error| explain(&cluster, error)));
        }
        results.print(&self.topics, self.output)
    }

    async fn alter(&self, admin: &Admin, topic: &str, validate_only: bool) -> client::Result<()> {
        let changes = self.changes();
        if !changes.is_empty() {
            admin.alter_configs(&ConfigResource::topic(topic), &changes, validate_only).await?;
        }
        match self.partitions {
            Some(count) => admin.create_partitions(topic, count, validate_only).await,
            None => Ok(()),
        }
    }

    fn changes(&self) -> Vec<ConfigChange> {
        let list = |pairs: &[(String, String)], operation: fn(String) -> ConfigOperation| {
            let change = |(key, value): &(String, String)| ConfigChange {
                name: key.clone(),
                operation: operation(value.clone()),
            };
            pairs.iter().map(change).collect::<Vec<_>>()
        };
        let mut changes = list(&self.config, ConfigOperation::Set);
        changes.extend(self.unset.iter().map(ConfigChange::delete));
        changes.extend(list(&self.append, ConfigOperation::Append));
        changes.extend(list(&self.subtract, ConfigOperation::Subtract));
        changes
    }
}
