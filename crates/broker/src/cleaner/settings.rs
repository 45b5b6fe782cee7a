//! What the cleaner of this broker may use, as it is set now.

use crate::broker::Broker;
use crate::lifecycle::layers;
use model::config::{Layers, Scope, lookup};
use model::metadata_image::MetadataImage;
use runtime::time::Duration;
use std::str::FromStr;
use storage::CleanerMemory;

/// Where nobody has set a pace, in bytes a second: what is produced meanwhile is durable about as soon as ever.
const PACE: f64 = 300e6;
/// As long as a piece is worked on, others may have to wait for the processor.
const LARGEST_PIECE: usize = 64 << 10;

/// The configs `log.cleaner.*` that are not of topics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    /// `log.cleaner.enable`.
    pub is_enabled: bool,
    /// `log.cleaner.threads`: logs that are cleaned at the same time.
    pub threads: usize,
    /// `log.cleaner.backoff.ms`: the rest when nothing is to be cleaned.
    pub backoff: Duration,
    /// `log.cleaner.io.max.bytes.per.second`.
    pub bytes_per_second: f64,
    /// The memory of one cleaning: what is set is for all threads together.
    pub memory: CleanerMemory,
}

impl Settings {
    /// As the metadata has them.
    pub fn of(broker: &Broker, image: &MetadataImage) -> Settings {
        let layers = layers(&broker.server_config, image, broker.node_id);
        let threads = usize::try_from(value::<i64>(&layers, "log.cleaner.threads", 1)).unwrap_or(1);
        let share = |name, default: i64| usize::try_from(value(&layers, name, default)).unwrap_or(0) / threads.max(1);
        let bytes_per_second = value(&layers, "log.cleaner.io.max.bytes.per.second", f64::MAX);
        let is_unlimited = bytes_per_second == f64::MAX;
        Settings {
            is_enabled: value(&layers, "log.cleaner.enable", true),
            threads,
            backoff: Duration::from_millis(
                value::<i64>(&layers, "log.cleaner.backoff.ms", 15_000).unsigned_abs().max(1),
            ),
            bytes_per_second: if is_unlimited { PACE } else { bytes_per_second },
            memory: CleanerMemory {
                map_bytes: share("log.cleaner.dedupe.buffer.size", 128 << 20),
                load_factor: value(&layers, "log.cleaner.io.buffer.load.factor", 0.9),
                io_bytes: (share("log.cleaner.io.buffer.size", 512 << 10) / 2).min(LARGEST_PIECE),
            },
        }
    }
}

fn value<T: FromStr>(layers: &Layers<'_>, name: &str, default: T) -> T {
    let set = lookup(Scope::Broker, name).and_then(|key| layers.broker_config(key).value);
    set.and_then(|text| text.parse().ok()).unwrap_or(default)
}
