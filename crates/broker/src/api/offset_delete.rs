//! OffsetDelete: committed offsets that a group no longer wants.

use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};

/// Answers as the group's coordinator does.
pub async fn handle(broker: &Broker, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let group_id = request.group_id.clone();
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, Request::OffsetDelete(request)).await {
        Reply::OffsetDelete(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
