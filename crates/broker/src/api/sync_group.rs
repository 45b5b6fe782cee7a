//! SyncGroup: the leader of a group says who gets what, and each member hears its part.

use super::Context;
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

/// Answers as the group's coordinator does.
pub async fn handle(broker: &Broker, context: &Context, request: SyncGroupRequest) -> SyncGroupResponse {
    let group_id = request.group_id.clone();
    let request = Request::SyncGroup { request, version: context.version };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::SyncGroup(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
