//! Watches nodes get well: a node that was hit is repaired once it is let in again, and in sync wherever it holds a
//! replica. The history tells; what a fault excuses ends with that.

use super::Surroundings;
use crate::servers::SESSION_MS;
use client::Admin;
use model::NodeId;
use runtime::time::{Duration, sleep};
use std::collections::BTreeSet;

const EVERY: Duration = Duration::from_millis(500);
/// The controller hears of a death after a session at most; until then a dead node may look well.
const NOTICED_AFTER: u64 = (SESSION_MS as u64 + 2000) * 1_000_000;

/// Watches for ever.
pub async fn watch(around: Surroundings) {
    let admin = Admin::new(&around.connect("repairs"));
    loop {
        sleep(EVERY).await;
        let open = around.chronicle.unrepaired();
        if open.iter().all(|(_, _, since)| *since < NOTICED_AFTER) {
            continue;
        }
        let Some(unwell) = unwell(&admin).await else { continue };
        for (fault, node, since) in open {
            if since >= NOTICED_AFTER && !unwell.contains(&node) {
                around.chronicle.fault_repaired(fault);
            }
        }
    }
}

/// The nodes that are not let in, or lack in some in-sync set; none when nobody tells.
async fn unwell(admin: &Admin) -> Option<BTreeSet<NodeId>> {
    let brokers = admin.describe_cluster().await.ok()?.brokers;
    let let_in: BTreeSet<NodeId> =
        brokers.iter().filter(|broker| !broker.is_fenced).map(|broker| broker.node).collect();
    let topics = admin.list_topics().await.ok()?;
    let partitions = || topics.iter().flat_map(|topic| &topic.partitions);
    let replicas = partitions().flat_map(|partition| &partition.replicas);
    let lacking = partitions().flat_map(|it| it.replicas.iter().filter(|node| !it.in_sync.contains(node)));
    Some(replicas.filter(|node| !let_in.contains(node)).chain(lacking).copied().collect())
}
