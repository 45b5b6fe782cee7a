//! A broker with several log directories tells the controller in which one each replica is (KIP-858): a replica's claim to
//! be in sync is a claim about bytes in that directory.

use crate::broker::Broker;
use controller::{Reply, Request};
use model::metadata_image::MetadataImage;
use model::{ErrorCode, PartitionId, Uuid};
use protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, DirectoryData, PartitionData, TopicData,
};
use runtime::sync::{select, watch};
use runtime::time::{Duration, sleep};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Replicas that one request names, at most.
const MAX_BATCH: usize = 2000;
/// Rest before a request that was not answered is sent again.
const REST: Duration = Duration::from_millis(500);

/// By directory and topic, the partitions.
type Places = BTreeMap<Uuid, BTreeMap<Uuid, Vec<PartitionId>>>;

/// Tells until the broker stops.
pub(crate) async fn tell(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let mut applied = broker.applied.clone();
    loop {
        let places = untold(&broker, &broker.metadata.image());
        let told = places.is_empty() || ask(&broker, places).await;
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            changed = applied.changed(), if told => if changed.is_err() { return },
            () = sleep(REST), if !told => {}
        }
    }
}

/// The replicas that are elsewhere than the metadata says.
fn untold(broker: &Broker, image: &MetadataImage) -> Places {
    let mut places = Places::new();
    let mut count = 0;
    for hosted in broker.partitions.topics() {
        let Some(topic) = image.topic_by_id(hosted.id) else { continue };
        for partition in hosted.online() {
            let number = partition.topic_partition.partition;
            let directory = broker.directories[partition.directory].directory_id();
            let told = topic.partition(number).and_then(|partition| partition.directory_of(broker.node_id));
            if told.is_some_and(|told| told != directory) && count < MAX_BATCH {
                count += 1;
                places.entry(directory).or_default().entry(hosted.id).or_default().push(number);
            }
        }
    }
    places
}

async fn ask(broker: &Broker, places: Places) -> bool {
    let partition = |partition_index| PartitionData { partition_index, ..Default::default() };
    let topic = |(topic_id, numbers): (Uuid, Vec<PartitionId>)| TopicData {
        topic_id,
        partitions: numbers.into_iter().map(partition).collect(),
        ..Default::default()
    };
    let directories = places.into_iter().map(|(id, topics)| DirectoryData {
        id,
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    });
    let request = AssignReplicasToDirsRequest {
        broker_id: broker.node_id,
        broker_epoch: broker.epoch,
        directories: directories.collect(),
        ..Default::default()
    };
    match broker.metadata.ask(Request::AssignReplicasToDirs(request)).await {
        Ok(Reply::AssignReplicasToDirs(answer)) => ErrorCode::from_wire(answer.error_code).is_none(),
        _ => false,
    }
}
