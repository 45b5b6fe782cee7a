//! ListGroups: the groups whose coordinator is here.

use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use model::ErrorCode;
use protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};

/// Asks every coordinator on this node; one that is loading makes the answer an error with what the others said.
pub async fn handle(broker: &Broker, request: ListGroupsRequest) -> ListGroupsResponse {
    let mut response = ListGroupsResponse::default();
    for partition in broker.groups.hosted() {
        let asked = broker.groups.ask(partition, Request::ListGroups { request: request.clone() }).await;
        let Reply::ListGroups(answer) = asked else {
            unreachable!("the coordinator answers a request with its own reply, not {asked:?}")
        };
        match ErrorCode::from_wire(answer.error_code) {
            ErrorCode::None => response.groups.extend(answer.groups),
            // It has just lost its log: another broker lists those groups.
            ErrorCode::NotCoordinator => {}
            error => response.error_code = error.code(),
        }
    }
    response
}
