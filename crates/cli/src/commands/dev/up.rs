//! `thalweg dev up`.

use super::DIRECTORY;
use crate::failure::{Usage, say};
use crate::local::{Layout, NodeProcess, Pid, in_words, wait_until_ready};
use crate::output::{self, Output};
use anyhow::bail;
use clap::Args;
use runtime::sync::select;
use runtime::time::{Duration, Instant, sleep};
use serde_json::json;
use std::path::PathBuf;

/// How often is looked whether all nodes are still there.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Signals within this time are one.
const ONE_CTRL_C: Duration = Duration::from_millis(500);

/// Start a cluster of real processes on this machine.
///
/// What was written before is there again. The first three nodes are controllers, too.
#[derive(Debug, Args)]
#[command(after_help = "\
A node's folder has its server.properties, which may be edited, its log, its data and its process id.

Examples:
  thalweg dev up                          three nodes, until Ctrl-C
  thalweg dev up -n 1 --dir /tmp/one      one node, somewhere else
  thalweg dev up -d                       in the background, until `thalweg dev down`
  kill -9 $(cat thalweg-dev/node-2/pid)   what becomes of the cluster? `thalweg cluster health -w`")]
pub struct Up {
    /// How many nodes [default: 3, or as many as there were]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=50))]
    nodes: Option<u16>,
    /// Where the cluster is kept
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    dir: PathBuf,
    /// Where the ports of brokers begin; those that are taken are passed over
    #[arg(long, value_name = "PORT", default_value_t = 9092, value_parser = clap::value_parser!(u16).range(1..=64_000))]
    port: u16,
    /// Leave them in the background
    #[arg(short, long)]
    detach: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Up {
    /// Starts them, and waits for Ctrl-C.
    pub async fn run(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut stop_signal = Box::pin(runtime::process::stop_signal());
        let layout = self.layout()?;
        let mut processes = Vec::new();
        let ready = async {
            for node in &layout.nodes {
                processes.push(NodeProcess::start(node)?);
            }
            wait_until_ready(&layout, &mut processes).await?;
            self.print(&layout, &processes)
        };
        let ready = select! {
            biased;
            _ = &mut stop_signal => Err(anyhow::anyhow!("stopped before the cluster was ready")),
            ready = ready => ready,
        };
        if ready.is_err() {
            stop(&mut processes).await?;
            return ready;
        }
        say(&format!("{} nodes ready in {} ms", processes.len(), began.elapsed().as_millis()));
        say(&format!("try:  export THALWEG_BROKERS={}", layout.brokers()));
        say("      thalweg cluster health");
        if self.detach {
            say(&format!("`thalweg dev down{}` stops them", self.directory_option()));
            return Ok(());
        }
        say("Ctrl-C stops them all");
        select! {
            biased;
            _ = &mut stop_signal => stop(&mut processes).await,
            () = watch(&mut processes) => {
                say("all nodes have ended");
                Ok(())
            }
        }
    }

    /// The cluster that is there, or a new one.
    fn layout(&self) -> anyhow::Result<Layout> {
        let Some(layout) = Layout::read(&self.dir)? else {
            return Layout::create(&self.dir, self.nodes.unwrap_or(3), self.port);
        };
        if layout.nodes.iter().any(|node| Pid::of(node).is_some()) {
            bail!(
                "a cluster runs in {} already; `thalweg dev down{}` stops it, --dir chooses another place",
                self.dir.display(),
                self.directory_option()
            );
        }
        let count = layout.nodes.len();
        if self.nodes.is_some_and(|nodes| usize::from(nodes) != count) {
            return Err(Usage(format!(
                "the cluster in {} has {count} nodes; leave -n away, choose another place with --dir, or forget it with `thalweg dev down{} --wipe`",
                self.dir.display(),
                self.directory_option()
            ))
            .into());
        }
        Ok(layout)
    }

    fn directory_option(&self) -> String {
        if self.dir.as_os_str() == DIRECTORY { String::new() } else { format!(" --dir {}", self.dir.display()) }
    }

    fn print(&self, layout: &Layout, processes: &[NodeProcess]) -> anyhow::Result<()> {
        if self.output == Output::Json {
            let node = |process: &NodeProcess| {
                json!({
                    "node": process.node.id,
                    "roles": process.node.roles().split(',').collect::<Vec<_>>(),
                    "address": process.node.address,
                    "controller_address": process.node.controller,
                    "pid": process.pid(),
                    "log": process.node.log(),
                })
            };
            let nodes: Vec<_> = processes.iter().map(node).collect();
            return Ok(output::print_json(&json!({"directory": layout.directory, "nodes": nodes}))?);
        }
        let row = |process: &NodeProcess| {
            vec![
                process.node.id.to_string(),
                process.node.roles().to_owned(),
                process.node.address.clone(),
                process.node.controller.clone().unwrap_or_else(|| "-".to_owned()),
                process.pid().to_string(),
                process.node.log().display().to_string(),
            ]
        };
        let titles = ["node", "roles", "address", "controller", "pid", "log"];
        Ok(output::print(&output::table(&titles, processes.iter().map(row).collect()))?)
    }
}

/// Tells of each node that ends, until none is left.
async fn watch(processes: &mut [NodeProcess]) {
    let mut told = vec![false; processes.len()];
    while told.contains(&false) {
        sleep(LOOK_EVERY).await;
        for (process, told) in processes.iter_mut().zip(&mut told) {
            if !*told && let Some(status) = process.ended() {
                *told = true;
                let (id, log) = (process.node.id, process.node.log());
                say(&format!("node {id} {}; its log is {}", in_words(status), log.display()));
            }
        }
    }
}

/// Stops them all at once. Who asks again does not want to wait.
async fn stop(processes: &mut [NodeProcess]) -> anyhow::Result<()> {
    say("stopping; again Ctrl-C kills them");
    // One Ctrl-C may come twice, to the process and to its group. The handlers stay in place meanwhile.
    let again = async {
        sleep(ONE_CTRL_C).await;
        runtime::process::stop_signal().await
    };
    processes.iter().for_each(NodeProcess::ask_to_stop);
    let all = async {
        for process in &mut *processes {
            if !process.stopped().await {
                say(&format!("node {} did not stop in time and was killed; its next start recovers", process.node.id));
            }
        }
    };
    select! {
        biased;
        _ = again => {}
        () = all => return Ok(()),
    }
    processes.iter_mut().for_each(NodeProcess::kill);
    bail!("killed, as asked twice; the next start recovers")
}
