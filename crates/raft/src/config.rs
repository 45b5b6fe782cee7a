//! What a replica is told when it starts.

use crate::{Endpoint, ReplicaKey};
use model::NodeId;
use std::time::Duration;

/// A replica's settings. They hold for its life.
#[derive(Clone, Debug)]
pub struct Config {
    /// This replica. The directory id must be made anew whenever the log or the vote is lost.
    pub me: ReplicaKey,
    /// Where this node's controller listener is reached by others.
    pub endpoint: Endpoint,
    /// `controller.quorum.voters`: who may found a cluster together, and where a leader is looked for. May be empty, for
    /// a node that only knows bootstrap servers.
    pub configured: Vec<(NodeId, Endpoint)>,
    /// Whether it has the role `controller`. Without it is an observer for ever.
    pub may_vote: bool,
    /// `controller.quorum.election.timeout.ms`: a candidate tries again after one to two of these.
    pub election_timeout: Duration,
    /// `controller.quorum.fetch.timeout.ms`: a leader that has not heard from a majority for so long resigns; a follower
    /// that has not heard from the leader for so long, and up to an election timeout more, asks for votes.
    pub fetch_timeout: Duration,
    /// How often a leader speaks to each replica, whether or not there is something new. A fourth of the fetch timeout or
    /// less, so that one lost message costs nobody the leadership.
    pub heartbeat_interval: Duration,
    /// About so many bytes of entries go into one message; at least one entry does.
    pub max_append_bytes: usize,
    /// So many bytes of a snapshot go into one message.
    pub snapshot_chunk_bytes: usize,
    /// Decides about waits. Draw it anew at each start, and differently on each node.
    pub seed: u64,
}
