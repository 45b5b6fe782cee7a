//! DescribeCluster (KIP-700, KIP-919).

use super::Context;
use super::metadata::{ALL_CLUSTER_OPERATIONS, NO_OPERATIONS};
use crate::broker::Broker;
use crate::endpoints::{Endpoint, endpoints};
use model::{ErrorCode, NodeId};
use protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};
use protocol::wire::Text;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers with the brokers that are not fenced, or with all of them.
pub fn handle(broker: &Broker, context: &Context, request: DescribeClusterRequest) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => return failed(ErrorCode::MismatchedEndpointType, "this listener is of a broker"),
        _ => return failed(ErrorCode::UnsupportedEndpointType, "endpoints are 1 (brokers) or 2 (controllers)"),
    }
    let image = broker.metadata.image();
    let shown = image.brokers().filter(|node| request.include_fenced_brokers || !node.fenced);
    let nodes: Vec<NodeId> = shown.map(|node| node.id).collect();
    let brokers = endpoints(broker, &image, context.listener, &nodes).into_iter();
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: image.cluster_id().map(|id| Text::from(&**id)).unwrap_or_default(),
        controller_id: broker.node_id,
        brokers: brokers
            .map(|Endpoint { node_id: broker_id, host, port, rack }| DescribeClusterBroker {
                broker_id,
                host,
                port,
                rack,
                is_fenced: !image.is_unfenced(broker_id),
                ..Default::default()
            })
            .collect(),
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => ALL_CLUSTER_OPERATIONS,
            false => NO_OPERATIONS,
        },
        ..Default::default()
    }
}

fn failed(error: ErrorCode, message: &str) -> DescribeClusterResponse {
    DescribeClusterResponse { error_code: error.code(), error_message: Some(message.into()), ..Default::default() }
}
