//! DeleteTopics, by name or by id (KIP-516).

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use std::sync::Arc;

/// Answers when the partitions are gone.
pub async fn handle(broker: &Arc<Broker>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let asked = request.clone();
    let response = match broker.metadata.ask(Request::DeleteTopics(request)).await {
        Ok(Reply::DeleteTopics(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(&asked, error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    response
}

fn failed(asked: &DeleteTopicsRequest, error: ErrorCode) -> DeleteTopicsResponse {
    let by_name = asked.topic_names.iter().map(|name| DeletableTopicResult {
        name: Some(name.clone()),
        error_code: error.code(),
        ..Default::default()
    });
    let by_id = asked.topics.iter().map(|topic| DeletableTopicResult {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        error_code: error.code(),
        ..Default::default()
    });
    DeleteTopicsResponse { responses: by_name.chain(by_id).collect(), ..Default::default() }
}
