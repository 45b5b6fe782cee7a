//! IncrementalAlterConfigs: single changes of a resource's configs (KIP-339). They apply at once.

use super::alter_configs::{is_of_another_broker, of_another_broker};
use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use protocol::wire::Text;
use std::sync::Arc;

/// Answers when the partitions follow the change. What is asked of another broker is refused here: the controller does not
/// know who was asked.
pub async fn handle(
    broker: &Arc<Broker>,
    mut request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let named = request.resources.clone();
    let is_elsewhere =
        |named: &AlterConfigsResource| is_of_another_broker(broker, named.resource_type, &named.resource_name);
    request.resources.retain(|named| !is_elsewhere(named));
    let mut decided = decide(broker, request).await.responses.into_iter();
    let responses = named.iter().map(|named| match is_elsewhere(named) {
        true => failed(named, ErrorCode::InvalidRequest, Some(of_another_broker(broker, &named.resource_name))),
        false => decided.next().unwrap_or_else(|| failed(named, ErrorCode::UnknownServerError, None)),
    });
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

async fn decide(broker: &Arc<Broker>, request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    if request.resources.is_empty() {
        return IncrementalAlterConfigsResponse::default(); // nothing to decide, even where no controller can be reached
    }
    let asked = request.clone();
    let response = match broker.metadata.ask(Request::IncrementalAlterConfigs(request)).await {
        Ok(Reply::IncrementalAlterConfigs(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => IncrementalAlterConfigsResponse {
            responses: asked.resources.iter().map(|named| failed(named, error, None)).collect(),
            ..Default::default()
        },
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    response
}

fn failed(named: &AlterConfigsResource, error: ErrorCode, why: Option<Text>) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        error_code: error.code(),
        error_message: why,
        resource_type: named.resource_type,
        resource_name: named.resource_name.clone(),
        ..Default::default()
    }
}
