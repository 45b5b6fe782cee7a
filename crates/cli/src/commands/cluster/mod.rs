//! `thalweg cluster`.

mod health;
mod info;
mod problems;
mod survey;

use clap::{Args, Subcommand};

/// Look at the cluster as a whole.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg cluster info
  thalweg cluster health || echo look at it")]
pub struct ClusterCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Info(info::Info),
    Health(health::Health),
}

/// Does what was asked for.
pub fn run(cluster: &ClusterCommand) -> anyhow::Result<()> {
    let asked = async {
        match &cluster.what {
            What::Info(info) => info.run().await,
            What::Health(health) => health.run().await,
        }
    };
    runtime::task::run(1, asked)?
}
