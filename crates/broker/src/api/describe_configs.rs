//! DescribeConfigs: what is set, where it comes from, and what it would be otherwise (KIP-133, KIP-226, KIP-569).

use crate::broker::Broker;
use crate::lifecycle::layers;
use controller::Refusal;
use controller::group_config::{self, GroupConfig, SOURCE_GROUP};
use model::ErrorCode;
use model::config::{ConfigType, Layers, Resolved, Scope, SynonymValue, lookup};
use model::metadata_image::{ConfigResource, Configs, MetadataImage};
use protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use protocol::wire::Text;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;
/// All kinds of resources that Kafka knows; two of them, loggers and client metrics, have no configs here.
const KINDS: [i8; 5] = [TOPIC, BROKER, 8, 16, GROUP];

/// One config as the answer shows it.
struct Shown {
    name: &'static str,
    value: Option<String>,
    read_only: bool,
    source: i8,
    is_sensitive: bool,
    kind: ConfigType,
    doc: &'static str,
    synonyms: Vec<DescribeConfigsSynonym>,
}

/// Answers each resource on its own.
pub fn handle(broker: &Broker, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let image = broker.metadata.image();
    // As in Kafka, which looks at all kinds first, an unknown one fails the request and not its resource alone.
    let unknown = request.resources.iter().map(|wanted| wanted.resource_type).find(|kind| !KINDS.contains(kind));
    let results = request.resources.iter().map(|wanted| {
        let described = match unknown {
            Some(kind) => {
                let message = format!("there is no kind of resource with the number {kind}");
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            }
            None => describe(broker, &image, wanted),
        };
        result(wanted, described, &request)
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

fn describe(broker: &Broker, image: &MetadataImage, wanted: &DescribeConfigsResource) -> Result<Vec<Shown>, Refusal> {
    let layers = layers(&broker.server_config, image, broker.node_id);
    let name = &*wanted.resource_name;
    let resolved = match wanted.resource_type {
        TOPIC => {
            controller::topic_name::check(name).map_err(|why| Refusal::new(ErrorCode::InvalidTopicException, why))?;
            let topic = image.topic(name).ok_or(Refusal::silent(ErrorCode::UnknownTopicOrPartition))?;
            layers.topic_configs(&topic.configs)
        }
        BROKER if name.is_empty() => layers.default_broker_configs(),
        BROKER if name.parse() == Ok(broker.node_id) => layers.broker_configs(),
        BROKER => {
            let me = broker.node_id;
            let message = format!("this is broker {me}, and only its own configs can be asked for here, not '{name}'");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        GROUP => return of_group(&layers, image, name),
        kind => {
            let message = format!("resources of kind {kind} have no configs here");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
    };
    Ok(resolved.into_iter().map(shown).collect())
}

fn shown(resolved: Resolved) -> Shown {
    Shown {
        name: resolved.key.name,
        value: resolved.shown().map(str::to_owned),
        read_only: !resolved.key.dynamic,
        source: resolved.source as i8,
        is_sensitive: resolved.key.is_sensitive(),
        kind: resolved.key.kind,
        doc: resolved.key.doc,
        synonyms: resolved.synonyms.iter().map(synonym).collect(),
    }
}

fn synonym(value: &SynonymValue) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: value.name.into(),
        value: value.value.as_deref().map(Into::into),
        source: value.source as i8,
        ..Default::default()
    }
}

/// A group has configs whether it exists or not.
fn of_group(layers: &Layers<'_>, image: &MetadataImage, name: &str) -> Result<Vec<Shown>, Refusal> {
    if name.is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "a group's name may not be empty"));
    }
    let nothing = Configs::new();
    let set = image.configs(&ConfigResource::Group(name.to_owned())).map_or(&nothing, |set| set);
    let configs = group_config::configs(layers, set).into_iter();
    Ok(configs.map(|config| group_shown(layers, config)).collect())
}

fn group_shown(layers: &Layers<'_>, config: GroupConfig) -> Shown {
    let own = (config.source == SOURCE_GROUP).then(|| DescribeConfigsSynonym {
        name: config.key.name.into(),
        value: Some(config.value.as_str().into()),
        source: SOURCE_GROUP,
        ..Default::default()
    });
    let broker_key = config.key.broker_key.and_then(|name| lookup(Scope::Broker, name));
    let of_broker = broker_key.map(|key| layers.broker_config(key).synonyms).unwrap_or_default();
    Shown {
        name: config.key.name,
        value: Some(config.value),
        read_only: false,
        source: config.source,
        is_sensitive: false,
        kind: config.key.kind,
        doc: config.key.doc,
        synonyms: own.into_iter().chain(of_broker.iter().map(synonym)).collect(),
    }
}

/// As in Kafka the message of a success is empty and not null, and a config of an unknown name is left out.
fn result(
    wanted: &DescribeConfigsResource,
    described: Result<Vec<Shown>, Refusal>,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResult {
    let empty = DescribeConfigsResult {
        resource_type: wanted.resource_type,
        resource_name: wanted.resource_name.clone(),
        error_message: Some(Text::default()),
        ..Default::default()
    };
    let is_wanted = |config: &Shown| match &wanted.configuration_keys {
        Some(names) if !names.is_empty() => names.iter().any(|name| *name == *config.name),
        _ => true,
    };
    match described {
        Ok(configs) => DescribeConfigsResult {
            configs: configs.into_iter().filter(is_wanted).map(|config| entry(config, request)).collect(),
            ..empty
        },
        Err(refusal) => DescribeConfigsResult {
            error_code: refusal.error.code(),
            error_message: Some(refusal.message.unwrap_or_default().into()),
            ..empty
        },
    }
}

fn entry(config: Shown, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: config.name.into(),
        value: config.value.map(Into::into),
        read_only: config.read_only,
        config_source: config.source,
        is_sensitive: config.is_sensitive,
        synonyms: if request.include_synonyms { config.synonyms } else { Vec::new() },
        config_type: config.kind as i8,
        documentation: request.include_documentation.then(|| config.doc.into()),
        ..Default::default()
    }
}
