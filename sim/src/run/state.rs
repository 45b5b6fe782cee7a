//! How the cluster is at a moment, in words, for whoever looks into a failure.

use super::cluster::Cluster;
use model::metadata_image::{MetadataImage, PartitionImage};

/// What the newest metadata says, and what each node says of itself.
pub fn describe(cluster: &Cluster) -> Vec<String> {
    let Some(image) = cluster.image() else { return vec!["no broker serves".into()] };
    let mut lines = Vec::new();
    for server in cluster.servers.iter() {
        let said = server.broker().map_or_else(
            || "is down".to_owned(),
            |broker| {
                let status = broker.metadata.status();
                let (offset, epoch, leader) = (broker.metadata.image().end_offset(), status.epoch, status.leader);
                format!(
                    "has metadata to {offset}, quorum epoch {epoch} under {leader:?}{}",
                    if status.leads { ", leads" } else { "" }
                )
            },
        );
        lines.push(format!("node {} {said}; {}", server.id, registered(&image, server.id)));
    }
    for topic in image.topics() {
        for (number, partition) in topic.partitions.iter().enumerate() {
            lines.push(described(&topic.name, number, partition));
            lines.extend(hosts(cluster, topic.id, number as i32));
        }
    }
    lines
}

fn registered(image: &MetadataImage, id: i32) -> String {
    image.broker(id).map_or("not registered".into(), |broker| {
        let fenced = if broker.fenced { "fenced" } else { "let in" };
        let leaving = if broker.in_controlled_shutdown { ", leaving" } else { "" };
        format!("registered at {}, {fenced}{leaving}", broker.epoch)
    })
}

fn described(topic: &str, number: usize, partition: &PartitionImage) -> String {
    let PartitionImage { replicas, isr, eligible_leaders, last_known_eligible_leaders, leader, .. } = partition;
    let PartitionImage { adding, removing, leader_epoch, partition_epoch, .. } = partition;
    format!(
        "{topic}-{number}: leader {leader:?} in epoch {leader_epoch}.{partition_epoch}, replicas {replicas:?}, isr {isr:?}, \
         eligible {eligible_leaders:?}, last known {last_known_eligible_leaders:?}, adding {adding:?}, removing {removing:?}"
    )
}

/// What the nodes that hold a partition say of it.
fn hosts(cluster: &Cluster, topic: model::Uuid, number: i32) -> Vec<String> {
    let hosted = cluster.brokers().filter_map(|(server, broker)| {
        let topic = broker.partitions.topic_by_id(topic)?;
        let partition = topic.online().find(|partition| partition.topic_partition.partition == number)?.clone();
        let bounds = partition.reader.bounds();
        let role = if partition.leads() { "leads" } else { "follows" };
        let offline = if partition.is_offline() { ", offline" } else { "" };
        let progress: Vec<String> = partition
            .progress()
            .iter()
            .map(|replica| {
                format!(
                    "{} at {:?}{}",
                    replica.replica,
                    replica.progress,
                    if replica.in_sync { " in sync" } else { "" }
                )
            })
            .collect();
        Some(format!(
            "    node {} {role} in epoch {}, {} to {}, high watermark {}{offline} {}",
            server.id,
            partition.leader_epoch(),
            bounds.log_start_offset,
            bounds.log_end_offset,
            partition.high_watermark(),
            progress.join(", ")
        ))
    });
    hosted.collect()
}
