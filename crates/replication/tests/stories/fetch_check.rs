//! How a follower's log compares with the leader's.

use super::{EPOCH, fetch_of};
use model::{ErrorCode, LeaderEpoch, Offset};
use replication::{EpochEnd, FetchCheck, FollowerFetch, LeaderLog, check_fetch};

/// Epoch 2 is at 10..20, epoch 4 at 20..30, the leader's own epoch 7 at 30..35. The log starts at 10.
fn end_of_epoch(asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
    match asked {
        ..=1 => (asked, 10),
        2 | 3 => (2, 20),
        4..=6 => (4, 30),
        7 => (7, 35),
        _ => (-1, -1),
    }
}

fn check(last_fetched_epoch: LeaderEpoch, fetch_offset: Offset) -> FetchCheck {
    let fetch = FollowerFetch { last_fetched_epoch, ..fetch_of(2, fetch_offset) };
    check_fetch(fetch, log()).expect("the epoch is the leader's").outcome()
}

fn log() -> LeaderLog<'static> {
    LeaderLog { leader_epoch: EPOCH, log_start_offset: 10, log_end_offset: 35, end_of_epoch: &end_of_epoch }
}

fn out_of_range() -> FetchCheck {
    FetchCheck::OutOfRange { log_start_offset: 10, latest: EpochEnd { epoch: EPOCH, end_offset: 35 } }
}

#[test]
fn a_log_matches_where_the_leader_has_its_last_epoch_at_least_as_far() {
    assert_eq!(check(4, 30), FetchCheck::Matches);
    assert_eq!(check(4, 21), FetchCheck::Matches);
    assert_eq!(check(7, 35), FetchCheck::Matches);
}

#[test]
fn a_log_that_goes_on_where_the_leaders_epoch_ended_diverges_there() {
    assert_eq!(check(4, 31), FetchCheck::Diverging(EpochEnd { epoch: 4, end_offset: 30 }));
    assert_eq!(check(7, 36), FetchCheck::Diverging(EpochEnd { epoch: 7, end_offset: 35 }));
}

#[test]
fn an_epoch_that_the_leader_never_had_diverges_at_the_largest_below_it() {
    assert_eq!(check(3, 15), FetchCheck::Diverging(EpochEnd { epoch: 2, end_offset: 20 }));
    assert_eq!(check(6, 28), FetchCheck::Diverging(EpochEnd { epoch: 4, end_offset: 30 }));
}

#[test]
fn a_log_that_ends_below_the_leaders_start_is_out_of_range_whatever_its_epoch() {
    assert_eq!(check(-1, 0), out_of_range());
    assert_eq!(check(3, 9), out_of_range());
    assert_eq!(check(2, -5), out_of_range());
}

#[test]
fn an_empty_log_is_compared_by_its_offset_alone() {
    let check = |offset: Offset| {
        let fetch = FollowerFetch { last_fetched_epoch: -1, log_start_offset: offset, ..fetch_of(2, offset) };
        check_fetch(fetch, log()).expect("the epoch is the leader's").outcome()
    };
    assert_eq!(check(10), FetchCheck::Matches);
    assert_eq!(check(35), FetchCheck::Matches);
    assert_eq!(check(36), out_of_range());
}

#[test]
fn an_epoch_above_the_leaders_own_is_out_of_range() {
    assert_eq!(check(8, 20), out_of_range());
}

#[test]
fn a_follower_of_another_epoch_hears_which_of_the_two_is_behind() {
    let of = |current_leader_epoch| {
        let fetch = FollowerFetch { current_leader_epoch, ..fetch_of(2, 30) };
        check_fetch(fetch, log()).map(|checked| checked.outcome())
    };
    assert_eq!(of(EPOCH - 1), Err(ErrorCode::FencedLeaderEpoch));
    assert_eq!(of(EPOCH + 1), Err(ErrorCode::UnknownLeaderEpoch));
    assert_eq!(of(-1), Err(ErrorCode::UnknownLeaderEpoch));
}

/// A leader that had deleted all but its newest records could not tell that a follower's log, which ended just below
/// them, was another one. The follower came into the ISR with it, and led next.
#[test]
fn a_log_that_ends_where_the_leaders_starts_cannot_be_compared() {
    let check = |last_fetched_epoch, log_start_offset| {
        let fetch = FollowerFetch { last_fetched_epoch, log_start_offset, ..fetch_of(2, 10) };
        check_fetch(fetch, log()).expect("the epoch is the leader's").outcome()
    };
    for epoch in [-1, 0, 1, 2, 7] {
        assert_eq!(check(epoch, 0), FetchCheck::Deleted, "of epoch {epoch}");
        assert_eq!(check(epoch, 9), FetchCheck::Deleted, "of epoch {epoch}");
    }
    assert_eq!(check(-1, 10), FetchCheck::Matches, "there is nothing in it any more");
}
