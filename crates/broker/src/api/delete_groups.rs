//! DeleteGroups: groups without members, and what they committed, go.

use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};

/// Asks the coordinator of each group; the answers are in no order.
pub async fn handle(broker: &Broker, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut response = DeleteGroupsResponse::default();
    for (partition, groups) in broker.groups.by_coordinator(&broker.metadata.image(), request.groups_names) {
        match broker.groups.ask(partition, Request::DeleteGroups(groups)).await {
            Reply::DeleteGroups(answers) => response.results.extend(answers),
            other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
        }
    }
    response
}
