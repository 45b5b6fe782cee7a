//! Where clients reach brokers.

use crate::broker::Broker;
use model::NodeId;
use model::metadata_image::MetadataImage;
use protocol::wire::Text;

/// Where one broker is reached, ready for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub node_id: NodeId,
    /// Its host for clients.
    pub host: Text,
    /// The port beside it.
    pub port: i32,
    /// `broker.rack`.
    pub rack: Option<Text>,
}

/// Those of `nodes` that listen under the name of this broker's listener `listener`.
pub fn endpoints(broker: &Broker, image: &MetadataImage, listener: usize, nodes: &[NodeId]) -> Vec<Endpoint> {
    let name = broker.listeners.get(listener).map_or("", |listener| &*listener.name);
    let known = nodes.iter().filter_map(|id| image.broker(*id));
    known
        .filter_map(|node| {
            let endpoint = node.endpoint(name)?;
            Some(Endpoint {
                node_id: node.id,
                host: (&*endpoint.host).into(),
                port: i32::from(endpoint.port),
                rack: node.rack.as_deref().map(Into::into),
            })
        })
        .collect()
}

/// The same of every broker that is not fenced.
pub fn all_endpoints(broker: &Broker, image: &MetadataImage, listener: usize) -> Vec<Endpoint> {
    let nodes: Vec<NodeId> = image.brokers().filter(|node| !node.fenced).map(|node| node.id).collect();
    endpoints(broker, image, listener, &nodes)
}
