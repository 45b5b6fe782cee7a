//! `thalweg group delete`.

use crate::explain::explain;
use crate::output::Output;
use crate::results::Results;
use crate::servers::Servers;
use clap::Args;
use client::{Admin, ClientError};
use model::ErrorCode;

/// Delete groups with all that they have committed. They must have no members.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg group delete billing
  thalweg group delete billing shipping --if-exists")]
pub struct Delete {
    /// Their names
    #[arg(required = true)]
    groups: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// A group that does not exist is none to complain about
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
        let names: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let mut results = Results::of("group");
        for (group, result) in Admin::new(&cluster).delete_groups(&names).await {
            let is_missing = |error: &ClientError| error.error_code() == Some(ErrorCode::GroupIdNotFound);
            let result = match result {
                Ok(()) => Ok("deleted"),
                Err(error) if self.if_exists && is_missing(&error) => Ok("does not exist"),
                Err(error) => Err(explain(&cluster, error)),
            };
            results.push(&group, result);
        }
        results.print(&self.groups, self.output)
    }
}
