//! Idempotent producers, through appends, failures and restarts.

mod support;

use model::ErrorCode;
use storage::{LogConfig, Origin};
use support::*;

#[test]
fn a_retry_is_answered_with_the_original() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (_directory, mut log) = place.with_log(config).await;
            for n in 0..5 {
                assert_eq!(append(&mut log, idempotent(9, 0, n * 2, 2)).await.base_offset, i64::from(n) * 2);
            }
            for n in 0..5 {
                let repeat = append(&mut log, idempotent(9, 0, n * 2, 2)).await;
                assert_eq!(
                    (repeat.duplicate, repeat.base_offset, repeat.last_offset),
                    (true, i64::from(n) * 2, i64::from(n) * 2 + 1)
                );
                assert_eq!(repeat.max_timestamp, START + 1);
            }
            assert_eq!(log.log_end_offset(), 10);
        }
    });
}

#[test]
fn retries_and_followers_of_one_group_are_told_apart() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(journaled()).await;
        let mut group: Vec<_> = [(0, 1), (1, 2), (0, 1), (3, 1), (5, 1)]
            .map(|(sequence, count)| request(idempotent(9, 0, sequence, count)))
            .into();
        let outcomes = log.append(&mut group).await;
        let told: Vec<_> = outcomes
            .iter()
            .map(|o| o.as_ref().map(|a| (a.duplicate, a.base_offset)).map_err(|e| e.error_code()))
            .collect();
        assert_eq!(
            told,
            [Ok((false, 0)), Ok((false, 1)), Ok((true, 0)), Ok((false, 3)), Err(ErrorCode::OutOfOrderSequenceNumber)]
        );
        assert_eq!(contents(&log).await.len(), 4);
    });
}

#[test]
fn all_five_batches_are_known_after_a_crash_and_after_a_clean_stop() {
    story(async {
        for config in both() {
            let config = LogConfig { segment_bytes: 500, ..config };
            let place = Place::new();
            let (directory, mut log) = place.with_log(config.clone()).await;
            for n in 0..8 {
                append(&mut log, idempotent(9, 3, n * 2, 2)).await;
                append(&mut log, idempotent(10, 0, n * 2, 2)).await;
            }
            durable(&log).await;
            drop((log, directory));
            let (directory, mut log) = place.again(config.clone()).await;
            check(&mut log).await;
            close(directory, log).await;
            let (_directory, mut log) = place.again(config).await;
            check(&mut log).await;
        }
    });

    async fn check(log: &mut storage::Log) {
        for n in 3..8 {
            let repeat = append(log, idempotent(9, 3, n * 2, 2)).await;
            assert_eq!((repeat.duplicate, repeat.base_offset), (true, i64::from(n) * 4), "batch {n}");
        }
        assert_eq!(outcome(append_result(log, idempotent(9, 3, 4, 2)).await), ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(outcome(append_result(log, idempotent(9, 3, 18, 2)).await), ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(outcome(append_result(log, idempotent(9, 2, 16, 2)).await), ErrorCode::InvalidProducerEpoch);
        assert_eq!(log.log_end_offset(), 32);
    }
}

#[test]
fn a_follower_learns_without_checking() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(journaled()).await;
        for (n, sequence) in [7, 100, 3].into_iter().enumerate() {
            let mut batch = idempotent(9, 0, sequence, 1);
            protocol::records::set_base_offset(&mut batch, n as i64);
            protocol::records::set_leader_epoch(&mut batch, 0);
            log.append_follower(batch.freeze(), START).await.expect("a follower's append");
        }
        let gap = append_result(&mut log, idempotent(9, 0, 9, 1)).await;
        assert_eq!(outcome(gap), ErrorCode::OutOfOrderSequenceNumber, "the producer is known");
        assert_eq!(
            append(&mut log, idempotent(9, 0, 4, 1)).await.base_offset,
            3,
            "as a leader it goes on from the last"
        );
    });
}

#[test]
fn the_state_stays_when_the_records_are_deleted_and_goes_when_the_producer_is_silent() {
    story(async {
        let place = Place::new();
        let config = LogConfig { segment_bytes: 200, retention_ms: 0, ..plain() };
        let (_directory, mut log) = place.with_log(config).await;
        append(&mut log, idempotent(9, 0, 0, 1)).await;
        log.apply_retention(START + 1000, 1).await.expect("retention");
        assert_eq!((log.log_start_offset(), log.size()), (1, 0));
        assert!(append(&mut log, idempotent(9, 0, 0, 1)).await.duplicate);
        assert_eq!(log.active_producers().len(), 1);
        log.expire_producers(START + 24 * 3600 * 1000 - 1);
        assert_eq!(log.active_producers().len(), 1);
        log.expire_producers(START + 24 * 3600 * 1000);
        assert_eq!(log.active_producers(), []);
        assert!(!append(&mut log, idempotent(9, 0, 77, 1)).await.duplicate);
    });
}

#[test]
fn a_coordinator_writes_without_sequences() {
    story(async {
        let place = Place::new();
        let (_directory, mut log) = place.with_log(journaled()).await;
        for _ in 0..2 {
            let mut group = [request(records("offsets", 2, START))];
            group[0].origin = Origin::Coordinator;
            log.append(&mut group).await.remove(0).expect("an append");
        }
        assert_eq!(log.log_end_offset(), 4);
    });
}

#[test]
fn a_snapshot_of_what_was_lost_is_not_believed() {
    story(async {
        // A crash with a producer snapshot ahead of the log once made a producer's next batch a gap (KAFKA-12520).
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        let mut lengths = vec![0];
        for n in 0..10 {
            append(&mut log, idempotent(9, 0, n, 1)).await;
            lengths.push(log.size());
        }
        close(directory, log).await;
        assert!(place.names("story-0").await.contains(&"00000000000000000010.snapshot".to_owned()));
        let disk = place.disk().await;
        for mark in [".kafka_cleanshutdown", "recovery-point-offset-checkpoint"] {
            disk.remove_file(mark).await.expect("removed");
        }
        place.resize("story-0/00000000000000000000.log", lengths[6]).await;
        let (_directory, mut log) = place.again(plain()).await;
        assert_eq!(log.log_end_offset(), 6);
        let next = append(&mut log, idempotent(9, 0, 6, 1)).await;
        assert!(!next.duplicate && next.base_offset == 6);
    });
}
