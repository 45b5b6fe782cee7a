//! ConsumerGroupHeartbeat: a member of a consumer group (KIP-848) joins, lives, tells what it owns, or leaves.

use super::{Context, client};
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

/// Answers as the group's coordinator does.
pub async fn handle(
    broker: &Broker,
    context: &Context,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let group_id = request.group_id.clone();
    let request = Request::ConsumerGroupHeartbeat { request, version: context.version, client: client(context) };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::ConsumerGroupHeartbeat(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
