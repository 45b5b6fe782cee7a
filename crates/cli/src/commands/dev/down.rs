//! `thalweg dev down`.

use super::DIRECTORY;
use crate::failure::say;
use crate::local::{Layout, Pid};
use anyhow::bail;
use clap::Args;
use std::path::PathBuf;

/// Stop the cluster that `thalweg dev up` started.
///
/// Its data stays, unless --wipe is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg dev down
  thalweg dev down --wipe
  thalweg dev down --dir /tmp/one --wipe")]
pub struct Down {
    /// Where the cluster is kept
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    dir: PathBuf,
    /// Forget all that is in it, too
    #[arg(long)]
    wipe: bool,
}

impl Down {
    /// Stops it.
    pub async fn run(&self) -> anyhow::Result<()> {
        let Some(layout) = Layout::read(&self.dir)? else {
            bail!("there is no cluster in {}; say where it is with --dir", self.dir.display());
        };
        let running: Vec<_> = layout.nodes.iter().filter_map(|node| Some((node, Pid::of(node)?))).collect();
        running.iter().for_each(|(_, pid)| pid.ask_to_stop());
        for (node, pid) in &running {
            if !pid.stopped(node).await? {
                say(&format!("node {} did not stop in time and was killed; its next start recovers", node.id));
            }
        }
        let count = running.len();
        let stopped = match count {
            0 => "no node was running".to_owned(),
            1 => "1 node stopped".to_owned(),
            _ => format!("{count} nodes stopped"),
        };
        let what = if self.wipe { "wiped" } else { "kept" };
        say(&format!("{stopped}, data in {} {what}", self.dir.display()));
        if self.wipe { layout.wipe() } else { Ok(()) }
    }
}
