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

use super::key::{ConfigKey, Scope};
use super::keys;

/// Every table with its title, in the order of the reference page.
pub(super) const TABLES: &[(&str, &[ConfigKey])] = &[
    ("This server", node::KEYS),
    ("Listeners, connections and requests", network::KEYS),
    ("Topics", topics::KEYS),
    ("Logs on disk", log::KEYS),
    ("Compaction", cleaner::KEYS),
    ("Replication", replication::KEYS),
    ("The metadata quorum", quorum::KEYS),
    ("Consumer groups", groups::KEYS),
    ("Share groups (KIP-932)", share_groups::KEYS),
    ("Streams groups (KIP-1071)", streams_groups::KEYS),
    ("Transactions and idempotent producers", transactions::KEYS),
    ("Who may do what", access::KEYS),
    ("TLS", tls::KEYS),
    ("SASL", sasl::KEYS),
    ("Quotas", quotas::KEYS),
    ("Metrics", metrics::KEYS),
    ("Tiered storage (KIP-405)", tiered::KEYS),
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

/// Why a key of a Java plug-in, or of one listener, means nothing here; `None` for one that is neither.
pub(super) fn is_plugin_key(name: &str) -> Option<&'static str> {
    if let Some(rest) = name.strip_prefix("listener.name.") {
        let is_of_listener = keys(Scope::Broker).any(|key| {
            rest.strip_suffix(key.name).is_some_and(|listener| listener.len() > 1 && listener.ends_with('.'))
        });
        return is_of_listener.then_some("configs of a single listener are not there yet");
    }
    let plugins = ["config.providers.", "rlmm.config.", "rsm.config."];
    plugins
        .iter()
        .any(|prefix| name.starts_with(prefix))
        .then_some("it is read by Java plug-ins, which cannot run here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafka_removed_and_what_plug_ins_read_is_no_key_of_ours() {
        for key in keys(Scope::Broker) {
            assert_eq!(removed_from_kafka(key.name).or(is_plugin_key(key.name)), None, "{}", key.name);
        }
        assert!(removed_from_kafka("zookeeper.connect").is_some());
        assert!(is_plugin_key("listener.name.internal.ssl.keystore.location").is_some());
        assert!(is_plugin_key("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config").is_some());
        assert!(is_plugin_key("listener.name.internal.ssl.keystore.place").is_none());
        assert!(is_plugin_key("listener.name.sasl.jaas.config").is_none());
    }
}
