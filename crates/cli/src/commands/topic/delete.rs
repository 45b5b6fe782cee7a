//! `thalweg topic delete`.

use crate::explain::explain;
use crate::output::Output;
use crate::results::Results;
use crate::servers::Servers;
use clap::Args;
use client::Admin;
use model::ErrorCode;

/// Delete topics with all their records.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg topic delete orders
  thalweg topic delete orders payments --if-exists")]
pub struct Delete {
    /// Their names
    #[arg(required = true)]
    topics: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// A topic that does not exist is none to complain about
    #[arg(long)]
    if_exists: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Delete {
    /// Deletes them.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let deleted = Admin::new(&cluster).delete_topics(&names).await.map_err(|error| explain(&cluster, error))?;
        let mut results = Results::of("topic");
        for (topic, result) in deleted {
            let is_missing =
                |error: &client::ClientError| error.error_code() == Some(ErrorCode::UnknownTopicOrPartition);
            let result = match result {
                Ok(()) => Ok("deleted"),
                Err(error) if self.if_exists && is_missing(&error) => Ok("does not exist"),
                Err(error) => Err(explain(&cluster, error)),
            };
            results.push(&topic, result);
        }
        results.print(&self.topics, self.output)
    }
}
