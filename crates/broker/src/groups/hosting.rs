//! Coordinators come and go with the leadership of their partitions.

use super::driver::Driver;
use super::{Coordinator, MAILBOX, OFFSETS_TOPIC};
use crate::broker::Broker;
use crate::lifecycle::layers;
use coordinator::group::{Settings, World};
use model::config::ServerConfig;
use model::metadata_image::MetadataImage;
use model::{LeaderEpoch, NodeId, PartitionId};
use runtime::sync::{mpsc, select, watch};
use runtime::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Hosts the coordinators that the metadata gives this broker, until it stops.
pub(crate) async fn host(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let mut applied = broker.applied.clone();
    applied.mark_changed();
    loop {
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            changed = applied.changed() => if changed.is_err() { break },
        }
        applied.borrow_and_update();
        follow(&broker, &broker.metadata.image());
    }
    broker.groups.coordinators.lock().expect("no panic inside").clear();
}

/// What coordinators on this node are shown.
pub(crate) fn world(server: &ServerConfig, image: &MetadataImage, node_id: NodeId) -> World {
    World { image: image.clone(), settings: Settings::of(&layers(server, image, node_id)) }
}

/// Ends the coordinators of partitions that are led elsewhere or in another epoch, and begins those that are new here.
fn follow(broker: &Arc<Broker>, image: &MetadataImage) {
    let led = led_here(broker, image);
    let mut coordinators = broker.groups.coordinators.lock().expect("no panic inside");
    coordinators.retain(|number, coordinator| led.get(number) == Some(&coordinator.leader_epoch));
    for (number, leader_epoch) in led {
        if coordinators.get(&number).is_some_and(|coordinator| !coordinator.mailbox.is_closed()) {
            continue;
        }
        if let Some(coordinator) = begin(broker, number, leader_epoch) {
            coordinators.insert(number, coordinator);
        }
    }
}

fn led_here(broker: &Broker, image: &MetadataImage) -> BTreeMap<PartitionId, LeaderEpoch> {
    let Some(topic) = image.topic(OFFSETS_TOPIC) else { return BTreeMap::new() };
    let led = topic.numbered_partitions().filter(|(_, partition)| partition.leader == Some(broker.node_id));
    led.map(|(number, partition)| (number, partition.leader_epoch)).collect()
}

fn begin(broker: &Arc<Broker>, number: PartitionId, leader_epoch: LeaderEpoch) -> Option<Coordinator> {
    let topic = broker.partitions.topic(OFFSETS_TOPIC)?;
    let partition = topic.partition(number).ok()?.clone();
    let (mailbox, requests) = mpsc::channel(MAILBOX);
    let loaded = Arc::new(AtomicBool::new(false));
    let driver = Driver {
        partition,
        leader_epoch,
        world: broker.groups.world.subscribe(),
        loaded: loaded.clone(),
        broker: broker.clone(),
        max_batch_bytes: topic.config.max_message_bytes as usize,
        patience: Duration::from_millis(broker.config.groups.offsets_commit_timeout_ms.unsigned_abs()),
    };
    runtime::task::spawn("group coordinator", driver.run(requests));
    Some(Coordinator { leader_epoch, loaded, mailbox })
}
