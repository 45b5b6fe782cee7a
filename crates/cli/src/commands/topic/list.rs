//! `thalweg topic list`.

use crate::explain::explain;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::{Admin, TopicView};
use serde_json::{Value, json};

/// List topics.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg topic list
  thalweg topic list -o json | jq -r '.[].topic'")]
pub struct List {
    #[command(flatten)]
    servers: Servers,
    /// Also those that are the servers' own
    #[arg(long)]
    internal: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl List {
    /// Prints them.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let mut topics = Admin::new(&cluster).list_topics().await.map_err(|error| explain(&cluster, error))?;
        topics.retain(|topic| self.internal || !topic.is_internal);
        match self.output {
            Output::Table => {
                let row = |topic: &TopicView| {
                    vec![topic.name.to_string(), topic.partitions.len().to_string(), replicas(topic).to_string()]
                };
                let rows = topics.iter().map(|topic| row(topic)).collect();
                output::print(&output::table(&["topic", "partitions", "replicas"], rows))?;
            }
            Output::Json => output::print_json(&topics.iter().map(|topic| json(topic)).collect())?,
        }
        Ok(())
    }
}

/// How many replicas its partitions have.
pub fn replicas(topic: &TopicView) -> usize {
    topic.partitions.iter().map(|partition| partition.replicas.len()).max().unwrap_or(0)
}

fn json(topic: &TopicView) -> Value {
    json!({
        "topic": &*topic.name,
        "id": topic.id.to_string(),
        "internal": topic.is_internal,
        "partitions": topic.partitions.len(),
        "replicas": replicas(topic),
    })
}
