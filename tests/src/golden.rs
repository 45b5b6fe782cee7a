//! What is known of the golden data directories in `tests/golden/`.

use crate::Record;
use client::ConsumerRecord;
use model::TopicPartition;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The topics in them.
pub const TOPICS: [&str; 3] = ["journaled", "paged", "trimmed"];
/// What servers are told that open them.
pub const SETTINGS: [&str; 1] = ["auto.create.topics.enable=false"];
/// The file that says which records are there.
pub const RECORDS: &str = "records.txt";

/// Records as lines: partition, offset, timestamp, leader epoch and the record as [`Record::line`].
pub fn shown(read: &BTreeMap<TopicPartition, Vec<ConsumerRecord>>) -> String {
    let mut shown = String::new();
    for (partition, records) in read {
        for record in records {
            let (offset, timestamp, epoch) = (record.offset, record.timestamp, record.leader_epoch);
            let line = Record::from(record).line();
            let _ = writeln!(shown, "{partition} {offset} {timestamp} {epoch} {line}"); // a string takes all
        }
    }
    shown
}
