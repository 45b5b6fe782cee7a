//! What stories of one node's metadata begin with.

use broker::metadata::QuorumNode;
use controller::{Founding, Request};
use model::Uuid;
use model::config::{BrokerConfig, Layers, ServerConfig};
use model::metadata_image::Configs;
use protocol::messages::broker_registration::{BrokerRegistrationRequest, Listener};

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

/// Registers its broker. Each life of a broker is a record, so enough of them make a snapshot.
pub fn register(incarnation_id: Uuid) -> Request {
    let request = BrokerRegistrationRequest {
        broker_id: 1,
        cluster_id: "c".into(),
        incarnation_id,
        listeners: vec![Listener { name: "PLAINTEXT".into(), host: "h".into(), port: 9092, ..Default::default() }],
        log_dirs: vec![Uuid([0x44; 16])],
        ..Default::default()
    };
    Request::RegisterBroker { request, stop_was_clean: false, unusable: vec![], unsynced: vec![] }
}
