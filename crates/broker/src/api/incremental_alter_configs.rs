//! IncrementalAlterConfigs: single changes of a resource's configs (KIP-339). They apply at once.

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use std::sync::Arc;

/// Answers when the partitions follow the change.
pub async fn handle(broker: &Arc<Broker>, request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    let asked = request.clone();
    let response = match broker.metadata.ask(Request::IncrementalAlterConfigs(request)).await {
        Ok(Reply::IncrementalAlterConfigs(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(&asked, error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    response
}

fn failed(asked: &IncrementalAlterConfigsRequest, error: ErrorCode) -> IncrementalAlterConfigsResponse {
    let responses = asked.resources.iter().map(|resource| AlterConfigsResourceResponse {
        error_code: error.code(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    });
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}
