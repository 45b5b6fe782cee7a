//! CreatePartitions: more of them for a topic.

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use std::sync::Arc;

/// Answers when the partitions are there.
pub async fn handle(broker: &Arc<Broker>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let asked = request.clone();
    let response = match broker.metadata.ask(Request::CreatePartitions(request)).await {
        Ok(Reply::CreatePartitions(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(&asked, error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    response
}

fn failed(asked: &CreatePartitionsRequest, error: ErrorCode) -> CreatePartitionsResponse {
    let results = asked.topics.iter().map(|topic| CreatePartitionsTopicResult {
        name: topic.name.clone(),
        error_code: error.code(),
        ..Default::default()
    });
    CreatePartitionsResponse { results: results.collect(), ..Default::default() }
}
