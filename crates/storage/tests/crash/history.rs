//! What is done to a log directory.

use runtime::time::Duration;
use storage::{DirectoryOptions, LogConfig};

/// One thing that is done. `slot` is the partition's number.
#[derive(Clone, Debug)]
pub enum Step {
    /// A new partition.
    Create {
        slot: i32,
        journaled: bool,
    },
    /// Batches of two records of `size` bytes, all with one call.
    Append {
        slot: i32,
        batches: usize,
        size: usize,
    },
    /// A batch of one record for each key; without a `size` it marks deletions.
    Put {
        slot: i32,
        keys: &'static [&'static str],
        size: Option<usize>,
    },
    /// The cleaner goes over the log, so many milliseconds later than the records were made.
    Clean {
        slot: i32,
        later_ms: i64,
    },
    /// A batch of an idempotent producer.
    Produce {
        slot: i32,
        producer: i64,
        size: usize,
    },
    /// Its last batch once more.
    Retry {
        slot: i32,
        producer: i64,
    },
    /// Batches as a fetch from a leader brings them.
    Follow {
        slot: i32,
        batches: usize,
        size: usize,
    },
    /// Waits until all that was appended to journaled partitions is durable.
    Durable,
    Truncate {
        slot: i32,
        back: i64,
    },
    /// Empties the log; it goes on so much after its end.
    Reset {
        slot: i32,
        ahead: i64,
    },
    /// Moves the log start so much after where it is.
    Start {
        slot: i32,
        by: i64,
    },
    /// Lets the oldest segments go while this many bytes are left.
    Retention {
        slot: i32,
        keep: i64,
    },
    Roll {
        slot: i32,
    },
    /// A new leader epoch.
    Epoch {
        slot: i32,
    },
    Mode {
        slot: i32,
        journaled: bool,
    },
    Delete {
        slot: i32,
    },
    /// Steps on different partitions at the same time.
    Together(Vec<Step>),
    /// Time passes.
    Wait(Duration),
    /// Kafka's offset files are written.
    Offsets,
    /// A clean stop, and a new start.
    Stop,
}

/// What is done, and under which settings.
#[derive(Clone, Debug)]
pub struct History {
    pub name: &'static str,
    pub options: DirectoryOptions,
    pub config: LogConfig,
    /// What is done to an empty directory.
    pub steps: Vec<Step>,
    /// What is done after a recovery, before the second crash.
    pub after: Vec<Step>,
}

impl History {
    /// The settings of a partition: as long as a directory is open its mode is what the steps say.
    pub fn config_of(&self, slot: i32) -> LogConfig {
        let mut config = self.config.clone();
        // Slots from 10 on are page cache, those that end in 5 to 9 are compacted.
        config.flush_messages = if slot < 10 { 1 } else { i64::MAX };
        if slot % 10 >= 5 {
            (config.compact, config.delete, config.min_cleanable_dirty_ratio) = (true, false, 0.0);
        }
        config
    }
}
