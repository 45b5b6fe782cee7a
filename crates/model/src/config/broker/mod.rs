//! The keys of `server.properties`, by theme.

mod access;
mod cleaner;
mod groups;
mod log;
mod metrics;
mod network;
mod node;
mod quorum;
mod quotas;
mod replication;
mod sasl;
mod share_groups;
mod streams_groups;
mod tiered;
mod tls;
mod topics;
mod transactions;

use super::key::ConfigKey;

/// All tables.
pub(super) const TABLES: &[&[ConfigKey]] = &[
    access::KEYS,
    cleaner::KEYS,
    groups::KEYS,
    log::KEYS,
    metrics::KEYS,
    network::KEYS,
    node::KEYS,
    quorum::KEYS,
    quotas::KEYS,
    replication::KEYS,
    sasl::KEYS,
    share_groups::KEYS,
    streams_groups::KEYS,
    tiered::KEYS,
    tls::KEYS,
    topics::KEYS,
    transactions::KEYS,
];

/// Why a key of older Kafka versions means nothing any more; `None` for one that never was.
pub(super) fn removed_from_kafka(name: &str) -> Option<&'static str> {
    match name {
        "inter.broker.protocol.version" | "log.message.format.version" => {
            Some("Kafka 4 has removed it: the newest protocol and format are used")
        }
        "log.message.timestamp.difference.max.ms" => {
            Some("Kafka 4 has removed it: set log.message.timestamp.before.max.ms and .after.max.ms")
        }
        "broker.id.generation.enable" | "reserved.broker.max.id" | "delegation.token.master.key" => {
            Some("Kafka 4 has removed it")
        }
        _ if name.starts_with("zookeeper.") || name.starts_with("control.plane.") => {
            Some("Kafka 4 has removed it: there is no ZooKeeper")
        }
        _ => None,
    }
}

/// Why a key of a Java plug-in means nothing here; `None` for one that is not of a plug-in.
pub(super) fn is_plugin_key(name: &str) -> Option<&'static str> {
    let plugins =
        ["listener.name.", "remote.log.storage.manager.impl.", "rlmm.config.", "rsm.config.", "client.quota.callback."];
    plugins
        .iter()
        .any(|prefix| name.starts_with(prefix))
        .then_some("it configures one listener or a Java plug-in, which is not there yet")
}
