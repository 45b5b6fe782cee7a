//! Who leaves the ISR, who joins it, and when.

use super::*;

#[test]
fn a_follower_is_late_when_it_had_not_everything_for_the_longest_lag() {
    let mut leader = leader_of(&[1, 2, 3], 1);
    fetches(&mut leader, at(500), 2, 10);
    fetches(&mut leader, at(900), 3, 8);
    assert_eq!(leader.next_deadline(at(900)), Some(at(0) + LAG), "3 was in sync when the leader began");
    assert_eq!(leader.proposal(at(9_999)), None);
    assert_eq!(members(&leader.proposal(at(10_000)).expect("3 is late")), [1, 2]);
}

#[test]
fn one_that_has_everything_is_never_late_however_long_nothing_happens() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 2, 10);
    assert_eq!((leader.next_deadline(at(1)), leader.proposal(at(99_999_999))), (None, None));
}

#[test]
fn under_steady_writes_it_is_enough_to_have_what_there_was_at_the_last_fetch() {
    let mut leader = leader_of(&[1, 2], 1);
    for step in 0..100 {
        let now = at(step * 1_000);
        fetches(&mut leader, now, 2, 10 + step as Offset);
        leader.log_moved(now, cached(11 + step as Offset));
        fetches(&mut leader, at(step * 1_000 + 500), 2, 10 + step as Offset);
        assert_eq!(leader.proposal(now), None, "at step {step}");
    }
}

#[test]
fn who_has_just_joined_has_the_full_time_to_catch_up() {
    let mut leader = leader_of(&[1], 2);
    leader.log_moved(at(1), cached(99));
    fetches(&mut leader, at(60_000), 3, 20);
    assert_eq!(leader.high_watermark(), 4, "it rests below the minimum");
    let joins = leader.proposal(at(60_000)).expect("3 has what is committed");
    leader.proposal_answered(at(60_001), joins.id, accepted(&joins));
    assert_eq!(leader.proposal(at(60_002)), None);
    assert_eq!(leader.high_watermark(), 20);
    assert_eq!(leader.next_deadline(at(60_002)), Some(at(60_001) + LAG));
}

#[test]
fn to_join_a_follower_needs_what_earlier_leaders_may_have_committed() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 3, 6);
    assert_eq!(leader.high_watermark(), 4);
    assert_eq!(leader.proposal(at(1)), None, "6 is above the high watermark and below the start of the epoch");
    fetches(&mut leader, at(2), 3, 10);
    assert_eq!(members(&leader.proposal(at(2)).expect("3 has all")), [1, 2, 3]);
}

/// A replica that had missed a DeleteRecords came back into the ISR with the deleted records, and led next.
#[test]
fn to_join_a_follower_has_to_have_deleted_what_was_promised_to_be() {
    let mut leader = leader_of(&[1, 2], 1);
    leader.log_moved(at(1), OwnLog { log_start_offset: 4, ..cached(10) });
    fetches_with_start(&mut leader, at(2), 2, 4);
    fetches_with_start(&mut leader, at(3), 3, 3);
    assert_eq!(leader.proposal(at(3)), None, "2 alone has deleted what is below 4, and somebody may have been told so");
    fetches_with_start(&mut leader, at(4), 3, 4);
    assert_eq!(members(&leader.proposal(at(4)).expect("3 has too")), [1, 2, 3]);
}

#[test]
fn to_join_a_follower_has_to_have_deleted_what_earlier_leaders_may_have_promised() {
    let log = OwnLog { log_start_offset: 4, ..cached(10) };
    let mut leader = Leader::new(at(0), 1, &image(&[1, 2]), &all_live, log, 4, terms(1));
    fetches_with_start(&mut leader, at(1), 3, 3);
    assert_eq!(leader.proposal(at(1)), None);
    fetches_with_start(&mut leader, at(2), 3, 4);
    assert_eq!(members(&leader.proposal(at(2)).expect("3 has deleted it too")), [1, 2, 3]);
}

/// Somebody deletes a little all the time: nobody could join if the leader's own start counted.
#[test]
fn to_join_a_follower_need_not_have_deleted_what_nobody_was_told_is_gone() {
    let mut leader = leader_of(&[1, 2], 1);
    leader.log_moved(at(1), OwnLog { log_start_offset: 4, ..cached(10) });
    fetches_with_start(&mut leader, at(2), 2, 2);
    fetches_with_start(&mut leader, at(3), 3, 3);
    assert_eq!(members(&leader.proposal(at(3)).expect("2 keeps 2 and 3")), [1, 2, 3]);
}

#[test]
fn a_broker_that_is_fenced_or_registered_anew_since_it_fetched_does_not_join() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 3, 10);
    leader.brokers_changed(at(2), &|id| all_live(id).filter(|_| id != 3));
    assert_eq!(leader.proposal(at(2)), None);
    leader.brokers_changed(at(3), &|id| Some(if id == 3 { 301 } else { 100 }));
    assert_eq!(leader.proposal(at(3)), None, "the log of 301 was not compared");
    let fetch = FollowerFetch { broker_epoch: 301, ..fetch_of(3, 10) };
    assert_eq!(leader.fetched(at(4), &checked(fetch, 10)), Ok(()));
    let proposal = leader.proposal(at(4)).expect("now it was");
    assert_eq!(proposal.new_isr, [(1, 100), (2, -1), (3, 301)]);
}

#[test]
fn a_fetch_of_an_earlier_registration_counts_for_nothing() {
    let mut leader = leader_of(&[1, 2], 1);
    leader.brokers_changed(at(1), &|id| Some(Offset::from(id) * 1_000));
    let result = leader.fetched(at(2), &checked(fetch_of(2, 10), 10));
    assert_eq!((result, leader.high_watermark()), (Err(ErrorCode::NotLeaderOrFollower), 4));
}

#[test]
fn a_replica_that_was_taken_away_and_given_back_unseen_has_to_fetch_first() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 3, 10);
    let again = PartitionImage { partition_epoch: 29, ..image(&[1, 2]) };
    leader.image_changed(at(2), &again, &all_live);
    assert_eq!(leader.proposal(at(2)), None, "it may have begun anew in between");
    for (partition_epoch, joins) in [(28, false), (29, true)] {
        let fetch = checked(fetch_of(3, 10), 10).made_in(partition_epoch);
        assert_eq!(leader.fetched(at(3), &fetch), Ok(()));
        assert_eq!(leader.proposal(at(3)).is_some(), joins, "the fetch was made in {partition_epoch}");
    }
}

#[test]
fn a_log_that_diverges_is_no_progress() {
    let mut leader = leader_of(&[1, 2], 1);
    let log = LeaderLog { leader_epoch: EPOCH, log_start_offset: 0, log_end_offset: 10, end_of_epoch: &|_| (5, 6) };
    let diverging = check_fetch(fetch_of(2, 10), log).expect("the epoch is the leader's");
    assert!(matches!(diverging.outcome(), FetchCheck::Diverging(_)));
    assert_eq!(leader.fetched(at(1), &diverging), Ok(()), "it is to be answered");
    assert_eq!(leader.high_watermark(), 4);
    assert_eq!(leader.progress_of(at(1), 2).expect("a replica").progress, None);
}
