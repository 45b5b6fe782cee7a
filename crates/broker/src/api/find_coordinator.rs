//! FindCoordinator: which broker coordinates a group. Up to version 3 a request names one key.

use super::Context;
use crate::broker::Broker;
use crate::endpoints::endpoints;
use crate::groups;
use model::{ErrorCode, NodeId};
use protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use protocol::wire::Text;
use std::sync::Arc;

/// The kind of keys that are groups.
const GROUP: i8 = 0;
/// The kinds of keys that there are: groups, transactions, shares.
const KINDS: std::ops::RangeInclusive<i8> = 0..=2;

/// Answers for each key; `__consumer_offsets` is made if it is not there.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &Context,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if context.version < 4 {
        let found = find(broker, context, request.key_type, request.key).await;
        // Kafka has words for success too, in these versions.
        let message = found.error_message.filter(|message| !message.is_empty());
        return FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: Some(message.unwrap_or_else(|| Text::from_static("NONE"))),
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..Default::default()
        };
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in request.coordinator_keys {
        let found = find(broker, context, request.key_type, key).await;
        // Kafka has words only where the request as a whole is wrong.
        let error_message = found.error_message.filter(|_| !KINDS.contains(&request.key_type));
        coordinators.push(Coordinator { error_message: Some(error_message.unwrap_or_default()), ..found });
    }
    FindCoordinatorResponse { coordinators, ..Default::default() }
}

async fn find(broker: &Arc<Broker>, context: &Context, key_type: i8, key: Text) -> Coordinator {
    let found = match key_type {
        GROUP => groups::find(broker, &key).await,
        // Nobody coordinates transactions, or keeps shares: to look again would not help.
        _ => Err(ErrorCode::InvalidRequest),
    };
    match found.and_then(|node| endpoint(broker, context, node)) {
        Ok(coordinator) => Coordinator { key, ..coordinator },
        Err(error) => Coordinator {
            key,
            node_id: -1,
            port: -1,
            error_code: error.code(),
            error_message: Some(error.to_string().into()),
            ..Default::default()
        },
    }
}

fn endpoint(broker: &Broker, context: &Context, node: NodeId) -> Result<Coordinator, ErrorCode> {
    let image = broker.metadata.image();
    let endpoint = endpoints(broker, &image, context.listener, &[node]).pop();
    let endpoint = endpoint.ok_or(ErrorCode::CoordinatorNotAvailable)?;
    Ok(Coordinator {
        node_id: endpoint.node_id,
        host: endpoint.host,
        port: endpoint.port,
        error_message: Some(Text::default()),
        ..Default::default()
    })
}
