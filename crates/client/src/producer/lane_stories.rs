//! What answers mean for a partition's batches.

use super::*;
use crate::in_a_world;
use crate::producer::Acks;
use crate::producer::delivery::End;
use bytes::Bytes;
use protocol::records::BatchHeader;
use runtime::sync::Semaphore;
use runtime::time::Duration;

const OURS: Identity = Identity { id: 7, epoch: 0 };

struct Story {
    lane: Lane,
    config: ProducerConfig,
    now: Instant,
    memory: Arc<Semaphore>,
}

impl Story {
    fn new() -> Story {
        let config = ProducerConfig { linger: Duration::ZERO, batch_size: 1, ..ProducerConfig::default() };
        let mut lane = Lane::new(TopicPartition::new("t", 0), &config);
        lane.is_known = true;
        Story { lane, config, now: Instant::now(), memory: Arc::new(Semaphore::new(1000)) }
    }

    /// A record in a batch of its own.
    fn send(&mut self) -> Arc<Outcome> {
        let record = ProducerRecord::new("t", "v");
        let mut memory = self.memory.clone().try_acquire_owned().ok();
        self.lane.append(&record, (10, 0), &mut memory, self.now, &self.config).expect("memory is given");
        self.lane.queue.back().expect("just put there").outcome.clone()
    }

    fn readiness(&self) -> Readiness {
        self.lane.readiness(self.now, Some(OURS), &self.config)
    }

    fn take(&mut self) -> Batch {
        assert_eq!(self.readiness(), Readiness::Ready);
        self.lane.take(Some(OURS), &self.config).expect("ready")
    }

    fn answer(&mut self, batch: Batch, result: Result<Place, ClientError>) {
        self.lane.answered(batch, result, self.now, &self.config);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.lane.expire(self.now, &self.config, None);
    }
}

fn lost() -> ClientError {
    ClientError::Lost { address: "b:1".into(), why: "reset".into() }
}

fn not_sent() -> ClientError {
    ClientError::NotSent { address: "b:1".into(), why: "closed".into() }
}

fn refused(error: ErrorCode) -> ClientError {
    ClientError::refused("writing", error, None)
}

fn at(base_offset: i64) -> Result<Place, ClientError> {
    Ok(Place { base_offset, log_append_time: -1 })
}

fn written(batch: &mut Batch) -> (i64, i16, i32) {
    let bytes: Bytes = batch.bytes();
    let header = BatchHeader::parse(&bytes).unwrap();
    (header.producer_id, header.producer_epoch, header.base_sequence)
}

fn end(outcome: &Outcome) -> Option<Result<Place, SendError>> {
    match outcome.watch().borrow().clone()? {
        End::Whole(result) => Some(result),
        End::Cut { .. } => panic!("it was cut"),
    }
}

#[test]
fn sequences_count_up_and_no_more_than_five_batches_travel() {
    in_a_world(|| {
        let mut story = Story::new();
        for _ in 0..6 {
            story.send();
        }
        for sequence in 0..5 {
            assert_eq!(written(&mut story.take()), (7, 0, sequence));
        }
        assert_eq!(story.readiness(), Readiness::Waits);
    });
}

#[test]
fn after_a_lost_connection_everything_goes_again_in_order_with_the_same_sequences() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcomes = [story.send(), story.send(), story.send()];
        let mut batches = vec![story.take(), story.take(), story.take()];
        let bytes: Vec<Bytes> = batches.iter_mut().map(Batch::bytes).collect();
        // The answers come back in any order.
        for index in [1, 0, 0] {
            let batch = batches.remove(index);
            story.answer(batch, Err(lost()));
        }
        assert_eq!(story.readiness(), Readiness::Waits, "not before the backoff is over");
        story.pass(2);
        for (index, bytes) in bytes.iter().enumerate() {
            let mut again = story.take();
            assert_eq!(again.bytes(), *bytes, "attempts are alike to the byte");
            assert_eq!(story.readiness(), Readiness::Waits, "one at a time, so that none overtakes");
            story.answer(again, at(index as i64));
        }
        assert!(outcomes.iter().all(|outcome| matches!(end(outcome), Some(Ok(_)))));
    });
}

#[test]
fn new_batches_wait_behind_those_that_go_again() {
    in_a_world(|| {
        let mut story = Story::new();
        story.send();
        let first = story.take();
        story.answer(first, Err(refused(ErrorCode::NotEnoughReplicas)));
        story.send();
        story.pass(2);
        assert_eq!(written(&mut story.take()).2, 0);
        assert_eq!(written(&mut story.take()).2, 1);
    });
}

#[test]
fn what_is_refused_for_good_leaves_a_gap_that_a_new_epoch_closes() {
    in_a_world(|| {
        let mut story = Story::new();
        let too_large = story.send();
        let next = story.send();
        let (first, second) = (story.take(), story.take());
        story.answer(first, Err(refused(ErrorCode::MessageTooLarge)));
        assert!(matches!(end(&too_large), Some(Err(SendError::NotWritten(_)))));
        story.send();
        assert_eq!(story.readiness(), Readiness::Waits, "the second one is still under way");
        story.answer(second, Err(refused(ErrorCode::OutOfOrderSequenceNumber)));
        let mut again = story.take();
        assert_eq!(written(&mut again), (7, 1, 0));
        story.answer(again, at(0));
        assert_eq!(written(&mut story.take()), (7, 1, 1));
        assert!(matches!(end(&next), Some(Ok(_))));
    });
}

#[test]
fn what_was_never_answered_is_unknown_and_what_was_never_sent_is_not_written() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcomes = [story.send(), story.send()];
        let first = story.take();
        story.answer(first, Err(lost()));
        story.pass(200);
        assert!(matches!(end(&outcomes[0]), Some(Err(SendError::Unknown(_)))));
        assert!(matches!(end(&outcomes[1]), Some(Err(SendError::NotWritten(_)))));
    });
}

#[test]
fn a_connection_that_never_was_leaves_no_doubt() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcome = story.send();
        let batch = story.take();
        story.answer(batch, Err(not_sent()));
        story.pass(200);
        assert!(matches!(end(&outcome), Some(Err(SendError::NotWritten(ClientError::NotSent { .. })))));
    });
}

#[test]
fn doubt_stays_although_a_later_attempt_is_refused() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcome = story.send();
        let batch = story.take();
        story.answer(batch, Err(lost()));
        story.pass(2);
        let batch = story.take();
        story.answer(batch, Err(refused(ErrorCode::OutOfOrderSequenceNumber)));
        assert!(matches!(end(&outcome), Some(Err(SendError::Unknown(_)))), "the first attempt may have been written");
    });
}

#[test]
fn what_is_given_up_while_it_travels_is_told_in_time_and_fenced_after_its_answer() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcome = story.send();
        let slow = story.take();
        story.pass(200);
        assert!(matches!(end(&outcome), Some(Err(SendError::Unknown(_)))));
        story.send();
        story.answer(slow, Err(lost()));
        assert_eq!(written(&mut story.take()), (7, 1, 0), "what the network still holds is of an older epoch");
    });
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing_and_the_sequence_goes_on() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcome = story.send();
        let slow = story.take();
        story.pass(200);
        story.answer(slow, at(4));
        assert!(matches!(end(&outcome), Some(Err(SendError::Unknown(_)))));
        story.send();
        assert_eq!(written(&mut story.take()), (7, 0, 1));
    });
}

#[test]
fn a_broker_that_lost_what_it_acknowledged_is_told_on() {
    in_a_world(|| {
        let mut story = Story::new();
        story.send();
        let first = story.take();
        story.answer(first, at(0));
        let outcome = story.send();
        let second = story.take();
        story.answer(second, Err(refused(ErrorCode::OutOfOrderSequenceNumber)));
        let Some(Err(SendError::NotWritten(cause))) = end(&outcome) else { panic!("{outcome:?}") };
        assert_eq!(cause.error_code(), Some(ErrorCode::OutOfOrderSequenceNumber));
    });
}

#[test]
fn a_duplicate_of_what_may_have_been_written_is_a_success() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcome = story.send();
        let batch = story.take();
        story.answer(batch, Err(lost()));
        story.pass(2);
        let batch = story.take();
        story.answer(batch, Err(refused(ErrorCode::DuplicateSequenceNumber)));
        assert_eq!(end(&outcome), Some(Ok(Place { base_offset: -1, log_append_time: -1 })));
    });
}

/// It was reported as written.
#[test]
fn a_duplicate_of_what_was_never_sent_before_is_something_else() {
    in_a_world(|| {
        let mut story = Story::new();
        let outcome = story.send();
        let batch = story.take();
        story.answer(batch, Err(refused(ErrorCode::DuplicateSequenceNumber)));
        assert!(matches!(end(&outcome), Some(Err(SendError::NotWritten(_)))));
        story.send();
        assert_eq!(written(&mut story.take()), (7, 1, 0));
    });
}

/// A broker that does not know a producer takes any sequence for its first: the second batch could be written while the
/// first was refused for a while, and the first could then never follow.
#[test]
fn the_first_batch_of_an_identity_travels_alone() {
    in_a_world(|| {
        let mut story = Story::new();
        story.lane.is_known = false;
        story.send();
        story.send();
        let first = story.take();
        assert_eq!(story.readiness(), Readiness::Waits);
        story.answer(first, Err(refused(ErrorCode::NotEnoughReplicas)));
        story.pass(2);
        let first = story.take();
        story.answer(first, at(0));
        assert_eq!(written(&mut story.take()).2, 1);
    });
}

/// It was written after those that had overtaken it.
#[test]
fn what_a_forgetful_broker_let_be_overtaken_is_not_written_any_more() {
    in_a_world(|| {
        let mut story = Story::new();
        let overtaken = story.send();
        story.send();
        let (first, second) = (story.take(), story.take());
        story.answer(first, Err(refused(ErrorCode::UnknownProducerId)));
        story.answer(second, at(0));
        story.send();
        assert_eq!(written(&mut story.take()), (7, 1, 0));
        assert!(matches!(end(&overtaken), Some(Err(SendError::NotWritten(_)))));
    });
}

#[test]
fn what_only_came_before_its_turn_keeps_its_sequence() {
    in_a_world(|| {
        let mut story = Story::new();
        story.send();
        story.send();
        let (first, second) = (story.take(), story.take());
        story.answer(first, Err(refused(ErrorCode::NotEnoughReplicas)));
        story.answer(second, Err(refused(ErrorCode::OutOfOrderSequenceNumber)));
        assert_eq!(story.readiness(), Readiness::Waits, "the wait after the first one's failure stands");
        story.pass(2);
        let mut first = story.take();
        assert_eq!(written(&mut first), (7, 0, 0));
        story.answer(first, at(0));
        assert_eq!(written(&mut story.take()), (7, 0, 1));
    });
}

#[test]
fn a_batch_too_large_is_cut_until_its_records_fit_and_keeps_its_sequences() {
    in_a_world(|| {
        let mut story = Story::new();
        story.config.batch_size = 1000;
        let outcomes: Vec<_> = (0..5).map(|_| story.send()).collect();
        story.lane.flush();
        let whole = story.take();
        assert_eq!(whole.record_count(), 5);
        story.answer(whole, Err(refused(ErrorCode::MessageTooLarge)));
        story.send();
        let mut halves = Vec::new();
        for sequence in [0, 2] {
            let mut half = story.take();
            assert_eq!(written(&mut half), (7, 0, sequence));
            halves.push(half.record_count());
            story.answer(half, at(0));
        }
        assert_eq!(halves, [2, 3]);
        assert_eq!(written(&mut story.take()), (7, 0, 5));
        assert!(outcomes.iter().all(|outcome| outcome.is_resolved()));
    });
}

#[test]
fn what_may_have_been_written_whole_is_not_cut() {
    in_a_world(|| {
        let mut story = Story::new();
        story.config.batch_size = 1000;
        let outcome = story.send();
        story.send();
        story.lane.flush();
        let whole = story.take();
        story.answer(whole, Err(lost()));
        story.pass(2);
        let whole = story.take();
        story.answer(whole, Err(refused(ErrorCode::MessageTooLarge)));
        assert!(matches!(end(&outcome), Some(Err(SendError::Unknown(_)))));
    });
}

#[test]
fn a_broker_that_forgot_its_producer_meets_it_under_the_next_epoch() {
    in_a_world(|| {
        for error in [ErrorCode::UnknownProducerId, ErrorCode::InvalidProducerEpoch] {
            let mut story = Story::new();
            let outcome = story.send();
            let batch = story.take();
            story.answer(batch, Err(refused(error)));
            let mut again = story.take();
            assert_eq!(written(&mut again), (7, 1, 0));
            story.answer(again, Err(refused(error)));
            assert_eq!(story.readiness(), Readiness::Waits, "a broker that always says so is not asked without pause");
            story.pass(2);
            let again = story.take();
            story.answer(again, at(0));
            assert!(matches!(end(&outcome), Some(Ok(_))));
        }
    });
}

#[test]
fn when_the_epochs_are_used_up_another_id_is_needed() {
    in_a_world(|| {
        let mut story = Story::new();
        story.lane.identity = Some(Identity { id: 7, epoch: i16::MAX });
        story.send();
        story.send();
        let batch = story.take();
        story.answer(batch, Err(refused(ErrorCode::MessageTooLarge)));
        assert_eq!(story.readiness(), Readiness::NeedsIdentity(Some(7)));
        let other = Identity { id: 8, epoch: 0 };
        assert_eq!(story.lane.readiness(story.now, Some(other), &story.config), Readiness::Ready);
        let mut batch = story.lane.take(Some(other), &story.config).unwrap();
        assert_eq!(written(&mut batch), (8, 0, 0));
    });
}

#[test]
fn without_identity_nothing_is_numbered() {
    in_a_world(|| {
        let mut story = Story::new();
        story.config = ProducerConfig { idempotent: false, acks: Acks::Leader, ..story.config };
        story.send();
        let mut batch = story.lane.take(None, &story.config).unwrap();
        assert_eq!(written(&mut batch), (-1, -1, -1));
    });
}

/// The old leader refused a record, and the new one too, which had not heard yet: the next attempt came after the second step.
#[test]
fn a_new_leader_that_has_not_heard_yet_is_asked_again_after_the_first_step() {
    in_a_world(|| {
        let mut story = Story::new();
        story.send();
        for epoch in 1..5 {
            let batch = story.take();
            story.lane.sent_in(epoch);
            story.answer(batch, Err(refused(ErrorCode::NotLeaderOrFollower)));
            assert!(story.lane.is_backed_off(story.now + story.config.retry_backoff.first.mul_f64(0.7)), "{epoch}");
            assert!(!story.lane.is_backed_off(story.now + story.config.retry_backoff.first.mul_f64(1.3)), "{epoch}");
            story.lane.led_in(epoch + 1);
        }
    });
}
