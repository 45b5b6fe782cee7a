//! When a cluster can be used.

use super::Cluster;
use anyhow::bail;
use client::Admin;
use runtime::time::{Duration, Instant, sleep, timeout};

const LOOK_EVERY: Duration = Duration::from_millis(100);
const AN_ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Waits until every node that was started here is part of the cluster and may lead; of servers elsewhere, until one
/// answers.
///
/// # Errors
/// A node has ended, with its last words, or it takes longer than `within`.
pub async fn wait_until_ready(servers: &mut Cluster, client: &client::Cluster, within: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + within;
    loop {
        for node in servers.nodes.values_mut() {
            if !node.is_running() {
                let how = node.own_ends.last().map_or("does not run", String::as_str);
                bail!("node {} {how}; it said:\n{}", node.id, node.last_words());
            }
        }
        if is_ready(servers, client).await {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let said = servers.nodes.values().map(|node| format!("node {} said:\n{}", node.id, node.last_words()));
            bail!("the nodes did not come together within {within:?}\n{}", said.collect::<Vec<_>>().join("\n"));
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn is_ready(servers: &Cluster, client: &client::Cluster) -> bool {
    let described = timeout(AN_ANSWER_WITHIN, Admin::new(client).describe_cluster()).await;
    let Ok(Ok(described)) = described else { return false };
    let is_there = |id: &i32| described.brokers.iter().any(|broker| broker.node == *id && !broker.is_fenced);
    !described.brokers.is_empty() && servers.nodes.keys().all(is_there)
}
