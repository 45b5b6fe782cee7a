//! DescribeCluster (KIP-700, KIP-919).

use super::Context;
use crate::broker::Broker;
use crate::endpoints::{Endpoint, all_endpoints};
use model::ErrorCode;
use protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};
use protocol::wire::Text;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;
const ALL_CLUSTER_OPERATIONS: i32 = 0x1fa0;

/// Answers with the brokers that are not fenced, or with all of them.
pub fn handle(broker: &Broker, context: &Context, request: DescribeClusterRequest) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => return failed(ErrorCode::MismatchedEndpointType, "this listener is of a broker"),
        _ => return failed(ErrorCode::UnsupportedEndpointType, "endpoints are 1 (brokers) or 2 (controllers)"),
    }
    let image = broker.metadata.image();
    let brokers = all_endpoints(broker, &image, context.listener).into_iter();
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
                ..Default::default()
            })
            .collect(),
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => ALL_CLUSTER_OPERATIONS,
            false => i32::MIN,
        },
        ..Default::default()
    }
}

fn failed(error: ErrorCode, message: &str) -> DescribeClusterResponse {
    DescribeClusterResponse { error_code: error.code(), error_message: Some(message.into()), ..Default::default() }
}
