//! LeaveGroup: members leave their group.

use super::Context;
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};

/// Answers as the group's coordinator does.
pub async fn handle(broker: &Broker, context: &Context, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let group_id = request.group_id.clone();
    let request = Request::LeaveGroup { request, version: context.version };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::LeaveGroup(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
