//! Heartbeat: a member of a classic group lives.

use super::Context;
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

/// Answers as the group's coordinator does.
pub async fn handle(broker: &Broker, context: &Context, request: HeartbeatRequest) -> HeartbeatResponse {
    let group_id = request.group_id.clone();
    let request = Request::Heartbeat { request, version: context.version };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::Heartbeat(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
