//! JoinGroup: a member joins its group (classic protocol), or says again what it can; answered when the group is complete.

use super::{Context, client};
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};

/// Answers as the group's coordinator does.
pub async fn handle(broker: &Broker, context: &Context, request: JoinGroupRequest) -> JoinGroupResponse {
    let group_id = request.group_id.clone();
    let request = Request::JoinGroup { request, version: context.version, client: client(context) };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::JoinGroup(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
