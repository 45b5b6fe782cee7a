//! The shape of a world: the disk's sectors, the broker's configs, the topics. Small sizes, so that segments roll,
//! journals go round and numbers wrap in every run.

use runtime::record::SectorSize;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What there is before anything goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldShape {
    /// What the disk writes whole or not at all: 512 or 4,096 bytes.
    pub sector_bytes: u32,
    /// How fast things are in good weather.
    pub latencies: Latencies,
    /// `server.properties` of the broker.
    pub broker: BTreeMap<String, String>,
    /// The topics that are made first.
    pub topics: Vec<TopicShape>,
}

/// Microseconds that operations take: at least, and usually at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// One way over the network.
    pub network_us: (u64, u64),
    /// A read or write of the page cache.
    pub disk_us: (u64, u64),
    /// A sync.
    pub sync_us: (u64, u64),
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicShape {
    /// Its name.
    pub name: String,
    /// Partitions.
    pub partitions: i32,
    /// Its own configs.
    pub configs: BTreeMap<String, String>,
    /// Whether it is deleted and made anew during the run.
    pub churns: bool,
}

/// The stream of random numbers of one part of the plan.
pub fn stream(seed: u64, part: &str) -> Stream {
    Stream::new(seed, &format!("plan: {part}"))
}

impl WorldShape {
    /// What the disk writes whole or not at all.
    pub fn sector(&self) -> SectorSize {
        if self.sector_bytes == 512 { SectorSize::Bytes512 } else { SectorSize::Bytes4096 }
    }

    /// The world of a seed.
    pub fn draw(seed: u64) -> WorldShape {
        let mut dice = stream(seed, "world");
        let count = dice.between(2, 5);
        let topics = (0..count).map(|number| topic(&mut dice, number, number + 1 == count)).collect();
        WorldShape {
            sector_bytes: if dice.chance(0.5) { 512 } else { 4096 },
            latencies: latencies(&mut dice),
            broker: broker(&mut dice),
            topics,
        }
    }
}

fn latencies(dice: &mut Stream) -> Latencies {
    let network = *dice.pick(&[(20, 200), (100, 1000), (300, 3000)]);
    let sync = *dice.pick(&[(100, 1000), (500, 4000), (2000, 12_000)]);
    Latencies { network_us: network, disk_us: (2, 60), sync_us: sync }
}

fn broker(dice: &mut Stream) -> BTreeMap<String, String> {
    let file_bytes = *dice.pick(&[16_384_u64, 32_768, 65_536]);
    let journal_bytes = (file_bytes * 4).max(*dice.pick(&[65_536, 131_072, 262_144]));
    let mut configs = pairs(&[
        ("node.id", "1"),
        ("log.dirs", "data"),
        ("listeners", "PLAINTEXT://0.0.0.0:9092"),
        ("advertised.listeners", "PLAINTEXT://10.0.0.1:9092"),
        ("auto.create.topics.enable", "false"),
    ]);
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

fn topic(dice: &mut Stream, number: u64, last: bool) -> TopicShape {
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
    TopicShape { name: format!("{prefix}-{number}"), partitions: dice.between(1, 4) as i32, configs, churns }
}

/// Configs written out.
fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
