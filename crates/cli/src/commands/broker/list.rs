//! `thalweg broker list`.

use super::facts::{BrokerFacts, TITLES};
use crate::explain::explain;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::Admin;

/// List brokers, those that are fenced too.
#[derive(Debug, Args)]
#[command(after_help = "\
VERSION is the newest release of Apache Kafka whose features the broker knows.

Examples:
  thalweg broker list
  thalweg broker list -o json | jq -r '.[].address'")]
pub struct List {
    #[command(flatten)]
    servers: Servers,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl List {
    /// Prints them.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let admin = Admin::new(&cluster);
        let explained = |error| explain(&cluster, error);
        let described = admin.describe_cluster().await.map_err(explained)?;
        let brokers = BrokerFacts::of(&admin, &described).await.map_err(explained)?;
        match self.output {
            Output::Table => {
                output::print(&output::table(&TITLES, brokers.iter().map(BrokerFacts::row).collect()))?;
            }
            Output::Json => output::print_json(&brokers.iter().map(BrokerFacts::json).collect())?,
        }
        Ok(())
    }
}
