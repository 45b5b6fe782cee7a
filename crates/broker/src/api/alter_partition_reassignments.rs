//! AlterPartitionReassignments: partitions move to other brokers (KIP-455).

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};

/// Answers when the controller has decided.
pub async fn handle(
    broker: &Broker,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    match broker.metadata.ask(Request::AlterPartitionReassignments(request)).await {
        Ok(Reply::AlterPartitionReassignments(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    }
}

fn failed(error: ErrorCode) -> AlterPartitionReassignmentsResponse {
    AlterPartitionReassignmentsResponse { error_code: error.code(), ..Default::default() }
}
