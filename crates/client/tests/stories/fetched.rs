//! What a fetch brings: broken batches, gaps, markers and transactions.

use super::consumer::{config, consumer, failure, partition, put, read, value, values};
use super::fake::{FakeCluster, Then, control_batch, data_batch};
use super::story;
use client::consumer::{ConsumerConfig, Isolation};
use client::{ClientError, Compression};
use protocol::messages::FetchRequest;
use protocol::records::{BatchOptions, ControlKind};
use runtime::time::Duration;

/// Flips a bit in the last byte of the batch at `index`.
fn rot(cluster: &FakeCluster, index: usize) {
    let mut world = cluster.world();
    let batch = &mut world.partition_mut("t", 0).batches[index];
    let mut rotten = batch.to_vec();
    *rotten.last_mut().unwrap() ^= 1;
    *batch = rotten.into();
}

#[test]
fn a_broken_batch_is_told_after_what_is_good_before_it_and_never_given_out() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        for values in [["a", "b"], ["c", "d"], ["e", "f"]] {
            put(&cluster, 0, &values);
        }
        rot(&cluster, 1);
        let mut consumer = consumer(&cluster, config());
        assert_eq!(values(&mut consumer, 2).await, ["a", "b"]);
        for _ in 0..2 {
            let error = failure(&mut consumer).await;
            assert!(matches!(&error, ClientError::Corrupt { offset: 2, .. }), "{error}");
            assert!(!error.is_retriable());
            assert_eq!(consumer.position(&partition(0)), Some(2));
        }
        consumer.seek(&partition(0), 4);
        assert_eq!(values(&mut consumer, 2).await, ["e", "f"]);
    });
}

#[test]
fn a_broken_partition_does_not_hold_up_the_others() {
    story(async {
        let cluster = FakeCluster::start(1, 2).await;
        put(&cluster, 0, &["a"]);
        rot(&cluster, 0);
        let mut consumer = consumer(&cluster, config());
        consumer.assign([partition(0), partition(1)]);
        let mut read = Vec::new();
        let mut failures = 0;
        for number in 0..5 {
            put(&cluster, 1, &[&number.to_string()]);
            while read.len() <= number {
                match consumer.poll(Duration::from_secs(5)).await {
                    Ok(records) => read.extend(records.iter().map(value)),
                    Err(_) => failures += 1,
                }
            }
        }
        assert_eq!(read, ["0", "1", "2", "3", "4"]);
        assert!(failures > 0);
    });
}

#[test]
fn a_payload_that_cannot_be_unpacked_is_told_where_it_stands() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        let options = BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() };
        let bomb = data_batch(options, &[&"x".repeat(100_000)]);
        cluster.world().partition_mut("t", 0).put(&bomb, 1);
        put(&cluster, 0, &["c"]);
        let mut consumer = consumer(&cluster, ConsumerConfig { decompressed_limit: 1000, ..config() });
        assert_eq!(values(&mut consumer, 1).await, ["a"]);
        assert!(matches!(failure(&mut consumer).await, ClientError::Corrupt { offset: 1, .. }));
        consumer.seek(&partition(0), 2);
        assert_eq!(values(&mut consumer, 1).await, ["c"]);
    });
}

#[test]
fn what_is_cut_short_at_the_end_is_fetched_again() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 0, &["b"]);
        cluster.once(|world, ask, request: FetchRequest| {
            let mut answer = world.fetch_now(ask, &request);
            let records = &mut answer.responses[0].partitions[0].records;
            let whole = records.take().unwrap();
            *records = Some(whole.slice(..whole.len() - 3));
            Then::Answer(answer)
        });
        assert_eq!(values(&mut consumer(&cluster, config()), 2).await, ["a", "b"]);
    });
}

/// The same answer was fetched again and again, without pause and without a word.
#[test]
fn an_answer_of_what_was_read_before_is_an_error() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a"]);
        put(&cluster, 0, &["b"]);
        let mut consumer = consumer(&cluster, config());
        consumer.seek(&partition(0), 1);
        cluster.once(|world, ask, request: FetchRequest| {
            let mut answer = world.fetch_now(ask, &request);
            answer.responses[0].partitions[0].records = Some(world.partition("t", 0).batches[0].clone());
            Then::Answer(answer)
        });
        let error = failure(&mut consumer).await;
        assert!(matches!(&error, ClientError::Corrupt { offset: 1, .. }), "{error}");
        assert_eq!(values(&mut consumer, 1).await, ["b"]);
    });
}

#[test]
fn offsets_that_go_back_or_wrap_are_an_error() {
    story(async {
        for base_offset in [0, -5, i64::MAX - 1] {
            let cluster = FakeCluster::start(1, 1).await;
            put(&cluster, 0, &["a", "b"]);
            cluster.once(move |world, ask, request: FetchRequest| {
                let mut answer = world.fetch_now(ask, &request);
                let mut other = world.partition("t", 0).batches[0].to_vec();
                protocol::records::set_base_offset(&mut other, base_offset);
                let both = [&world.partition("t", 0).batches[0][..], &other].concat();
                answer.responses[0].partitions[0].records = Some(both.into());
                Then::Answer(answer)
            });
            let error = failure(&mut consumer(&cluster, config())).await;
            assert!(matches!(&error, ClientError::Corrupt { .. }), "{error}");
        }
    });
}

#[test]
fn gaps_and_the_front_of_a_batch_are_passed_over() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put(&cluster, 0, &["a", "b", "c"]);
        cluster.world().partition_mut("t", 0).put(&data_batch(BatchOptions::default(), &["far"]), 900);
        let mut consumer = consumer(&cluster, config());
        consumer.seek(&partition(0), 1);
        let records = read(&mut consumer, 3).await.unwrap();
        assert_eq!(records.iter().map(|record| record.offset).collect::<Vec<_>>(), [1, 2, 900]);
        consumer.poll(Duration::from_millis(30)).await.unwrap();
        assert_eq!(consumer.position(&partition(0)), Some(901));
    });
}

fn transactional(producer_id: i64) -> BatchOptions {
    BatchOptions { producer_id, producer_epoch: 0, base_sequence: 0, transactional: true, ..BatchOptions::default() }
}

/// A log of two producers: what 1 writes first is aborted, all else is committed.
fn put_transactions(cluster: &FakeCluster) {
    let mut world = cluster.world();
    let partition = world.partition_mut("t", 0);
    let batches = [
        data_batch(transactional(1), &["aborted", "aborted"]), // 0, 1
        data_batch(transactional(2), &["b"]),                  // 2
        control_batch(1, ControlKind::Abort),                  // 3
        data_batch(transactional(1), &["d"]),                  // 4
        data_batch(BatchOptions::default(), &["e"]),           // 5
        control_batch(2, ControlKind::Commit),                 // 6
        control_batch(1, ControlKind::Commit),                 // 7
        data_batch(BatchOptions::default(), &["f"]),           // 8
    ];
    for batch in batches {
        let end = partition.end();
        partition.put(&batch, end);
    }
    partition.aborted = vec![(1, 0, 3)];
}

#[test]
fn markers_are_never_given_out_and_aborted_records_only_to_those_who_want_them() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put_transactions(&cluster);
        for max_bytes in [1, 300, 1 << 20] {
            let settings = ConsumerConfig { max_partition_fetch_bytes: max_bytes, ..config() };
            let mut all = consumer(&cluster, settings.clone());
            assert_eq!(values(&mut all, 6).await, ["aborted", "aborted", "b", "d", "e", "f"]);
            let isolation = Isolation::ReadCommitted;
            let mut committed = consumer(&cluster, ConsumerConfig { isolation, ..settings });
            assert_eq!(values(&mut committed, 4).await, ["b", "d", "e", "f"], "{max_bytes} bytes a fetch");
            committed.poll(Duration::from_millis(30)).await.unwrap();
            assert_eq!(committed.position(&partition(0)), Some(9));
        }
    });
}

/// The next transaction of the same producer was taken for the aborted one and hidden, although it was committed.
#[test]
fn a_fetch_that_begins_with_the_marker_of_an_aborted_transaction_hides_nothing_after_it() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        put_transactions(&cluster);
        let mut consumer = consumer(&cluster, ConsumerConfig { isolation: Isolation::ReadCommitted, ..config() });
        consumer.seek(&partition(0), 3);
        assert_eq!(values(&mut consumer, 3).await, ["d", "e", "f"]);
    });
}
