//! What becomes of a proposal.

use super::*;

/// 3 has everything and is proposed at 2 ms.
fn proposing() -> (Leader, IsrProposal) {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 2, 10);
    fetches(&mut leader, at(2), 3, 10);
    let proposal = leader.proposal(at(2)).expect("3 has everything");
    assert_eq!(members(&proposal), [1, 2, 3]);
    (leader, proposal)
}

/// More was written since, which 2 has and 3 has not.
fn goes_on_without_3(leader: &mut Leader, now: Instant) {
    leader.log_moved(now, cached(20));
    fetches(leader, now, 2, 20);
}

#[test]
fn one_is_in_flight_at_a_time() {
    let (mut leader, proposal) = proposing();
    assert_eq!(leader.proposal(at(60_000)), None);
    assert_eq!(leader.pending_isr().map(Iterator::collect), Some(vec![1, 2, 3]));
    leader.proposal_answered(at(60_000), proposal.id, accepted(&proposal));
    assert_eq!(leader.committed_isr().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(leader.pending_isr().is_none());
    assert_eq!(leader.partition_epoch(), 21);
}

#[test]
fn one_that_is_refused_is_forgotten_and_not_repeated_at_once() {
    let (mut leader, proposal) = proposing();
    leader.proposal_answered(at(3), proposal.id, refused());
    assert!(leader.pending_isr().is_none());
    assert_eq!(leader.proposal(at(3)), None);
    let again = leader.next_deadline(at(3)).expect("it rests");
    assert_eq!(members(&leader.proposal(again).expect("3 still has everything")), [1, 2, 3]);
}

#[test]
fn one_whose_answer_is_lost_is_asked_again_as_it_was_and_counts_meanwhile() {
    let (mut leader, lost) = proposing();
    leader.proposal_answered(at(3), lost.id, IsrAnswer::Unknown);
    goes_on_without_3(&mut leader, at(4));
    leader.brokers_changed(at(5), &|id| all_live(id).filter(|_| id != 3));
    assert_eq!(leader.high_watermark(), 10, "the controller may have taken 3");
    let again = leader.proposal(leader.next_deadline(at(5)).expect("it rests")).expect("asked again");
    assert_eq!((members(&again), again.partition_epoch), (vec![1, 2, 3], 20));
    assert_ne!(again.id, lost.id);
}

#[test]
fn when_it_is_then_refused_the_lost_one_may_still_come_so_the_isr_that_stands_is_proposed() {
    let (mut leader, lost) = proposing();
    leader.proposal_answered(at(3), lost.id, IsrAnswer::Unknown);
    goes_on_without_3(&mut leader, at(4));
    leader.brokers_changed(at(5), &|id| all_live(id).filter(|_| id != 3));
    let again = leader.proposal(at(100)).expect("asked again");
    leader.proposal_answered(at(101), again.id, refused());
    assert_eq!(leader.high_watermark(), 10);

    let stands = leader.proposal(at(1_000)).expect("something has to raise the partition epoch");
    assert_eq!(members(&stands), [1, 2]);
    leader.proposal_answered(at(1_001), stands.id, accepted(&stands));
    assert_eq!(leader.high_watermark(), 20, "the lost one is void now");
    assert_eq!(leader.proposal(at(9_000)), None);
}

#[test]
fn an_answer_that_leaves_the_partition_epoch_leaves_the_doubt() {
    let (mut leader, lost) = proposing();
    leader.proposal_answered(at(3), lost.id, IsrAnswer::Unknown);
    goes_on_without_3(&mut leader, at(4));
    leader.brokers_changed(at(5), &|id| all_live(id).filter(|_| id != 3));
    let again = leader.proposal(at(100)).expect("asked again");
    leader.proposal_answered(at(101), again.id, refused());
    let stands = leader.proposal(at(1_000)).expect("asked for as it stands");
    let unmoved = IsrAnswer::Accepted { leader_epoch: EPOCH, partition_epoch: 20, isr: vec![1, 2] };
    leader.proposal_answered(at(1_001), stands.id, unmoved);
    assert_eq!(leader.high_watermark(), 10);
    leader.brokers_changed(at(1_002), &|id| Some(if id == 3 { 301 } else { 100 }));
    assert_eq!(leader.high_watermark(), 20, "what named the registration 300 is refused for ever");
}

#[test]
fn an_answer_of_another_leader_epoch_or_an_older_partition_epoch_is_as_good_as_lost() {
    for (leader_epoch, partition_epoch, isr) in
        [(EPOCH + 1, 30, vec![1, 2]), (EPOCH, 19, vec![1, 2]), (EPOCH, 21, vec![2, 3])]
    {
        let (mut leader, proposal) = proposing();
        let answer = IsrAnswer::Accepted { leader_epoch, partition_epoch, isr };
        leader.proposal_answered(at(3), proposal.id, answer);
        assert_eq!((leader.partition_epoch(), leader.committed_isr().count()), (20, 2));
        goes_on_without_3(&mut leader, at(4));
        assert_eq!(leader.high_watermark(), 10, "3 still counts");
    }
}

#[test]
fn an_epoch_that_has_passed_waits_for_the_image() {
    for error in [ErrorCode::InvalidUpdateVersion, ErrorCode::FencedLeaderEpoch, ErrorCode::NotController] {
        let (mut leader, proposal) = proposing();
        leader.proposal_answered(at(3), proposal.id, IsrAnswer::Refused(error));
        goes_on_without_3(&mut leader, at(4));
        assert_eq!(leader.high_watermark(), 10, "{error}");
        let told = PartitionImage { partition_epoch: 21, ..image(&[1, 2]) };
        leader.image_changed(at(5), &told, &|id| all_live(id).filter(|_| id != 3));
        assert_eq!(leader.high_watermark(), 20, "{error}");
    }
}

#[test]
fn a_newer_image_settles_it_and_its_answer_comes_too_late() {
    let (mut leader, proposal) = proposing();
    leader.image_changed(at(3), &PartitionImage { partition_epoch: 22, ..image(&[1]) }, &all_live);
    let next = leader.proposal(at(4));
    leader.proposal_answered(at(5), proposal.id, accepted(&proposal));
    assert_eq!((leader.partition_epoch(), leader.committed_isr().count()), (22, 1));
    assert_eq!(next, None, "nobody has fetched since");
}

#[test]
fn an_older_image_changes_nothing() {
    let (mut leader, _) = proposing();
    leader.image_changed(at(3), &PartitionImage { partition_epoch: 19, ..image(&[1]) }, &all_live);
    assert_eq!((leader.partition_epoch(), leader.committed_isr().count()), (20, 2));
    assert!(leader.pending_isr().is_some());
}

#[test]
fn replicas_that_an_answer_did_not_tell_come_with_the_image_of_its_epoch() {
    let (mut leader, proposal) = proposing();
    leader.proposal_answered(at(3), proposal.id, accepted(&proposal));
    let moved = PartitionImage { replicas: vec![1, 3], partition_epoch: 21, ..image(&[1, 3]) };
    leader.image_changed(at(4), &moved, &all_live);
    assert_eq!(leader.progress_of(at(4), 2), None);
    assert_eq!(leader.fetched(at(5), &checked(fetch_of(2, 10), 10)), Err(ErrorCode::NotLeaderOrFollower));
}
