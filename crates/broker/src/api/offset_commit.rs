//! OffsetCommit: how far a group has come.

use super::Context;
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};

/// Answers as the group's coordinator does.
pub async fn handle(broker: &Broker, context: &Context, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let group_id = request.group_id.clone();
    let request = Request::OffsetCommit { request, version: context.version };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::OffsetCommit(response) => response,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}
