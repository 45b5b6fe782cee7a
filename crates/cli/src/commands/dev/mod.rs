//! `thalweg dev`: a cluster for development on this machine.

mod down;
mod up;

use clap::{Args, Subcommand};

/// Where such a cluster is unless it is said.
const DIRECTORY: &str = "./thalweg-dev";

/// A cluster for development on this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg dev up                three nodes, until Ctrl-C
  thalweg dev up -n 5 -d        five nodes, in the background
  thalweg dev down --wipe       stop them and forget their data")]
pub struct Dev {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Up(up::Up),
    Down(down::Down),
}

/// Does what was asked for.
pub fn run(dev: &Dev) -> anyhow::Result<()> {
    match &dev.what {
        What::Up(up) => runtime::task::run(1, up.run())?,
        What::Down(down) => runtime::task::run(1, down.run())?,
    }
}
