//! AlterConfigs: the whole set of what is set on a resource, in place of the old one.

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::alter_configs::{AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse};
use std::sync::Arc;

/// Answers when the partitions follow the change.
pub async fn handle(broker: &Arc<Broker>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let asked = request.clone();
    let response = match broker.metadata.ask(Request::AlterConfigs(request)).await {
        Ok(Reply::AlterConfigs(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(&asked, error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    response
}

fn failed(asked: &AlterConfigsRequest, error: ErrorCode) -> AlterConfigsResponse {
    let responses = asked.resources.iter().map(|resource| AlterConfigsResourceResponse {
        error_code: error.code(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}
