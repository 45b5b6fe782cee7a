//! How a follower becomes like its leader.

use super::{EPOCH, at, cached, journaled};
use model::{ErrorCode, LeaderEpoch, Offset};
use replication::{Batches, EpochEnd, FetchAnswer, Follower, FollowerLog, FollowerStep, Following, OwnLog, Wanted};
use std::time::Duration;

const BACKOFF: Duration = Duration::from_secs(1);
const FOLLOWING: Following = Following { leader: 1, leader_epoch: EPOCH, fetch_backoff: BACKOFF };

fn log(end: Offset, last_epoch: LeaderEpoch) -> FollowerLog {
    FollowerLog { ends: cached(end), last_epoch }
}

/// Ten records, the last of epoch 5; four are known to be committed.
fn follower() -> Follower {
    let (follower, step) = Follower::new(FOLLOWING, log(10, 5), 4, 0);
    assert_eq!(step, FollowerStep::Nothing);
    follower
}

/// The follower's own epochs: 2 at 0..5, 3 at 5..8, 5 at 8..10.
fn epochs(asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
    match asked {
        ..=1 => (asked, 0),
        2 => (2, 5),
        3 | 4 => (3, 8),
        5 => (5, 10),
        _ => (-1, -1),
    }
}

fn empty() -> FetchAnswer {
    FetchAnswer { error: ErrorCode::None, diverging: None, high_watermark: 9, log_start_offset: 0, batches: None }
}

fn bringing(base_offset: Offset, last_offset: Offset, last_epoch: LeaderEpoch) -> FetchAnswer {
    FetchAnswer { batches: Some(Batches { base_offset, last_offset, last_epoch }), high_watermark: 14, ..empty() }
}

fn diverging(epoch: LeaderEpoch, end_offset: Offset) -> FetchAnswer {
    FetchAnswer { diverging: Some(EpochEnd { epoch, end_offset }), ..empty() }
}

fn wanted(follower: &Follower, millis: u64) -> Wanted {
    follower.wanted(at(millis)).expect("something is wanted")
}

fn answered(follower: &mut Follower, answer: &FetchAnswer) -> FollowerStep {
    let token = wanted(follower, 0).token;
    follower.answered(at(0), token, answer, &epochs)
}

fn cut(to: Offset) -> FollowerStep {
    FollowerStep::Truncate { to, below_high_watermark: false }
}

#[test]
fn it_fetches_from_its_end_and_says_how_its_log_looks() {
    let wanted = wanted(&follower(), 0);
    assert_eq!((wanted.leader, wanted.current_leader_epoch), (1, EPOCH));
    assert_eq!((wanted.fetch_offset, wanted.last_fetched_epoch), (10, 5));
    assert_eq!((wanted.log_start_offset, wanted.durable_end, wanted.high_watermark), (0, None, 4));
}

#[test]
fn it_tells_by_which_image_it_goes() {
    let mut follower = follower();
    assert_eq!(wanted(&follower, 0).partition_epoch, None);
    follower.image_changed(22);
    follower.image_changed(21);
    assert_eq!(wanted(&follower, 0).partition_epoch, Some(22));
}

#[test]
fn what_comes_is_appended_and_only_then_the_leaders_high_watermark_counts() {
    let mut follower = follower();
    assert_eq!(answered(&mut follower, &bringing(10, 12, 6)), FollowerStep::Append);
    assert_eq!((follower.wanted(at(1)), follower.high_watermark()), (None, 4));
    follower.done(log(13, 6));
    assert_eq!(follower.high_watermark(), 13, "14 at the leader, but no more than there is here");
    assert_eq!((wanted(&follower, 1).fetch_offset, wanted(&follower, 1).last_fetched_epoch), (13, 6));
}

#[test]
fn an_empty_answer_brings_the_high_watermark() {
    let mut follower = follower();
    assert_eq!(answered(&mut follower, &empty()), FollowerStep::Nothing);
    assert_eq!(follower.high_watermark(), 9);
    let lower = FetchAnswer { high_watermark: 2, ..empty() };
    assert_eq!(answered(&mut follower, &lower), FollowerStep::Nothing);
    assert_eq!(follower.high_watermark(), 9, "it never falls by what a leader says");
}

#[test]
fn a_log_that_diverges_is_cut_before_the_leaders_high_watermark_is_believed() {
    let mut follower = follower();
    assert_eq!(answered(&mut follower, &diverging(5, 9)), cut(9));
    assert_eq!(follower.high_watermark(), 4);
    follower.done(log(9, 5));
    assert_eq!((follower.high_watermark(), wanted(&follower, 0).fetch_offset), (4, 9));
}

#[test]
fn it_is_cut_to_where_the_shorter_of_both_ends_in_an_epoch_that_both_know() {
    assert_eq!(answered(&mut follower(), &diverging(3, 6)), cut(6));
    assert_eq!(answered(&mut follower(), &diverging(3, 99)), cut(8));
}

#[test]
fn an_epoch_that_only_the_leader_knows_cuts_all_above_it_and_the_next_fetch_compares_again() {
    let mut follower = follower();
    assert_eq!(answered(&mut follower, &diverging(4, 9)), cut(8));
    follower.done(log(8, 3));
    assert_eq!(wanted(&follower, 0).last_fetched_epoch, 3);
}

#[test]
fn only_after_an_unclean_election_it_cuts_what_was_committed_and_says_so() {
    let mut follower = follower();
    let step = answered(&mut follower, &diverging(2, 3));
    assert_eq!(step, FollowerStep::Truncate { to: 3, below_high_watermark: true });
    follower.done(log(3, 2));
    assert_eq!(follower.high_watermark(), 3);
}

#[test]
fn a_divergence_that_leaves_nothing_to_cut_rests() {
    for answer in [diverging(5, 10), diverging(6, 20), diverging(-1, -1)] {
        assert_eq!(answered(&mut follower(), &answer), FollowerStep::BackOff { until: at(1_000) });
    }
}

#[test]
fn an_answer_to_a_fetch_from_before_the_log_moved_is_void() {
    let mut follower = follower();
    let old = wanted(&follower, 0).token;
    assert_eq!(answered(&mut follower, &bringing(10, 12, 6)), FollowerStep::Append);
    assert_eq!(follower.answered(at(0), old, &bringing(10, 12, 6), &epochs), FollowerStep::Nothing);
    follower.done(log(13, 6));
    assert_eq!(follower.answered(at(0), old, &bringing(13, 14, 6), &epochs), FollowerStep::Nothing);
    assert_eq!(follower.answered(at(0), old, &diverging(5, 2), &epochs), FollowerStep::Nothing);
    assert_eq!(wanted(&follower, 0).fetch_offset, 13);
}

#[test]
fn an_answer_to_the_machine_before_is_void() {
    let before = follower();
    let old = wanted(&before, 0).token;
    let (mut next, _) = Follower::new(FOLLOWING, log(10, 5), 4, before.next_generation());
    assert_eq!(next.answered(at(0), old, &diverging(3, 6), &epochs), FollowerStep::Nothing);
    assert_eq!(next.high_watermark(), 4);
}

#[test]
fn it_fetches_again_when_what_came_is_on_stable_storage() {
    let (mut follower, _) = Follower::new(FOLLOWING, FollowerLog { ends: journaled(10, 10), last_epoch: 5 }, 4, 0);
    assert_eq!(wanted(&follower, 0).durable_end, Some(10));
    assert_eq!(answered(&mut follower, &bringing(10, 12, 6)), FollowerStep::Append);
    follower.done(FollowerLog { ends: journaled(13, 10), last_epoch: 6 });
    assert!(follower.waits_for_durability());
    assert_eq!(follower.wanted(at(0)), None);
    follower.log_moved(FollowerLog { ends: journaled(13, 12), last_epoch: 6 });
    assert_eq!(follower.wanted(at(0)), None);
    follower.log_moved(FollowerLog { ends: journaled(13, 13), last_epoch: 6 });
    assert_eq!(wanted(&follower, 0).durable_end, Some(13));
}

#[test]
fn below_the_leaders_log_start_it_begins_anew_there() {
    let mut follower = follower();
    let answer = FetchAnswer {
        error: ErrorCode::OffsetOutOfRange,
        log_start_offset: 50,
        diverging: Some(EpochEnd { epoch: EPOCH, end_offset: 80 }),
        ..empty()
    };
    assert_eq!(answered(&mut follower, &answer), FollowerStep::ResetTo { start: 50 });
    follower.done(FollowerLog { ends: OwnLog { log_start_offset: 50, ..cached(50) }, last_epoch: -1 });
    assert_eq!((follower.high_watermark(), wanted(&follower, 0).fetch_offset), (50, 50));
}

#[test]
fn ahead_of_a_leader_that_knows_less_it_is_cut_to_the_leaders_end() {
    let answer = |end_offset| FetchAnswer {
        error: ErrorCode::OffsetOutOfRange,
        diverging: Some(EpochEnd { epoch: EPOCH, end_offset }),
        ..empty()
    };
    assert_eq!(answered(&mut follower(), &answer(7)), cut(7));
    assert_eq!(answered(&mut follower(), &answer(10)), FollowerStep::BackOff { until: at(1_000) });
    let silent = FetchAnswer { error: ErrorCode::OffsetOutOfRange, log_start_offset: -1, ..empty() };
    assert_eq!(answered(&mut follower(), &silent), FollowerStep::BackOff { until: at(1_000) });
}

#[test]
fn behind_the_leaders_epoch_it_waits_for_the_image_for_ever() {
    let mut follower = follower();
    let fenced = FetchAnswer { error: ErrorCode::FencedLeaderEpoch, ..empty() };
    assert_eq!(answered(&mut follower, &fenced), FollowerStep::WaitForMetadata);
    assert_eq!((follower.wanted(at(99_999)), follower.next_deadline()), (None, None));
}

#[test]
fn other_errors_pass() {
    for error in [ErrorCode::KafkaStorageError, ErrorCode::CorruptMessage, ErrorCode::UnknownServerError] {
        let mut follower = follower();
        let step = answered(&mut follower, &FetchAnswer { error, ..empty() });
        assert_eq!(step, FollowerStep::BackOff { until: at(1_000) }, "{error}");
        assert_eq!((follower.wanted(at(999)), follower.next_deadline()), (None, Some(at(1_000))));
        assert!(follower.wanted(at(1_000)).is_some());
    }
}

/// It heard of the new leader before that did, rested as after an error, and nothing was committed for a second.
#[test]
fn a_leader_that_has_not_heard_yet_that_it_leads_is_asked_again_soon_and_then_less_often() {
    for error in [
        ErrorCode::UnknownLeaderEpoch,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicId,
        ErrorCode::UnknownTopicOrPartition,
    ] {
        let mut follower = follower();
        let early = FetchAnswer { error, ..empty() };
        for rest in [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000] {
            assert_eq!(answered_later(&mut follower, &early), FollowerStep::BackOff { until: at(99_999 + rest) });
            assert_eq!(follower.next_deadline(), Some(at(99_999 + rest)));
        }
        assert_eq!(answered_later(&mut follower, &empty()), FollowerStep::Nothing);
        assert_eq!(answered_later(&mut follower, &early), FollowerStep::BackOff { until: at(100_004) }, "{error}");
    }
}

/// An answer to a fetch that was made when every rest was over.
fn answered_later(follower: &mut Follower, answer: &FetchAnswer) -> FollowerStep {
    let token = wanted(follower, 999_999).token;
    follower.answered(at(99_999), token, answer, &epochs)
}

#[test]
fn what_does_not_follow_is_not_appended() {
    for answer in [bringing(9, 12, 6), bringing(10, 9, 6), bringing(10, 12, 4), bringing(10, 12, EPOCH + 1)] {
        assert_eq!(answered(&mut follower(), &answer), FollowerStep::BackOff { until: at(1_000) });
    }
    assert_eq!(answered(&mut follower(), &bringing(15, 20, 6)), FollowerStep::Append, "a cleaner left a gap");
}

/// DeleteRecords had let the leader's log start inside of a batch; a follower that began anew there refused that batch for
/// ever, and was never in sync again.
#[test]
fn an_empty_log_takes_the_batch_whole_that_the_leaders_log_starts_inside_of() {
    let empty_at =
        |offset: Offset| FollowerLog { ends: OwnLog { log_start_offset: offset, ..cached(offset) }, last_epoch: -1 };
    let (mut follower, step) = Follower::new(FOLLOWING, empty_at(10), 10, 0);
    assert_eq!(step, FollowerStep::Nothing);
    let answer = FetchAnswer { log_start_offset: 10, ..bringing(8, 12, 6) };
    assert_eq!(answered(&mut follower, &answer), FollowerStep::AppendFrom { start: 8 });
    let ends = OwnLog { log_start_offset: 8, ..cached(13) };
    follower.done(FollowerLog { ends, last_epoch: 6 });
    assert_eq!((follower.log_start_to_take(), follower.high_watermark()), (Some(10), 13));
}

#[test]
fn a_step_that_cannot_be_done_is_tried_again_later() {
    let mut follower = follower();
    assert_eq!(answered(&mut follower, &bringing(10, 12, 6)), FollowerStep::Append);
    assert_eq!(follower.failed(at(5), log(10, 5)), FollowerStep::BackOff { until: at(1_005) });
    assert_eq!((follower.high_watermark(), wanted(&follower, 1_005).fetch_offset), (4, 10));
}

#[test]
fn records_that_the_leader_deleted_go_here_too_but_never_above_the_high_watermark() {
    let mut follower = follower();
    let answer = FetchAnswer { log_start_offset: 6, high_watermark: 5, ..empty() };
    assert_eq!(answered(&mut follower, &answer), FollowerStep::Nothing);
    assert_eq!(follower.log_start_to_take(), Some(5));
    follower.log_moved(FollowerLog { ends: OwnLog { log_start_offset: 5, ..cached(10) }, last_epoch: 5 });
    assert_eq!(follower.log_start_to_take(), None);
    assert_eq!(answered(&mut follower, &FetchAnswer { log_start_offset: -1, ..empty() }), FollowerStep::Nothing);
    assert_eq!(follower.log_start_to_take(), Some(6));
}

#[test]
fn a_log_that_does_not_know_its_epochs_is_cut_to_what_was_committed() {
    let (mut follower, step) = Follower::new(FOLLOWING, log(10, -1), 4, 0);
    assert_eq!(step, cut(4));
    assert_eq!(follower.wanted(at(0)), None);
    follower.done(log(4, -1));
    assert_eq!(wanted(&follower, 0).fetch_offset, 4);
    let (_, step) = Follower::new(FOLLOWING, log(0, -1), 0, 0);
    assert_eq!(step, FollowerStep::Nothing, "an empty one has nothing to know");
}

#[test]
fn a_follower_that_cannot_delete_what_its_leader_has_deleted_rests() {
    let mut follower = follower();
    let answer = FetchAnswer { log_start_offset: 6, high_watermark: 10, ..empty() };
    assert_eq!(answered(&mut follower, &answer), FollowerStep::Nothing);
    follower.could_not_take_log_start(at(5));
    assert_eq!((follower.wanted(at(1_004)), follower.log_start_to_take()), (None, Some(6)));
    assert!(follower.wanted(at(1_005)).is_some());
}
