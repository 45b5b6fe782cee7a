//! The features that this version knows, and the levels a new cluster starts with (KIP-584).

/// One feature and the levels it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Such as `transaction.version`.
    pub name: &'static str,
    /// The lowest level that this version understands.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

/// Every feature by name, as Apache Kafka 4.3 has them.
pub const FEATURES: [Feature; 7] = [
    Feature { name: "eligible.leader.replicas.version", min: 0, max: 1 },
    Feature { name: "group.version", min: 0, max: 1 },
    Feature { name: "kraft.version", min: 0, max: 1 },
    Feature { name: "metadata.version", min: 7, max: 30 },
    Feature { name: "share.version", min: 0, max: 1 },
    Feature { name: "streams.version", min: 0, max: 1 },
    Feature { name: "transaction.version", min: 0, max: 2 },
];

/// With this feature, replicas that leave an ISR at its minimum may still lead (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS: &str = "eligible.leader.replicas.version";
