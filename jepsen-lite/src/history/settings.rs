//! What a topic's configs mean for the promises made about it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where an acknowledged record is when the acknowledgement leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// In the operating system's page cache: `flush.messages` is not 1. Kafka's own default.
    PageCache,
    /// On stable storage: `flush.messages` is 1. Our default.
    Journaled,
}

/// The settings of a topic that the promise table asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSettings {
    /// Where acknowledged records are.
    pub durability: Durability,
    /// `min.insync.replicas`, not yet capped by the number of replicas.
    pub min_in_sync: u16,
    /// `unclean.leader.election.enable`.
    pub unclean_election: bool,
    /// Whether old segments may be deleted by age or size.
    pub retention: bool,
    /// Whether older records of a key may be removed.
    pub compacted: bool,
    /// Whether the broker replaces timestamps (`message.timestamp.type`).
    pub append_time: bool,
}

impl TopicSettings {
    /// What a topic's own configs say; keys left out have the broker's defaults.
    pub fn of(configs: &BTreeMap<String, String>) -> TopicSettings {
        let get = |name: &str| configs.get(name).map(String::as_str);
        let journaled = get("flush.messages").is_none_or(|value| value == "1");
        let unlimited = get("retention.ms") == Some("-1") && get("retention.bytes").is_none_or(|value| value == "-1");
        let policy = get("cleanup.policy").unwrap_or("delete");
        TopicSettings {
            durability: if journaled { Durability::Journaled } else { Durability::PageCache },
            min_in_sync: get("min.insync.replicas").and_then(|value| value.parse().ok()).unwrap_or(1),
            unclean_election: get("unclean.leader.election.enable") == Some("true"),
            retention: !unlimited && policy.contains("delete"),
            compacted: policy.contains("compact"),
            append_time: get("message.timestamp.type") == Some("LogAppendTime"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> TopicSettings {
        TopicSettings::of(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn a_topic_is_durable_and_has_retention_unless_told_otherwise() {
        let settings = of(&[]);
        assert_eq!(settings.durability, Durability::Journaled);
        assert!(settings.retention && !settings.compacted && !settings.unclean_election);
        assert_eq!(of(&[("flush.messages", "10000")]).durability, Durability::PageCache);
    }

    #[test]
    fn retention_is_off_only_when_neither_age_nor_size_limits() {
        assert!(!of(&[("retention.ms", "-1")]).retention);
        assert!(of(&[("retention.bytes", "-1")]).retention, "age still limits, at its default");
        assert!(of(&[("retention.ms", "-1"), ("retention.bytes", "4096")]).retention);
        assert!(!of(&[("cleanup.policy", "compact")]).retention);
    }
}
