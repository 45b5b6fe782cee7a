//! DescribeConfigs: what is set, where it comes from, and what it would be otherwise (KIP-133, KIP-226, KIP-569).

use crate::broker::Broker;
use crate::lifecycle::layers;
use model::ErrorCode;
use model::config::Resolved;
use model::metadata_image::{ConfigResource, Configs, MetadataImage};
use protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use protocol::wire::Text;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Answers each resource on its own.
pub fn handle(broker: &Broker, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let image = broker.metadata.image();
    let results = request.resources.iter().map(|wanted| {
        let described = describe(broker, &image, wanted);
        result(wanted, described, &request)
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

fn describe(
    broker: &Broker,
    image: &MetadataImage,
    wanted: &DescribeConfigsResource,
) -> Result<Vec<Resolved>, (ErrorCode, String)> {
    let layers = layers(&broker.server_config, image, broker.node_id);
    match wanted.resource_type {
        TOPIC => {
            if let Err(refusal) = controller::topic_name::check(&wanted.resource_name) {
                return Err((ErrorCode::InvalidTopicException, refusal.to_string()));
            }
            match image.topic(&wanted.resource_name) {
                Some(topic) => Ok(layers.topic_configs(&topic.configs)),
                None => Err((ErrorCode::UnknownTopicOrPartition, String::new())),
            }
        }
        BROKER if wanted.resource_name.is_empty() => {
            let none = Configs::new();
            let set = image.configs(&ConfigResource::AllBrokers).map_or(&none, |configs| configs);
            Ok(layers.broker_configs().into_iter().filter(|config| set.contains_key(config.key.name)).collect())
        }
        BROKER if wanted.resource_name.parse() == Ok(broker.node_id) => Ok(layers.broker_configs()),
        BROKER => {
            let message = format!(
                "this is broker {}, and only it can describe its configs, not {:?}",
                broker.node_id, &*wanted.resource_name
            );
            Err((ErrorCode::InvalidRequest, message))
        }
        kind => Err((ErrorCode::InvalidRequest, format!("resources of kind {kind} have no configs here"))),
    }
}

fn result(
    wanted: &DescribeConfigsResource,
    described: Result<Vec<Resolved>, (ErrorCode, String)>,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResult {
    let empty = DescribeConfigsResult {
        resource_type: wanted.resource_type,
        resource_name: wanted.resource_name.clone(),
        error_message: Some(Text::default()),
        ..Default::default()
    };
    let is_wanted = |config: &&Resolved| match &wanted.configuration_keys {
        Some(names) if !names.is_empty() => names.iter().any(|name| *name == *config.key.name),
        _ => true,
    };
    match described {
        Ok(configs) => DescribeConfigsResult {
            configs: configs.iter().filter(is_wanted).map(|config| entry(config, request)).collect(),
            ..empty
        },
        Err((error, message)) => DescribeConfigsResult {
            error_code: error.code(),
            error_message: (!message.is_empty()).then(|| message.into()).or(Some(Text::default())),
            ..empty
        },
    }
}

fn entry(config: &Resolved, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let synonyms = config.synonyms.iter().map(|synonym| DescribeConfigsSynonym {
        name: synonym.name.into(),
        value: synonym.value.as_deref().map(Into::into),
        source: synonym.source as i8,
        ..Default::default()
    });
    DescribeConfigsResourceResult {
        name: config.key.name.into(),
        value: config.shown().map(Into::into),
        read_only: !config.key.dynamic,
        config_source: config.source as i8,
        is_sensitive: config.key.is_sensitive(),
        synonyms: if request.include_synonyms { synonyms.collect() } else { Vec::new() },
        config_type: config.key.kind as i8,
        documentation: request.include_documentation.then(|| config.key.doc.into()),
        ..Default::default()
    }
}
