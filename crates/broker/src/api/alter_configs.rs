//! AlterConfigs: the whole set of what is set on a resource, in place of the old one.

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use protocol::wire::Text;
use std::sync::Arc;

/// The kind of resource that is a broker.
const BROKER: i8 = 4;

/// Answers when the partitions follow the change. What is asked of another broker is refused here: the controller does not
/// know who was asked.
pub async fn handle(broker: &Arc<Broker>, mut request: AlterConfigsRequest) -> AlterConfigsResponse {
    let named = request.resources.clone();
    let is_elsewhere =
        |named: &AlterConfigsResource| is_of_another_broker(broker, named.resource_type, &named.resource_name);
    request.resources.retain(|named| !is_elsewhere(named));
    let mut decided = decide(broker, request).await.responses.into_iter();
    let responses = named.iter().map(|named| match is_elsewhere(named) {
        true => failed(named, ErrorCode::InvalidRequest, Some(of_another_broker(broker, &named.resource_name))),
        false => decided.next().unwrap_or_else(|| failed(named, ErrorCode::UnknownServerError, None)),
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

/// As in Kafka a broker takes configs for itself and for all brokers, which go by the empty name.
pub(super) fn is_of_another_broker(broker: &Broker, kind: i8, name: &str) -> bool {
    kind == BROKER && !name.is_empty() && name.parse() != Ok(broker.node_id)
}

pub(super) fn of_another_broker(broker: &Broker, name: &str) -> Text {
    let me = broker.node_id;
    format!("this is broker {me}, and only its own configs can be changed here, not those of '{name}'").into()
}

async fn decide(broker: &Arc<Broker>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    if request.resources.is_empty() {
        return AlterConfigsResponse::default(); // nothing to decide, even where no controller can be reached
    }
    let asked = request.clone();
    let response = match broker.metadata.ask(Request::AlterConfigs(request)).await {
        Ok(Reply::AlterConfigs(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => AlterConfigsResponse {
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
