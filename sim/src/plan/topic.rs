//! One topic: its partitions, replicas and configs.

use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicShape {
    /// Its name.
    pub name: String,
    /// Partitions.
    pub partitions: i32,
    /// Replicas of each.
    pub replicas: i16,
    /// Its own configs.
    pub configs: BTreeMap<String, String>,
    /// Whether it is deleted and made anew during the run.
    pub churns: bool,
}

impl TopicShape {
    /// Whether of each key only the last record stays.
    pub fn is_compacted(&self) -> bool {
        self.configs.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"))
    }

    /// Has the cleaner look after the topic: soon and often.
    pub fn compact(&mut self, dice: &mut Stream) {
        self.configs.retain(|name, _| !name.starts_with("retention."));
        let mut set = |name: &str, value: String| drop(self.configs.insert(name.to_owned(), value));
        set("cleanup.policy", "compact".into());
        set("internal.segment.bytes", dice.between(4096, 12_288).to_string());
        set("min.cleanable.dirty.ratio", dice.pick(&["0.01", "0.01", "0.3"]).to_string());
        // Over before a slow reader has come so far, within its time, and long after the run.
        set("delete.retention.ms", dice.pick(&["300", "15000", "86400000"]).to_string());
        if dice.chance(0.8) {
            set("segment.ms", dice.pick(&["300", "1000"]).to_string());
        }
    }
}

/// Draws a topic of one replica.
pub fn draw(dice: &mut Stream, number: u64, last: bool) -> TopicShape {
    let mut configs = pairs(&[]);
    configs.insert("internal.segment.bytes".into(), dice.between(4096, 65_536).to_string());
    configs.insert("index.interval.bytes".into(), dice.pick(&["0", "100", "1024", "4096"]).to_string());
    configs.insert("file.delete.delay.ms".into(), dice.pick(&["0", "500", "60000"]).to_string());
    // Our default is tested most; the first two topics differ in it, so that every world has both.
    let journaled = if number < 2 { number == 0 } else { dice.chance(0.6) };
    if !journaled {
        configs.insert("flush.messages".into(), dice.pick(&["100", "10000", "9223372036854775807"]).to_string());
    }
    let mut sometimes = |probability: f64, name: &str, values: &[&str]| {
        let given = dice.chance(probability);
        if given {
            configs.insert(name.to_owned(), (*dice.pick(values)).to_owned());
        }
        given
    };
    sometimes(0.2, "flush.ms", &["200", "1000"]);
    sometimes(0.15, "message.timestamp.type", &["LogAppendTime"]);
    sometimes(0.2, "compression.type", &["gzip", "snappy", "lz4", "zstd", "uncompressed"]);
    sometimes(0.2, "segment.ms", &["1000", "5000"]);
    sometimes(0.15, "segment.index.bytes", &["120", "1200"]);
    sometimes(0.1, "preallocate", &["true"]);
    if !sometimes(0.15, "retention.bytes", &["20000", "100000"]) {
        sometimes(1.0, "retention.ms", &["-1"]);
    }
    let churns = last && dice.chance(0.7);
    let prefix = if churns { "churning" } else { "topic" };
    let partitions = dice.between(1, 4) as i32;
    TopicShape { name: format!("{prefix}-{number}"), partitions, replicas: 1, configs, churns }
}

/// Configs written out.
pub fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
