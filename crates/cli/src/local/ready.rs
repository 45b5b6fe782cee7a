//! When a local cluster can be used.

use super::layout::Layout;
use super::process::{NodeProcess, in_words};
use anyhow::bail;
use client::{Admin, BackoffConfig, ClientConfig, Cluster};
use runtime::time::{Duration, Instant, sleep, timeout};

/// How long nodes may take to find each other.
const START_DEADLINE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Settings of a client that is near its cluster and wants to know soon.
pub fn client_config(brokers: &str) -> ClientConfig {
    let impatient = BackoffConfig { first: Duration::from_millis(10), most: Duration::from_millis(50) };
    ClientConfig {
        retry_backoff: impatient,
        reconnect_backoff: impatient,
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(10),
        api_timeout: Duration::from_secs(10),
        ..ClientConfig::of(brokers)
    }
}

/// Waits until every node is part of the cluster and may lead.
///
/// # Errors
/// A node has ended, with its last words, or it takes too long.
pub async fn wait_until_ready(layout: &Layout, processes: &mut [NodeProcess]) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    let cluster = Cluster::new(client_config(&layout.brokers()));
    loop {
        for process in &mut *processes {
            if let Some(status) = process.ended() {
                let (id, how) = (process.node.id, in_words(status));
                bail!("node {id} {how} before it was ready; it said:\n{}", process.last_words());
            }
        }
        if is_ready(&cluster, layout).await {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let (waited, log) = (START_DEADLINE.as_secs(), layout.nodes[0].log());
            bail!("the nodes did not come together within {waited} s; their logs, such as {}, say why", log.display());
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn is_ready(cluster: &Cluster, layout: &Layout) -> bool {
    let described = timeout(Duration::from_secs(1), Admin::new(cluster).describe_cluster()).await;
    let Ok(Ok(described)) = described else { return false };
    layout.nodes.iter().all(|node| described.brokers.iter().any(|broker| broker.node == node.id && !broker.is_fenced))
}
