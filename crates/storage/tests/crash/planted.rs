//! Which planted bugs a crash brings out.

/// `cargo sim crash-points --planted all` shows each of them caught.
pub const BY_CRASHES: [&str; 14] = [
    "a cut holds what was given away",
    "a sync of what was cut counts",
    "ack-before-sync",
    "checkpoint-by-end-offset",
    "clean-mark-left-at-start",
    "group-crc-header-only",
    "keep-appending-after-write-error",
    "mode-from-config",
    "producer-snapshot-beyond-log-end",
    "recovery-accepts-by-length",
    "recovery-point-before-flush",
    "recovery-skips-matching-bytes",
    "replay-before-journal-sync",
    "truncate-before-journal",
];
