//! On a disk without space appends fail, and nothing else does. Simulated disks alone can be filled to the byte.
#![cfg(madsim)]

mod support;

use model::ErrorCode;
use runtime::simulation::{current_node, disk};
use storage::LogDirectory;
use support::*;

/// Leaves so many bytes on the disk.
async fn leave(directory: &LogDirectory, bytes: u64) {
    disk::change(current_node(), |faults| faults.capacity = u64::MAX);
    let (_, free) = directory.usage().await.expect("the disk tells");
    let used = u64::MAX - free;
    disk::change(current_node(), |faults| faults.capacity = used + bytes);
}

/// A producer whose batch could not be written sends it again. Where it was remembered before it was written, it was
/// then taken for a duplicate and acknowledged, and nothing had it (Pulsar #5218).
#[test]
fn a_batch_that_found_no_space_is_no_duplicate_when_it_comes_again() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            append(&mut log, idempotent(9, 0, 0, 3)).await;
            for bytes in [0, 50] {
                leave(&directory, bytes).await;
                let refused = append_result(&mut log, idempotent(9, 0, 3, 400)).await;
                assert_eq!(outcome(refused), ErrorCode::KafkaStorageError);
                assert_eq!(contents(&log).await.len(), 3, "what is there is read");
            }
            leave(&directory, 1 << 30).await;
            let again = append(&mut log, idempotent(9, 0, 3, 400)).await;
            assert_eq!((again.duplicate, again.base_offset), (false, 3));
            durable(&log).await;
            drop((log, directory));
            let (_directory, log) = place.again(config).await;
            assert_eq!(contents(&log).await.len(), 403);
        }
    });
}

/// A write that ran out of space leaves a part of the batch in the file, where the next batch has to go.
#[test]
fn what_was_written_of_a_batch_that_found_no_space_is_cut_off() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            fill(&mut log, 2, 3).await;
            leave(&directory, 70).await;
            assert_eq!(
                outcome(append_result(&mut log, records("longer than a page of the cache", 1000, START)).await),
                ErrorCode::KafkaStorageError
            );
            leave(&directory, 1 << 30).await;
            fill(&mut log, 2, 3).await;
            assert_eq!(contents(&log).await, filled(4, 3));
            durable(&log).await;
            assert_eq!(place.read_file("story-0/00000000000000000000.log").await.len() as u64, log.size());
        }
    });
}
