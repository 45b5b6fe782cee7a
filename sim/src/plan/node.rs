//! One node: its machine, and the `server.properties` of what runs on it.

use super::topic::pairs;
use runtime::record::SectorSize;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One machine and its configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeShape {
    /// Its rack.
    pub rack: Option<String>,
    /// Whether it is a controller, too.
    pub votes: bool,
    /// What its disk writes whole or not at all: 512 or 4,096 bytes.
    pub sector_bytes: u32,
    /// Microseconds that a sync of its disk takes: at least, and usually at most.
    pub sync_us: (u64, u64),
    /// Milliseconds that its wall clock is ahead of the true time.
    pub clock_ahead_ms: i64,
    /// Its `server.properties`.
    pub configs: BTreeMap<String, String>,
}

impl NodeShape {
    /// What its disk writes whole or not at all.
    pub fn sector(&self) -> SectorSize {
        if self.sector_bytes == 512 { SectorSize::Bytes512 } else { SectorSize::Bytes4096 }
    }
}

/// Draws how fast a disk syncs.
pub fn sync(dice: &mut Stream) -> (u64, u64) {
    *dice.pick(&[(100, 1000), (500, 4000), (2000, 12_000)])
}

/// Draws what one node would have alone.
pub fn configs(dice: &mut Stream, id: i32) -> BTreeMap<String, String> {
    let file_bytes = *dice.pick(&[16_384_u64, 32_768, 65_536]);
    let journal_bytes = (file_bytes * 4).max(*dice.pick(&[65_536, 131_072, 262_144]));
    let mut configs = pairs(&[
        ("log.dirs", "data"),
        ("listeners", "PLAINTEXT://0.0.0.0:9092"),
        ("auto.create.topics.enable", "false"),
    ]);
    configs.insert("node.id".into(), id.to_string());
    configs.insert("advertised.listeners".into(), format!("PLAINTEXT://10.0.0.{id}:9092"));
    configs.insert("thalweg.journal.file.bytes".into(), file_bytes.to_string());
    configs.insert("thalweg.journal.max.bytes".into(), journal_bytes.to_string());
    let mut sometimes = |probability: f64, name: &str, values: &[&str]| {
        if dice.chance(probability) {
            configs.insert(name.to_owned(), (*dice.pick(values)).to_owned());
        }
    };
    sometimes(0.7, "log.flush.offset.checkpoint.interval.ms", &["500", "2000", "10000"]);
    sometimes(0.7, "log.flush.start.offset.checkpoint.interval.ms", &["500", "2000", "10000"]);
    sometimes(0.7, "log.retention.check.interval.ms", &["1000", "5000"]);
    sometimes(0.3, "max.incremental.fetch.session.cache.slots", &["1", "2"]);
    sometimes(0.3, "connections.max.idle.ms", &["1000", "5000"]);
    configs
}
