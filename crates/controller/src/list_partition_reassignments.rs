//! ListPartitionReassignments (KIP-455): what is on its way. The image says it all, so any node can answer.

use model::PartitionId;
use model::metadata_image::{MetadataImage, PartitionImage};
use protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingPartitionReassignment,
    OngoingTopicReassignment,
};

/// The reassignments in progress of the partitions named, or of all.
pub fn list_partition_reassignments(
    image: &MetadataImage,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let topics = match &request.topics {
        Some(topics) => {
            topics.iter().filter_map(|named| of_topic(image, &named.name, &named.partition_indexes)).collect()
        }
        None => image
            .topics()
            .filter_map(|topic| {
                let all: Vec<PartitionId> = topic.numbered_partitions().map(|(number, _)| number).collect();
                of_topic(image, &topic.name, &all)
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse { error_message: None, topics, ..Default::default() }
}

fn of_topic(image: &MetadataImage, name: &str, numbers: &[PartitionId]) -> Option<OngoingTopicReassignment> {
    let partitions: Vec<OngoingPartitionReassignment> =
        numbers.iter().filter_map(|number| ongoing(*number, image.partition(name, *number)?)).collect();
    (!partitions.is_empty()).then(|| OngoingTopicReassignment { name: name.into(), partitions, ..Default::default() })
}

fn ongoing(number: PartitionId, partition: &PartitionImage) -> Option<OngoingPartitionReassignment> {
    let is_ongoing = !partition.adding.is_empty() || !partition.removing.is_empty();
    is_ongoing.then(|| OngoingPartitionReassignment {
        partition_index: number,
        replicas: partition.replicas.clone(),
        adding_replicas: partition.adding.clone(),
        removing_replicas: partition.removing.clone(),
        ..Default::default()
    })
}
