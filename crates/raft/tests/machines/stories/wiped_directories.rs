//! Directories that are lost. A node that comes back without its own is somebody else until the others have let it in.

use super::{commit, leader, led, others, pass, until, wipe};
use raft::Role;
use std::time::Duration;

#[test]
fn a_wiped_voter_elects_nobody_while_the_leader_is_down() {
    let (mut cluster, first) = led(3, 41);
    let [wiped, behind] = others(&cluster, &[first])[..] else { panic!("three nodes") };
    // Only the leader and the one that is wiped then have the last entry.
    cluster.isolate(behind);
    commit(&mut cluster, first);
    let end = cluster.raft(first).high_watermark();
    cluster.crash(first);
    wipe(&mut cluster, wiped);
    cluster.mend();
    pass(&mut cluster, Duration::from_secs(60));
    assert_eq!(cluster.leading(), None, "{}", cluster.summary());
    assert_eq!(cluster.raft(wiped).role(), Role::Blank);
    cluster.start(first);
    leader(&mut cluster);
    until(&mut cluster, "nothing is lost", |cluster| cluster.raft(behind).high_watermark() > end);
}

#[test]
fn with_two_of_three_wiped_nobody_leads_and_nobody_founds_anew() {
    let (mut cluster, _) = led(3, 42);
    let end = cluster.raft(3).high_watermark();
    cluster.crash(1);
    cluster.crash(2);
    until(&mut cluster, "the one that is left gives up, if it led", |cluster| cluster.leading().is_none());
    cluster.wipe(1);
    cluster.wipe(2);
    cluster.start(1);
    cluster.start(2);
    pass(&mut cluster, Duration::from_secs(60));
    assert_eq!(cluster.leading(), None, "{}", cluster.summary());
    assert!([1, 2].into_iter().all(|id| cluster.raft(id).role() == Role::Blank));
    assert_eq!(cluster.raft(3).log_end_offset(), end, "what is left is kept");
    let obstacles = cluster.raft(1).founding().expect("it says why").waits_for;
    assert_eq!(obstacles.into_iter().collect::<Vec<_>>(), [(3, raft::Obstacle::Member)]);
}

#[test]
fn the_same_id_with_another_directory_is_not_that_voter() {
    let (mut cluster, first) = led(3, 43);
    let [other, wiped] = others(&cluster, &[first])[..] else { panic!("three nodes") };
    cluster.crash(other);
    wipe(&mut cluster, wiped);
    until(&mut cluster, "it observes", |cluster| cluster.raft(wiped).role() == Role::Observer);
    let offset = cluster.propose(first);
    pass(&mut cluster, Duration::from_secs(1));
    if let Some(offset) = offset {
        assert!(cluster.raft(first).high_watermark() <= offset, "one of three is no majority");
    }
    until(&mut cluster, "the leader gives up", |cluster| cluster.leading().is_none());
}

#[test]
fn a_wiped_voter_has_its_vote_again_after_two_changes() {
    let (mut cluster, first) = led(3, 44);
    let wiped = others(&cluster, &[first])[0];
    let old = cluster.node(wiped).key();
    wipe(&mut cluster, wiped);
    let new = cluster.node(wiped).key();
    until(&mut cluster, "the leader sees both", |cluster| cluster.raft(first).replaceable_voters() == [(old, new)]);
    until(&mut cluster, "the old one is out", |cluster| cluster.raft(first).voters().len() == 2);
    until(&mut cluster, "the new one is in", |cluster| cluster.raft(first).voters().contains(new));
    assert!(!cluster.raft(first).voters().contains(old));
    let third = others(&cluster, &[first, wiped])[0];
    cluster.crash(third);
    commit(&mut cluster, first); // which it could not without that vote
}

#[test]
fn the_next_leader_lets_in_whom_the_last_one_took_out() {
    for seed in 1..30 {
        let (mut cluster, first) = led(5, seed);
        let wiped = others(&cluster, &[first])[0];
        wipe(&mut cluster, wiped);
        let new = cluster.node(wiped).key();
        until(&mut cluster, "the old one is out", |cluster| cluster.raft(first).voters().len() == 4);
        cluster.crash(first);
        cluster.refuse(first);
        let next = leader(&mut cluster);
        until(&mut cluster, "the new one is in", |cluster| cluster.raft(next).voters().contains(new));
    }
}
