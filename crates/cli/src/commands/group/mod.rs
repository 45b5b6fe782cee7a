//! `thalweg group`.

mod delete;
mod describe;
mod found;
mod lag;
mod list;
mod members;
mod seek;
mod watch;
mod why;

use clap::{Args, Subcommand};

/// Look at groups of readers, and move them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg group list
  thalweg group describe billing             where it stands, in records and in seconds
  thalweg group members billing
  thalweg group why billing                  its last rebalances, and who held them up
  thalweg group watch billing
  thalweg group seek billing --to @-1h --dry-run
  thalweg group delete billing")]
pub struct Group {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(list::List),
    Describe(describe::Describe),
    Members(members::Members),
    Why(why::Why),
    Watch(watch::Watch),
    Seek(seek::Seek),
    Delete(delete::Delete),
}

/// Does what was asked for.
pub fn run(group: &Group) -> anyhow::Result<()> {
    let asked = async {
        match &group.what {
            What::List(list) => list.run().await,
            What::Describe(describe) => describe.run().await,
            What::Members(members) => members.run().await,
            What::Why(why) => why.run().await,
            What::Watch(watch) => watch.run().await,
            What::Seek(seek) => seek.run().await,
            What::Delete(delete) => delete.run().await,
        }
    };
    runtime::task::run(1, asked)?
}
