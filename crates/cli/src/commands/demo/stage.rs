//! Three servers in a temporary directory.

use crate::local::{Layout, NodeProcess, client_config, wait_until_ready};
use anyhow::Context;
use client::admin::{DescribedPartition, NewTopic};
use client::{Admin, Cluster};
use model::NodeId;
use runtime::time::{Duration, sleep};

/// The topic that is written to.
pub const TOPIC: &str = "demo";
/// Its partitions.
pub const PARTITIONS: i32 = 3;
/// Ports are looked for from here on, away from those of servers that are meant to stay.
const FIRST_PORT: u16 = 29_092;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The servers. Dropped, they are killed, and their directory is removed.
#[derive(Debug)]
pub struct Stage {
    layout: Option<Layout>,
    processes: Vec<NodeProcess>,
    admin: Admin,
}

impl Stage {
    /// Starts the servers and makes the topic.
    ///
    /// # Errors
    /// Something of it cannot be done.
    pub async fn set() -> anyhow::Result<Stage> {
        let directory = std::env::temp_dir().join(format!("thalweg-demo-{}", std::process::id()));
        let layout = Layout::create(&directory, 3, FIRST_PORT)?;
        let cluster = Cluster::new(client_config(&layout.brokers()));
        let mut stage = Stage { layout: Some(layout), processes: Vec::new(), admin: Admin::new(&cluster) };
        let layout = stage.layout.as_ref().expect("until it is dropped");
        for node in &layout.nodes {
            stage.processes.push(NodeProcess::start(node)?);
        }
        wait_until_ready(layout, &mut stage.processes).await?;
        let mut topic = NewTopic::new(TOPIC, PARTITIONS);
        topic.replication_factor = 3;
        stage.admin.create_topic(topic).await.context("cannot make the topic")?;
        stage.wait_until_in_sync().await;
        Ok(stage)
    }

    fn layout(&self) -> &Layout {
        self.layout.as_ref().expect("until it is dropped")
    }

    /// A client of its own for whoever asks.
    pub fn client(&self) -> Cluster {
        Cluster::new(client_config(&self.layout().brokers()))
    }

    /// Where the servers are.
    pub fn addresses(&self) -> String {
        let node = |node: &crate::local::Node| format!("node {} on {}", node.id, node.address);
        self.layout().nodes.iter().map(node).collect::<Vec<_>>().join(", ")
    }

    /// Ends a server as a crash would.
    pub fn kill(&mut self, node: NodeId) {
        self.processes.iter_mut().filter(|process| process.node.id == node).for_each(NodeProcess::kill);
    }

    /// Starts a server again, with what is on its disk.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_again(&mut self, node: NodeId) -> anyhow::Result<()> {
        for process in self.processes.iter_mut().filter(|process| process.node.id == node) {
            *process = NodeProcess::start(&process.node)?;
        }
        Ok(())
    }

    /// Who leads each partition.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn leaders(&self) -> anyhow::Result<Vec<NodeId>> {
        Ok(self.partitions().await?.iter().map(|partition| partition.leader).collect())
    }

    /// Waits until `node` leads nothing, and everything has a leader.
    pub async fn wait_for_leaders_other_than(&self, node: NodeId) {
        self.wait_until(|partition| partition.leader >= 0 && partition.leader != node).await;
    }

    /// Waits until every replica is in sync.
    pub async fn wait_until_in_sync(&self) {
        self.wait_until(|partition| partition.in_sync.len() == partition.replicas.len()).await;
    }

    async fn wait_until(&self, is_so: impl Fn(&DescribedPartition) -> bool) {
        loop {
            match self.partitions().await {
                Ok(partitions) if !partitions.is_empty() && partitions.iter().all(&is_so) => return,
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }

    async fn partitions(&self) -> anyhow::Result<Vec<DescribedPartition>> {
        let topics = self.admin.describe_partitions(Some(&[TOPIC])).await?;
        let topic = topics.into_values().next().context("the topic is not told of")?;
        Ok(topic?.partitions)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.processes.iter_mut().for_each(NodeProcess::kill);
        if let Some(layout) = self.layout.take() {
            let _ = layout.wipe(); // in a directory for what is temporary
        }
    }
}
