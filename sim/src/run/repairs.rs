//! Watches nodes get well: a node that was hit is repaired once a later life of it is registered, let in, and in sync
//! wherever it holds a replica. Histories tell, and the atlas then lets other nodes be hit.

use super::cluster::Cluster;
use super::nemesis::Atlas;
use crate::clients::Chronicle;
use model::metadata_image::MetadataImage;
use model::{NodeId, Offset};
use runtime::time::{Duration, sleep};

/// Shorter than any node takes to come back.
const EVERY: Duration = Duration::from_millis(20);

/// A fault of a node that is not repaired yet.
struct Open {
    fault: usize,
    node: NodeId,
    /// The life that the fault hit.
    epoch: Offset,
}

/// Watches for ever.
pub async fn watch(cluster: Cluster, chronicle: Chronicle, atlas: Atlas) {
    let mut open: Vec<Open> = Vec::new();
    let mut seen = 0;
    loop {
        sleep(EVERY).await;
        let Some(image) = cluster.image() else { continue };
        let begun = chronicle.faults_from(seen);
        seen += begun.len();
        open.extend(begun.into_iter().map(|(fault, node)| Open { fault, node, epoch: epoch_of(&image, node) }));
        open.retain(|one| {
            let well = chronicle.fault_is_over(one.fault) && is_in_sync(&image, one.node, one.epoch);
            if well {
                chronicle.fault_repaired(one.fault);
            }
            !well
        });
        for server in cluster.servers.iter().filter(|server| open.iter().all(|one| one.node != server.id)) {
            atlas.repaired(server.id);
        }
    }
}

fn epoch_of(image: &MetadataImage, node: NodeId) -> Offset {
    image.broker(node).map_or(-1, |broker| broker.epoch)
}

/// Whether a life of the node after `epoch` is let in, and in sync wherever it holds a replica.
fn is_in_sync(image: &MetadataImage, node: NodeId, epoch: Offset) -> bool {
    let let_in = image.broker(node).is_some_and(|broker| !broker.fenced && broker.epoch > epoch);
    let mut partitions = image.topics().flat_map(|topic| &topic.partitions);
    let_in && partitions.all(|partition| !partition.replicas.contains(&node) || partition.isr.contains(&node))
}
