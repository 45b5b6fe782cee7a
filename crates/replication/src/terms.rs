//! What a leader is told to demand of its followers.

use std::time::Duration;

/// Settings of a leader, which may change while it leads: see [`Leader::set_terms`](crate::Leader::set_terms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// `replica.lag.time.max.ms`: a follower that was not caught up for this long leaves the in-sync replicas.
    pub replica_lag_time_max: Duration,
    /// `min.insync.replicas` of the topic. More than there are replicas counts as their number.
    pub min_insync_replicas: i32,
}

impl Default for Terms {
    fn default() -> Self {
        Terms { replica_lag_time_max: Duration::from_secs(30), min_insync_replicas: 1 }
    }
}
