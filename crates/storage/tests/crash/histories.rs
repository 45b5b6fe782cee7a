//! The histories.

use super::history::{History, Step};
use Step::{
    Append, Clean, Create, Delete, Durable, Epoch, Follow, Mode, Offsets, Produce, Put, Reset, Retention, Retry, Roll,
    Start, Stop, Together, Truncate, Wait,
};
use runtime::time::Duration;
use storage::{DirectoryOptions, LogConfig};

/// Nothing happens in the background before this.
const NEVER: Duration = Duration::from_secs(3600);

fn settings(sync_interval: Duration, journal_files: usize) -> DirectoryOptions {
    let mut options = DirectoryOptions { sync_interval, ..DirectoryOptions::default() };
    // Two groups of one block fit into a file.
    options.journal.file_bytes = 8192;
    options.journal.initial_files = 2;
    options.journal.max_bytes = journal_files as u64 * 8192;
    options.journal.group_bytes_max = 4096;
    options
}

fn history(name: &'static str, options: DirectoryOptions, steps: Vec<Step>) -> History {
    let config =
        LogConfig { segment_bytes: 2000, index_interval_bytes: 300, file_delete_delay_ms: 0, ..LogConfig::default() };
    let after = vec![
        Append { slot: 0, batches: 1, size: 300 },
        Produce { slot: 1, producer: 70, size: 200 },
        Durable,
        Append { slot: 0, batches: 1, size: 300 },
        Append { slot: 10, batches: 1, size: 100 },
        Durable,
    ];
    History { name, options, config, steps, after }
}

/// All of them, the shortest first.
pub fn all() -> Vec<History> {
    vec![
        one_append(),
        appends(),
        laps(),
        cuts(),
        cut_during_a_sync(),
        resets(),
        retention(),
        modes(),
        barriers(),
        page_cache(),
        deletions(),
        producers_and_epochs(),
        page_cache_producers(),
        clean_stops(),
        large_groups(),
        cleaning(),
        cleaning_page_cache(),
    ]
}

fn one_append() -> History {
    let steps = vec![Create { slot: 0, journaled: true }, Append { slot: 0, batches: 1, size: 300 }, Durable];
    history("one-append", settings(NEVER, 8), steps)
}

fn appends() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Create { slot: 1, journaled: true },
        Create { slot: 10, journaled: false },
        Together(vec![
            Append { slot: 0, batches: 3, size: 250 },
            Append { slot: 1, batches: 1, size: 600 },
            Append { slot: 10, batches: 2, size: 100 },
        ]),
        Durable,
        Follow { slot: 0, batches: 2, size: 150 },
        Append { slot: 1, batches: 1, size: 900 },
        Durable,
        Append { slot: 10, batches: 1, size: 400 },
        Append { slot: 0, batches: 4, size: 200 },
        Offsets,
        Durable,
    ];
    history("appends", settings(NEVER, 8), steps)
}

fn laps() -> History {
    let mut steps = vec![Create { slot: 0, journaled: true }, Create { slot: 1, journaled: true }];
    for n in 0..12 {
        steps.push(Append { slot: n % 2, batches: 1, size: 700 });
        steps.push(Durable);
    }
    history("laps", settings(NEVER, 3), steps)
}

fn cuts() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Append { slot: 0, batches: 5, size: 200 },
        Mode { slot: 0, journaled: false },
        Mode { slot: 0, journaled: true },
        Truncate { slot: 0, back: 3 },
        Append { slot: 0, batches: 2, size: 150 },
        Append { slot: 0, batches: 6, size: 300 },
        Truncate { slot: 0, back: 13 },
        Durable,
        Append { slot: 0, batches: 1, size: 90 },
        Truncate { slot: 0, back: 1 },
        Append { slot: 0, batches: 2, size: 250 },
        Durable,
    ];
    history("cuts", settings(NEVER, 8), steps)
}

fn cut_during_a_sync() -> History {
    let mut steps = vec![Create { slot: 0, journaled: true }, Create { slot: 1, journaled: true }];
    for n in 0..5 {
        steps.extend([
            Append { slot: 0, batches: 8, size: 250 },
            Durable,
            Wait(Duration::from_micros(1500 + n * 700)),
            // Due as soon as the other's checkpoint is written.
            Append { slot: 1, batches: 1, size: 60 },
            Truncate { slot: 0, back: 3 },
            Append { slot: 0, batches: 2, size: 260 },
            Durable,
        ]);
    }
    history("cut-during-a-sync", settings(Duration::from_millis(1), 8), steps)
}

fn resets() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Create { slot: 10, journaled: false },
        Append { slot: 0, batches: 6, size: 250 },
        Mode { slot: 0, journaled: false },
        Mode { slot: 0, journaled: true },
        Append { slot: 0, batches: 2, size: 250 },
        Reset { slot: 0, ahead: 100 },
        Follow { slot: 0, batches: 3, size: 200 },
        Durable,
        Append { slot: 10, batches: 6, size: 200 },
        Reset { slot: 10, ahead: 7 },
        Append { slot: 10, batches: 1, size: 200 },
        Reset { slot: 0, ahead: -50 },
        Append { slot: 0, batches: 1, size: 200 },
        Durable,
    ];
    history("resets", settings(NEVER, 8), steps)
}

fn retention() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Create { slot: 10, journaled: false },
        Append { slot: 0, batches: 4, size: 300 },
        Append { slot: 10, batches: 4, size: 300 },
        Append { slot: 0, batches: 4, size: 300 },
        Append { slot: 10, batches: 4, size: 300 },
        Durable,
        Start { slot: 0, by: 3 },
        Start { slot: 10, by: 3 },
        Retention { slot: 0, keep: 2500 },
        Retention { slot: 10, keep: 2500 },
        Append { slot: 0, batches: 1, size: 300 },
        Durable,
        Retention { slot: 0, keep: 0 },
        Append { slot: 0, batches: 1, size: 300 },
        Append { slot: 10, batches: 1, size: 300 },
        Wait(Duration::from_millis(5)),
        Durable,
    ];
    history("retention", settings(NEVER, 8), steps)
}

fn modes() -> History {
    let steps = vec![
        // Its config says journaled, and until the first barrier it is not.
        Create { slot: 0, journaled: false },
        Create { slot: 1, journaled: true },
        Append { slot: 0, batches: 3, size: 200 },
        Append { slot: 1, batches: 1, size: 200 },
        Mode { slot: 0, journaled: true },
        Append { slot: 0, batches: 2, size: 300 },
        Durable,
        Mode { slot: 0, journaled: false },
        Append { slot: 0, batches: 2, size: 300 },
        Append { slot: 1, batches: 1, size: 300 },
        Mode { slot: 0, journaled: true },
        Append { slot: 0, batches: 1, size: 300 },
        Durable,
    ];
    history("modes", settings(NEVER, 8), steps)
}

/// Many syncs of a segment that holds what only the journal has on stable storage.
fn barriers() -> History {
    let mut steps = vec![Create { slot: 0, journaled: true }];
    for size in [200, 250, 350] {
        steps.extend([
            Mode { slot: 0, journaled: false },
            Mode { slot: 0, journaled: true },
            Append { slot: 0, batches: 1, size },
            Append { slot: 0, batches: 1, size },
            Durable,
        ]);
    }
    history("barriers", settings(NEVER, 8), steps)
}

fn page_cache() -> History {
    let steps = vec![
        Create { slot: 10, journaled: false },
        Append { slot: 10, batches: 5, size: 300 },
        Wait(Duration::from_millis(20)),
        Append { slot: 10, batches: 3, size: 300 },
        Truncate { slot: 10, back: 9 },
        Append { slot: 10, batches: 2, size: 120 },
        Wait(Duration::from_millis(20)),
        Start { slot: 10, by: 4 },
        Append { slot: 10, batches: 1, size: 300 },
        Roll { slot: 10 },
        Append { slot: 10, batches: 1, size: 300 },
    ];
    history("page-cache", settings(Duration::from_millis(5), 8), steps)
}

fn deletions() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Create { slot: 10, journaled: false },
        Append { slot: 0, batches: 2, size: 300 },
        Append { slot: 10, batches: 2, size: 300 },
        Mode { slot: 0, journaled: false },
        Mode { slot: 0, journaled: true },
        Append { slot: 0, batches: 1, size: 300 },
        Delete { slot: 0 },
        Delete { slot: 10 },
        Create { slot: 0, journaled: true },
        Create { slot: 10, journaled: false },
        Append { slot: 0, batches: 1, size: 200 },
        Append { slot: 10, batches: 1, size: 200 },
        Durable,
        Delete { slot: 0 },
        Create { slot: 0, journaled: true },
        Append { slot: 0, batches: 1, size: 100 },
        Durable,
        Wait(Duration::from_millis(5)),
    ];
    history("deletions", settings(NEVER, 8), steps)
}

fn producers_and_epochs() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Epoch { slot: 0 },
        Produce { slot: 0, producer: 50, size: 200 },
        Produce { slot: 0, producer: 51, size: 200 },
        Produce { slot: 0, producer: 50, size: 200 },
        Retry { slot: 0, producer: 50 },
        Epoch { slot: 0 },
        Produce { slot: 0, producer: 51, size: 500 },
        Roll { slot: 0 },
        Produce { slot: 0, producer: 50, size: 200 },
        Durable,
        Truncate { slot: 0, back: 2 },
        Produce { slot: 0, producer: 50, size: 210 },
        Epoch { slot: 0 },
        Produce { slot: 0, producer: 52, size: 200 },
        Durable,
        Retention { slot: 0, keep: 0 },
        Epoch { slot: 0 },
        Produce { slot: 0, producer: 50, size: 200 },
        Produce { slot: 0, producer: 51, size: 200 },
        // A checkpoint of what is cut then, and epochs of after the cut.
        Mode { slot: 0, journaled: false },
        Mode { slot: 0, journaled: true },
        Produce { slot: 0, producer: 50, size: 200 },
        Truncate { slot: 0, back: 2 },
        Epoch { slot: 0 },
        Produce { slot: 0, producer: 52, size: 200 },
        Durable,
    ];
    history("producers-and-epochs", settings(NEVER, 8), steps)
}

/// Their snapshots may be on the disk before the batches that they tell of.
fn page_cache_producers() -> History {
    let mut steps = vec![Create { slot: 10, journaled: false }];
    for round in 0..4 {
        steps.extend([
            Produce { slot: 10, producer: 50, size: 400 },
            Produce { slot: 10, producer: 51, size: 300 },
            Produce { slot: 10, producer: 50, size: 200 },
        ]);
        if round == 2 {
            steps.push(Truncate { slot: 10, back: 3 });
        }
        steps.push(Roll { slot: 10 });
    }
    history("page-cache-producers", settings(NEVER, 8), steps)
}

/// Groups of several blocks, over the laps of a small journal: what a torn one does not cover is an older one's.
fn large_groups() -> History {
    let mut steps = vec![Create { slot: 0, journaled: true }, Create { slot: 1, journaled: true }];
    for n in 0..8 {
        steps.push(Append { slot: n % 2, batches: 2, size: 2400 });
        steps.push(Durable);
    }
    let mut settings = settings(NEVER, 2);
    settings.journal.file_bytes = 3 * 4096;
    settings.journal.max_bytes = 4 * settings.journal.file_bytes;
    let history = history("large-groups", settings, steps);
    History { config: LogConfig { segment_bytes: 20_000, ..history.config }, ..history }
}

fn clean_stops() -> History {
    let steps = vec![
        Create { slot: 0, journaled: true },
        Create { slot: 10, journaled: false },
        Produce { slot: 0, producer: 50, size: 200 },
        Append { slot: 10, batches: 3, size: 300 },
        Stop,
        Append { slot: 0, batches: 2, size: 300 },
        Append { slot: 10, batches: 1, size: 300 },
        Durable,
        Stop,
    ];
    history("clean-stops", settings(NEVER, 8), steps)
}

/// All of a slot is on stable storage, and its closed segments may be cleaned.
fn settled(slot: i32) -> [Step; 2] {
    let journaled = slot < 10;
    [Mode { slot, journaled: !journaled }, Mode { slot, journaled }]
}

fn cleaning() -> History {
    let put = |keys, size| Put { slot: 5, keys, size: Some(size) };
    let forget = |keys| Put { slot: 5, keys, size: None };
    let mut steps = vec![Create { slot: 5, journaled: true }];
    for n in 0..3 {
        steps.extend([put(&["a", "b"], 400 + n), put(&["c", "once"], 300), put(&["a", "d"], 350 + n)]);
    }
    steps.extend([
        Produce { slot: 5, producer: 50, size: 300 },
        forget(&["d", "b"]),
        put(&["key", "c"], 700),
        put(&["a"], 700),
    ]);
    steps.push(Durable);
    steps.extend(settled(5));
    steps.extend([Clean { slot: 5, later_ms: 0 }, put(&["a", "e"], 500), put(&["c"], 900), put(&["b"], 600)]);
    // What is not in the files alone: the journal has it.
    steps.extend([put(&["c", "a"], 500), Durable]);
    steps.extend(settled(5));
    steps.extend([Clean { slot: 5, later_ms: 24 * 3600 * 1000 }, put(&["f"], 300), Durable]);
    let history = history("cleaning", settings(NEVER, 8), steps);
    let mut after = vec![put(&["a", "b"], 700), put(&["e"], 900), Durable];
    after.extend(settled(5));
    after.extend([Clean { slot: 5, later_ms: 48 * 3600 * 1000 }, put(&["a"], 300), Durable]);
    History { after, ..history }
}

fn cleaning_page_cache() -> History {
    let put = |keys, size| Put { slot: 15, keys, size: Some(size) };
    let mut steps = vec![Create { slot: 15, journaled: false }];
    for n in 0..4 {
        steps.extend([put(&["a", "b"], 400 + n), put(&["c"], 300), put(&["a", "d"], 350 + n)]);
    }
    steps.extend(settled(15));
    steps.extend([
        Clean { slot: 15, later_ms: 0 },
        put(&["a", "e"], 500),
        put(&["c"], 900),
        Truncate { slot: 15, back: 1 },
    ]);
    steps.extend([put(&["c"], 700), put(&["d"], 700)]);
    steps.extend(settled(15));
    steps.extend([Clean { slot: 15, later_ms: 0 }, Start { slot: 15, by: 5 }, put(&["f"], 300)]);
    let history = history("cleaning-page-cache", settings(NEVER, 8), steps);
    History { after: vec![put(&["a"], 700), put(&["e"], 900)], ..history }
}
