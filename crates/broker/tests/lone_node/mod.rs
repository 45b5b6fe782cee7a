//! What stories of one node's metadata begin with.

use broker::metadata::QuorumNode;
use controller::Founding;
use model::Uuid;
use model::config::{BrokerConfig, Layers, ServerConfig};
use model::metadata_image::Configs;

/// A node that is a quorum of its own.
pub fn node() -> QuorumNode {
    let (server, nothing) = (ServerConfig::new(), Configs::new());
    let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
    QuorumNode {
        id: 1,
        directory: Uuid([0x44; 16]),
        endpoint: raft::Endpoint { host: "h".to_owned(), port: 9093 },
        cluster: BrokerConfig::resolve(&layers).expect("the defaults fit").cluster,
        founding: Founding::new("c"),
    }
}
