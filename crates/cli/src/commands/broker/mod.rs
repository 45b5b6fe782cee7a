//! `thalweg broker`.

pub mod facts;
mod list;

use clap::{Args, Subcommand};

/// Look at brokers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg broker list
  thalweg broker list -o json | jq '.[] | select(.fenced).broker'")]
pub struct BrokerCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(list::List),
}

/// Does what was asked for.
pub fn run(broker: &BrokerCommand) -> anyhow::Result<()> {
    let What::List(list) = &broker.what;
    runtime::task::run(1, list.run())?
}
