//! ListPartitionReassignments: partitions on their way to other brokers (KIP-455).

use crate::broker::Broker;
use protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

/// Answers with what the metadata here says.
pub fn handle(broker: &Broker, request: ListPartitionReassignmentsRequest) -> ListPartitionReassignmentsResponse {
    controller::list_partition_reassignments(&broker.metadata.image(), &request)
}
