//! What a leader tells, and whom it listens to.

use super::*;

/// It leads still, as far as the replicas know that could lead in its place. A fetch that lay in a buffer while its sender
/// came to follow another says nothing of when it arrives.
#[test]
fn a_leader_is_confirmed_by_fetches_that_were_sent_after_the_question() {
    let mut leader = leader_of(&[1, 2], 2);
    let mut sent = |replica, sent_after, came| {
        let fetch = FollowerFetch { sent_after, ..fetch_of(replica, 10) };
        assert_eq!(leader.fetched(came, &checked(fetch, 10)), Ok(()));
        leader.is_confirmed_since(at(5))
    };
    assert!(!sent(2, None, at(7)), "it may have been sent at any time");
    assert!(!sent(2, Some(at(4)), at(7)));
    assert!(sent(2, Some(at(6)), at(7)), "3 has to be in the isr before it leads");
    assert!(!sent(3, Some(at(4)), at(8)), "it could join");
    assert!(sent(3, Some(at(6)), at(9)));
}

/// Below the minimum of the ISR who has left it may lead (KIP-966), also one that is fenced as far as is known here.
#[test]
fn a_leader_below_the_minimum_is_confirmed_by_all_replicas() {
    for (minimum, confirmed) in [(1, true), (2, false)] {
        let brokers = |id| all_live(id).filter(|_| id == 1);
        let leader = Leader::new(at(0), 1, &image(&[1]), &brokers, cached(10), 4, terms(minimum));
        assert_eq!(leader.is_confirmed_since(at(5)), confirmed, "{minimum}");
    }
}

#[test]
fn offsets_are_not_told_before_all_of_earlier_leaders_is_known_to_be_committed() {
    let mut leader = leader_of(&[1, 2], 1);
    assert!(!leader.offsets_available());
    fetches(&mut leader, at(1), 2, 9);
    assert!(!leader.offsets_available(), "an earlier leader may have told 10");
    fetches(&mut leader, at(2), 2, 10);
    assert!(leader.offsets_available());
}

#[test]
fn what_was_known_to_be_committed_is_clipped_to_the_log() {
    let high_watermark = |checkpoint| {
        let log = OwnLog { log_start_offset: 3, ..cached(10) };
        Leader::new(at(0), 1, &image(&[1, 2]), &all_live, log, checkpoint, terms(1)).high_watermark()
    };
    assert_eq!([0, 5, 99].map(high_watermark), [3, 5, 10]);
}

#[test]
fn nobody_but_a_replica_is_counted() {
    let mut leader = leader_of(&[1, 2], 1);
    for stranger in [1, 4, -1] {
        let result = leader.fetched(at(1), &checked(fetch_of(stranger, 10), 10));
        assert_eq!(result, Err(ErrorCode::NotLeaderOrFollower), "{stranger}");
    }
}

#[test]
fn a_fetch_that_was_checked_in_another_epoch_is_not_counted() {
    let next = PartitionImage { leader_epoch: EPOCH + 1, ..image(&[1, 2]) };
    let mut leader = Leader::new(at(0), 1, &next, &all_live, cached(10), 4, terms(1));
    let result = leader.fetched(at(1), &checked(fetch_of(2, 10), 10));
    assert_eq!((result, leader.high_watermark()), (Err(ErrorCode::NotLeaderOrFollower), 4));
}

#[test]
#[should_panic(expected = "another leader epoch takes another machine")]
fn a_new_epoch_takes_a_new_machine() {
    let next = PartitionImage { leader_epoch: EPOCH + 1, partition_epoch: 21, ..image(&[1, 2]) };
    leader_of(&[1, 2], 1).image_changed(at(1), &next, &all_live);
}

#[test]
fn the_lag_of_each_replica_is_known_from_its_last_fetch() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(5), 2, 7);
    let told: Vec<_> =
        leader.replicas_progress(at(6)).map(|it| (it.replica, it.progress, it.lag, it.in_sync)).collect();
    assert_eq!(told, [(1, Some(10), 0, true), (2, Some(7), 3, true), (3, None, 10, false)]);
    assert_eq!(leader.progress_of(at(6), 9), None);
}

#[test]
fn the_low_watermark_is_the_lowest_start_of_all_live_replicas() {
    let mut leader = leader_of(&[1], 1);
    leader.log_moved(at(1), OwnLog { log_start_offset: 4, ..cached(10) });
    for (replica, log_start_offset) in [(2, 3), (3, 1)] {
        fetches_with_start(&mut leader, at(2), replica, log_start_offset);
    }
    assert_eq!(leader.low_watermark(&|_| true), 1);
    assert_eq!(leader.low_watermark(&|id| id != 3), 3);
    assert_eq!(leader.low_watermark(&|_| false), 4);
}

/// A deletion was answered when the live replicas had it. A member of the ISR that seemed dead for a moment did not, and
/// led next with all of it.
#[test]
fn the_low_watermark_waits_for_every_replica_that_could_lead() {
    let mut leader = leader_of(&[1, 2], 1);
    leader.log_moved(at(1), OwnLog { log_start_offset: 4, ..cached(10) });
    let nobody_lives = |_| false;
    assert_eq!(leader.low_watermark(&nobody_lives), 0, "2 is in the isr and has not said anything");
    fetches_with_start(&mut leader, at(2), 2, 3);
    assert_eq!(leader.low_watermark(&nobody_lives), 3);
    fetches_with_start(&mut leader, at(3), 3, 4);
    let proposal = leader.proposal(at(4)).expect("3 has everything");
    assert_eq!(members(&proposal), [1, 2, 3]);
    leader.log_moved(at(5), OwnLog { log_start_offset: 6, ..cached(10) });
    fetches_with_start(&mut leader, at(6), 2, 6);
    assert_eq!(leader.low_watermark(&nobody_lives), 4, "the controller may have taken the proposal already");
    fetches_with_start(&mut leader, at(7), 3, 5);
    assert_eq!(leader.low_watermark(&nobody_lives), 5);
}

/// Below its minimum the ISR is not all that a leader may be chosen from.
#[test]
fn the_low_watermark_rests_while_the_isr_is_too_small() {
    let mut leader = leader_of(&[1], 2);
    leader.log_moved(at(1), OwnLog { log_start_offset: 4, ..cached(10) });
    assert_eq!(leader.low_watermark(&|_| false), 0);
}

#[test]
fn the_low_watermark_of_one_replica_is_its_own_start() {
    let log = OwnLog { log_start_offset: 2, ..cached(10) };
    let alone = PartitionImage { replicas: vec![1], ..image(&[1]) };
    let mut leader = Leader::new(at(0), 1, &alone, &all_live, log, 4, terms(2));
    assert_eq!(leader.low_watermark(&|_| true), 2);
    leader.log_moved(at(1), OwnLog { log_start_offset: 4, ..cached(10) });
    assert_eq!(leader.low_watermark(&|_| true), 4);
}
