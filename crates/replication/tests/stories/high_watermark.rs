//! What counts as committed.

use super::*;

#[test]
fn a_leader_alone_commits_what_it_has_or_what_is_durable() {
    let mut leader = leader_of(&[1], 1);
    assert_eq!(leader.high_watermark(), 10, "the page cache is enough where nothing more is promised");
    leader.log_moved(at(1), cached(12));
    assert_eq!(leader.high_watermark(), 12);

    let mut leader = Leader::new(at(0), 1, &image(&[1]), &all_live, journaled(10, 8), 4, terms(1));
    assert_eq!(leader.high_watermark(), 8);
    leader.log_moved(at(1), journaled(12, 11));
    assert_eq!(leader.high_watermark(), 11);
}

#[test]
fn every_member_of_the_isr_holds_it_back_until_it_has_fetched_that_far() {
    let mut leader = leader_of(&[1, 2, 3], 1);
    fetches(&mut leader, at(1), 2, 10);
    assert_eq!(leader.high_watermark(), 4, "of 3 nothing is known");
    fetches(&mut leader, at(2), 3, 7);
    assert_eq!(leader.high_watermark(), 7);
    fetches(&mut leader, at(3), 3, 10);
    assert_eq!(leader.high_watermark(), 10);
}

#[test]
fn it_never_moves_back_when_a_follower_does() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 2, 9);
    fetches(&mut leader, at(2), 2, 6);
    assert_eq!(leader.high_watermark(), 9);
}

#[test]
fn it_rests_while_the_isr_is_below_its_minimum_and_acks_all_is_refused() {
    let mut leader = leader_of(&[1], 2);
    leader.log_moved(at(1), cached(12));
    assert_eq!(leader.high_watermark(), 4);
    assert_eq!(leader.check_append(-1), Err(ErrorCode::NotEnoughReplicas));
    assert_eq!((leader.check_append(1), leader.check_append(0)), (Ok(()), Ok(())));
    assert_eq!(leader.acknowledged().error, ErrorCode::NotEnoughReplicasAfterAppend);
    leader.set_terms(at(2), terms(1));
    assert_eq!(leader.high_watermark(), 12, "what is asked for may change at any time");
    assert_eq!(leader.acknowledged().error, ErrorCode::None);
}

#[test]
fn a_minimum_above_the_number_of_replicas_counts_as_that_number() {
    let mut leader = leader_of(&[1, 2, 3], 5);
    assert_eq!(leader.check_append(-1), Ok(()));
    fetches(&mut leader, at(1), 2, 10);
    fetches(&mut leader, at(1), 3, 10);
    assert_eq!((leader.high_watermark(), leader.acknowledged().end), (10, 10));
}

#[test]
fn a_proposed_member_holds_it_back_and_a_member_that_is_to_go_does_until_it_is_gone() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 2, 10);
    fetches(&mut leader, at(2), 3, 10);
    let joins = leader.proposal(at(2)).expect("3 has everything");
    leader.log_moved(at(3), cached(12));
    fetches(&mut leader, at(4), 2, 12);
    assert_eq!(leader.high_watermark(), 10, "3 may be in the isr by now");
    leader.proposal_answered(at(5), joins.id, accepted(&joins));

    let late = at(5) + LAG;
    fetches(&mut leader, late, 2, 12);
    let shrinks = leader.proposal(late).expect("3 is late");
    assert_eq!(members(&shrinks), [1, 2]);
    assert_eq!(leader.high_watermark(), 10, "3 may still be elected");
    leader.proposal_answered(late, shrinks.id, accepted(&shrinks));
    assert_eq!(leader.high_watermark(), 10, "3 may still be elected, if more than these must be in sync by now");
    leader.image_changed(late, &PartitionImage { partition_epoch: 22, ..image(&[1, 2]) }, &all_live);
    assert_eq!(leader.high_watermark(), 12);
}

/// The minimum was raised before the ISR shrank, and its leader heard of it only after the controller's answer: what it
/// acknowledged alone was lost, as the one that had left was eligible still.
#[test]
fn who_has_left_holds_it_back_until_the_minimum_of_then_is_known() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 2, 10);
    leader.log_moved(at(2), cached(12));
    let late = at(2) + LAG;
    let shrinks = leader.proposal(late).expect("2 is late");
    leader.proposal_answered(late, shrinks.id, accepted(&shrinks));
    assert_eq!(leader.high_watermark(), 10);
    leader.set_terms(late, terms(2));
    leader.image_changed(late, &PartitionImage { partition_epoch: 21, ..image(&[1]) }, &all_live);
    assert_eq!(leader.high_watermark(), 10, "2 may lead");
}

#[test]
fn a_follower_that_keeps_up_outside_the_isr_is_waited_for_and_one_far_behind_is_not() {
    let mut leader = leader_of(&[1], 1);
    fetches(&mut leader, at(1), 2, 3);
    leader.log_moved(at(2), cached(12));
    assert_eq!(leader.high_watermark(), 12, "2 is far behind");
    fetches(&mut leader, at(3), 2, 10);
    leader.log_moved(at(4), cached(14));
    assert_eq!(leader.high_watermark(), 12, "by its last fetch 2 had what there was at the one before");
    fetches(&mut leader, at(5), 2, 12);
    assert_eq!(members(&leader.proposal(at(5)).expect("2 has what is committed")), [1, 2]);
}

#[test]
fn one_that_keeps_up_and_is_fenced_is_waited_for_no_longer() {
    let mut leader = leader_of(&[1], 1);
    fetches(&mut leader, at(1), 2, 3);
    fetches(&mut leader, at(2), 2, 10);
    let joins = leader.proposal(at(2)).expect("2 has everything");
    leader.proposal_answered(at(3), joins.id, refused());
    leader.log_moved(at(4), cached(14));
    assert_eq!(leader.high_watermark(), 10);
    leader.brokers_changed(at(5), &|id| Some(100).filter(|_| id == 1));
    assert_eq!(leader.high_watermark(), 14);
}

#[test]
fn a_follower_of_a_journaled_partition_counts_for_what_it_says_is_durable() {
    let mut leader = Leader::new(at(0), 1, &image(&[1, 2]), &all_live, journaled(10, 10), 4, terms(1));
    let tell = |leader: &mut Leader, durable_end| {
        let fetch = FollowerFetch { durable_end, ..fetch_of(2, 10) };
        assert_eq!(leader.fetched(at(1), &checked(fetch, 10)), Ok(()));
        leader.high_watermark()
    };
    assert_eq!(tell(&mut leader, None), 4, "it is not journaled yet");
    assert_eq!(tell(&mut leader, Some(6)), 6);
    assert_eq!(tell(&mut leader, Some(99)), 10, "no more than it has");
}

/// A config that has stopped to ask for stable storage found the log journaled still: what the journal did not have yet
/// was acknowledged, and a crash of the process cut it off.
#[test]
fn a_log_that_is_journaled_still_counts_for_what_is_durable_and_its_followers_for_what_they_have() {
    let log = OwnLog { asks_stable_storage: false, ..journaled(10, 6) };
    let mut leader = Leader::new(at(0), 1, &image(&[1, 2]), &all_live, log, 4, terms(1));
    fetches(&mut leader, at(1), 2, 8);
    assert_eq!(leader.high_watermark(), 6);
    leader.log_moved(at(2), OwnLog { durable_end: 10, ..log });
    assert_eq!(leader.high_watermark(), 8);
}
