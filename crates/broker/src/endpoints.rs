//! Where clients reach brokers.

use crate::broker::Broker;
use model::NodeId;
use model::metadata_image::MetadataImage;
use std::sync::Arc;

/// Id, host, port and rack of those of `nodes` that listen under the name of this broker's listener `listener`.
pub fn endpoints(
    broker: &Broker,
    image: &MetadataImage,
    listener: usize,
    nodes: &[NodeId],
) -> Vec<(NodeId, Arc<str>, i32, Option<Arc<str>>)> {
    let name = broker.listeners.get(listener).map_or("", |listener| &*listener.name);
    let known = nodes.iter().filter_map(|id| image.broker(*id));
    known
        .filter_map(|node| {
            let endpoint = node.endpoint(name)?;
            Some((node.id, endpoint.host.clone(), i32::from(endpoint.port), node.rack.clone()))
        })
        .collect()
}

/// The same of every broker that is not fenced.
pub fn all_endpoints(
    broker: &Broker,
    image: &MetadataImage,
    listener: usize,
) -> Vec<(NodeId, Arc<str>, i32, Option<Arc<str>>)> {
    let nodes: Vec<NodeId> = image.brokers().filter(|node| !node.fenced).map(|node| node.id).collect();
    endpoints(broker, image, listener, &nodes)
}
