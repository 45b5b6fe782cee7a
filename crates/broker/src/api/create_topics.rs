//! CreateTopics: decided by the controller; the answer has every config of what was made (KIP-525).

use crate::broker::Broker;
use crate::lifecycle::layers;
use controller::{Reply, Request};
use model::ErrorCode;
use model::config::Resolved;
use model::metadata_image::Configs;
use protocol::messages::create_topics::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use std::sync::Arc;

/// Answers when the partitions are there.
pub async fn handle(broker: &Arc<Broker>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let asked = request.clone();
    let mut response = match broker.metadata.ask(Request::CreateTopics(request)).await {
        Ok(Reply::CreateTopics(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(&asked, error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    };
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    for result in response.topics.iter_mut().filter(|result| result.error_code == 0) {
        let overrides: Configs = asked
            .topics
            .iter()
            .filter(|topic| topic.name == result.name)
            .flat_map(|topic| &topic.configs)
            .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
            .collect();
        result.configs = Some(configs(broker, &overrides));
    }
    response
}

fn failed(asked: &CreateTopicsRequest, error: ErrorCode) -> CreateTopicsResponse {
    let topics = asked.topics.iter().map(|topic| CreatableTopicResult {
        name: topic.name.clone(),
        error_code: error.code(),
        ..Default::default()
    });
    CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
}

fn configs(broker: &Broker, overrides: &Configs) -> Vec<CreatableTopicConfigs> {
    let image = broker.metadata.image();
    let resolved = layers(&broker.server_config, &image, broker.node_id).topic_configs(overrides);
    resolved.iter().map(config).collect()
}

fn config(resolved: &Resolved) -> CreatableTopicConfigs {
    CreatableTopicConfigs {
        name: resolved.key.name.into(),
        value: resolved.shown().map(Into::into),
        read_only: false,
        config_source: resolved.source as i8,
        is_sensitive: resolved.key.is_sensitive(),
        ..Default::default()
    }
}
