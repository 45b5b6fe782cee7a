//! How a cluster is made.

use super::dice::Dice;
use super::network::Weather;
use model::NodeId;
use raft::Endpoint;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Shape {
    /// Nodes 1 to this many are the configured voters.
    pub voters: i32,
    /// So many more are controllers, too, but not configured.
    pub spares: i32,
    /// So many more are brokers only.
    pub brokers: i32,
    pub election_timeout: Duration,
    pub fetch_timeout: Duration,
    pub heartbeat_interval: Duration,
    pub max_append_bytes: usize,
    pub snapshot_chunk_bytes: usize,
    /// A node takes a snapshot when it has applied so many entries since the last.
    pub snapshot_every: i64,
    /// How long a disk takes, in microseconds.
    pub disk: (u64, u64),
    pub weather: Weather,
}

impl Shape {
    /// A calm cluster of so many voters.
    pub fn of(voters: i32) -> Shape {
        Shape {
            voters,
            spares: 0,
            brokers: 0,
            election_timeout: Duration::from_millis(1000),
            fetch_timeout: Duration::from_millis(2000),
            heartbeat_interval: Duration::from_millis(500),
            max_append_bytes: 1 << 20,
            snapshot_chunk_bytes: 100,
            snapshot_every: 1 << 40,
            disk: (100, 1_000),
            weather: Weather::CALM,
        }
    }

    /// Any cluster.
    pub fn drawn(dice: &mut Dice) -> Shape {
        let voters = if dice.chance(700) { 3 } else { 5 };
        let slowest = if dice.chance(300) { 80_000 } else { 10_000 };
        let late = if dice.chance(300) { dice.below(50) } else { 0 };
        Shape {
            spares: i32::from(dice.chance(300)),
            brokers: i32::from(dice.chance(200)),
            max_append_bytes: if dice.chance(500) { 1 } else { 1000 },
            snapshot_chunk_bytes: 20 + dice.below(200) as usize,
            snapshot_every: if dice.chance(600) { 3 + dice.below(20) as i64 } else { 1 << 40 },
            disk: if dice.chance(200) { (0, 0) } else { (100, 100 + dice.below(30_000)) },
            weather: Weather {
                latency: (100, 200 + dice.below(slowest)),
                lost_per_mille: if dice.chance(500) { dice.below(150) } else { 0 },
                doubled_per_mille: if dice.chance(300) { dice.below(100) } else { 0 },
                late_per_mille: late,
            },
            ..Shape::of(voters)
        }
    }

    pub fn nodes(&self) -> i32 {
        self.voters + self.spares + self.brokers
    }

    pub fn may_vote(&self, id: NodeId) -> bool {
        id <= self.voters + self.spares
    }

    pub fn configured(&self) -> Vec<(NodeId, Endpoint)> {
        (1..=self.voters).map(|id| (id, endpoint(id))).collect()
    }
}

pub fn endpoint(id: NodeId) -> Endpoint {
    Endpoint { host: format!("10.0.0.{id}"), port: 9093 }
}
