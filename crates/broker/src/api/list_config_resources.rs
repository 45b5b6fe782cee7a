//! ListConfigResources: which resources have, or may have, configs (KIP-1142). Version 0 knows client metrics alone.

use super::Context;
use crate::broker::Broker;
use model::ErrorCode;
use model::metadata_image::MetadataImage;
use protocol::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use std::collections::BTreeSet;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const EVERY_KIND: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

/// Answers with all resources of the kinds asked for; of every kind when none is named.
pub fn handle(broker: &Broker, context: &Context, request: ListConfigResourcesRequest) -> ListConfigResourcesResponse {
    let kinds: BTreeSet<i8> = match request.resource_types.as_slice() {
        _ if context.version == 0 => [CLIENT_METRICS].into(),
        [] => EVERY_KIND.into(),
        kinds => kinds.iter().copied().collect(),
    };
    if !kinds.iter().all(|kind| EVERY_KIND.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let image = broker.metadata.image();
    let of_kind = |kind: i8| names(&image, kind).into_iter().map(move |name| (kind, name));
    let config_resources = kinds.into_iter().flat_map(of_kind).map(|(resource_type, name)| ConfigResource {
        resource_name: name.into(),
        resource_type,
        ..Default::default()
    });
    ListConfigResourcesResponse { config_resources: config_resources.collect(), ..Default::default() }
}

fn names(image: &MetadataImage, kind: i8) -> Vec<String> {
    match kind {
        TOPIC => image.topics().map(|topic| topic.name.to_string()).collect(),
        BROKER | BROKER_LOGGER => image.brokers().map(|broker| broker.id.to_string()).collect(),
        kind => image.configured_resources().filter(|(set, _)| set.kind() == kind).map(|(set, _)| set.name()).collect(),
    }
}
