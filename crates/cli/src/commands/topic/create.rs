//! `thalweg topic create`.

use super::parse_config;
use crate::explain::explain;
use crate::output::Output;
use crate::results::Results;
use crate::servers::Servers;
use clap::Args;
use client::Admin;
use client::admin::NewTopic;
use model::ErrorCode;

/// Create topics.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg topic create orders
  thalweg topic create orders payments -p 12 -c cleanup.policy=compact
  thalweg topic create orders --if-not-exists")]
pub struct Create {
    /// Their names
    #[arg(required = true)]
    topics: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// How many partitions [default: the servers' num.partitions]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas each partition has [default: the servers' default.replication.factor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replicas: Option<i16>,
    /// A config that is not the servers' default. May be repeated
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<(String, String)>,
    /// A topic that exists already is left as it is
    #[arg(long)]
    if_not_exists: bool,
    /// Only check whether it can be done
    #[arg(long)]
    dry_run: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Create {
    /// Creates them.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let topics: Vec<NewTopic> = self.topics.iter().map(|name| self.topic(name)).collect();
        let created = Admin::new(&cluster).create_topics(&topics, self.dry_run).await;
        let mut results = Results::of("topic");
        for (topic, result) in created.map_err(|error| explain(&cluster, error))? {
            let exists = |error: &client::ClientError| error.error_code() == Some(ErrorCode::TopicAlreadyExists);
            let result = match result {
                Ok(_) if self.dry_run => Ok("can be created"),
                Ok(_) => Ok("created"),
                Err(error) if self.if_not_exists && exists(&error) => Ok("exists already"),
                Err(error) => Err(explain(&cluster, error)),
            };
            results.push(&topic, result);
        }
        results.print(&self.topics, self.output)
    }

    fn topic(&self, name: &str) -> NewTopic {
        let configs = self.config.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        NewTopic {
            replication_factor: self.replicas.unwrap_or(-1),
            configs: configs.collect(),
            ..NewTopic::new(name, self.partitions.unwrap_or(-1))
        }
    }
}
