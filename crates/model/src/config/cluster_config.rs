//! What a node is in its cluster: its roles, where the metadata quorum is, how replicas are fetched.

use super::broker_config::Reader;
use crate::NodeId;

/// A voter of the metadata quorum, as `controller.quorum.voters` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumVoter {
    /// Its `node.id`.
    pub id: NodeId,
    /// Where its controller listens: a name or address without brackets.
    pub host: String,
    /// The port beside it.
    pub port: u16,
}

/// Roles and quorum of one node. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// `process.roles` has `broker`, or is not given.
    pub is_broker: bool,
    /// `process.roles` has `controller`, or is not given.
    pub is_controller: bool,
    /// `controller.quorum.voters`; empty where it is not given.
    pub voters: Vec<QuorumVoter>,
    /// `controller.quorum.bootstrap.servers`, as `host:port`.
    pub bootstrap_servers: Vec<String>,
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout_ms: i64,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout_ms: i64,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i64,
    /// `broker.session.timeout.ms`.
    pub session_timeout_ms: i64,
    /// `controlled.shutdown.enable`.
    pub controlled_shutdown: bool,
    /// `inter.broker.listener.name`, in capitals; none for the first listener.
    pub inter_broker_listener: Option<String>,
    /// How followers fetch.
    pub replication: ReplicationConfig,
}

/// How followers fetch from leaders. Times are in milliseconds, sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationConfig {
    /// `replica.fetch.backoff.ms`.
    pub backoff_ms: i64,
    /// `replica.fetch.max.bytes`, of one partition.
    pub partition_bytes: i32,
    /// `replica.fetch.response.max.bytes`.
    pub response_bytes: i32,
    /// `replica.fetch.min.bytes`.
    pub min_bytes: i32,
    /// `replica.fetch.wait.max.ms`.
    pub wait_ms: i32,
    /// `replica.socket.timeout.ms`.
    pub socket_timeout_ms: i64,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max_ms: i64,
    /// `replica.selector.class` names the selector that is aware of racks (KIP-392).
    pub rack_aware_reads: bool,
}

/// Kafka's class of that selector.
const RACK_AWARE: &str = "RackAwareReplicaSelector";

impl ClusterConfig {
    /// # Errors
    /// What does not fit together, and what to do.
    pub(super) fn read(read: &Reader<'_>) -> Result<ClusterConfig, String> {
        let roles = read.list("process.roles");
        let has = |role: &str| roles.is_empty() || roles.iter().any(|given| given == role);
        let voters: Vec<QuorumVoter> =
            read.list("controller.quorum.voters").iter().map(|text| voter(text)).collect::<Result<_, _>>()?;
        let node_id = read.node_id();
        let config = ClusterConfig {
            is_broker: has("broker"),
            is_controller: has("controller"),
            voters,
            bootstrap_servers: read.list("controller.quorum.bootstrap.servers"),
            election_timeout_ms: read.number("controller.quorum.election.timeout.ms").max(1),
            fetch_timeout_ms: read.number("controller.quorum.fetch.timeout.ms").max(1),
            heartbeat_interval_ms: read.number("broker.heartbeat.interval.ms").max(1),
            session_timeout_ms: read.number("broker.session.timeout.ms").max(1),
            controlled_shutdown: read.boolean("controlled.shutdown.enable"),
            inter_broker_listener: read.text("inter.broker.listener.name").map(|name| name.to_ascii_uppercase()),
            replication: ReplicationConfig::read(read),
        };
        config.check(node_id).map(|()| config)
    }

    fn check(&self, node_id: NodeId) -> Result<(), String> {
        for (at, voter) in self.voters.iter().enumerate() {
            if self.voters[..at].iter().any(|other| other.id == voter.id) {
                return Err(format!(
                    "controller.quorum.voters: {} is there twice; give each voter its own id",
                    voter.id
                ));
            }
        }
        let listed = self.voters.iter().any(|voter| voter.id == node_id);
        if self.is_controller && !self.voters.is_empty() && !listed {
            return Err(format!(
                "controller.quorum.voters: this node, {node_id}, is a controller and not in the list; add it as {node_id}@host:port, or set process.roles=broker"
            ));
        }
        if !self.is_controller && listed {
            return Err(format!(
                "controller.quorum.voters: this node, {node_id}, is a voter and no controller; set process.roles=broker,controller, or take it off the list"
            ));
        }
        if !self.is_controller && self.voters.is_empty() && self.bootstrap_servers.is_empty() {
            return Err(
                "process.roles: a broker without a controller must be told where one is; set controller.quorum.voters or controller.quorum.bootstrap.servers"
                    .to_owned(),
            );
        }
        if self.session_timeout_ms <= self.heartbeat_interval_ms {
            return Err(format!(
                "broker.session.timeout.ms={} is not above broker.heartbeat.interval.ms={}: every broker would be fenced; raise the first or lower the second",
                self.session_timeout_ms, self.heartbeat_interval_ms
            ));
        }
        Ok(())
    }
}

impl ReplicationConfig {
    fn read(read: &Reader<'_>) -> ReplicationConfig {
        let selector = read.text("replica.selector.class").unwrap_or_default();
        ReplicationConfig {
            backoff_ms: read.number("replica.fetch.backoff.ms"),
            partition_bytes: read.int("replica.fetch.max.bytes"),
            response_bytes: read.int("replica.fetch.response.max.bytes"),
            min_bytes: read.int("replica.fetch.min.bytes"),
            wait_ms: read.int("replica.fetch.wait.max.ms"),
            socket_timeout_ms: read.number("replica.socket.timeout.ms"),
            lag_time_max_ms: read.number("replica.lag.time.max.ms"),
            rack_aware_reads: selector.rsplit('.').next() == Some(RACK_AWARE),
        }
    }
}

/// `id@host:port`.
fn voter(text: &str) -> Result<QuorumVoter, String> {
    let wrong = || format!("controller.quorum.voters: '{text}' is not id@host:port, such as 1@localhost:9093");
    let (id, address) = text.trim().split_once('@').ok_or_else(wrong)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let id: NodeId = id.trim().parse().map_err(|_| wrong())?;
    let port = port.trim().parse().map_err(|_| wrong())?;
    let host = host.trim().trim_matches(['[', ']']);
    if id < 0 || host.is_empty() {
        return Err(wrong());
    }
    Ok(QuorumVoter { id, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voter_is_an_id_and_an_address() {
        let read = voter("3@[::1]:9093").expect("well formed");
        assert_eq!((read.id, read.host.as_str(), read.port), (3, "::1", 9093));
        for wrong in ["", "1", "1@host", "@host:1", "x@host:1", "-1@host:1", "1@:9", "1@host:99999"] {
            assert!(voter(wrong).is_err(), "{wrong}");
        }
    }
}
