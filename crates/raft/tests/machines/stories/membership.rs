//! Voters that change one by one.

use super::{commit, leader, led, led_of, others, pass, until};
use crate::cluster::Cluster;
use crate::cluster::shape::{Shape, endpoint};
use model::{ErrorCode, NodeId, Offset};
use raft::{Endpoint, Role, Voter, VoterChange, VoterChangeError};
use std::time::Duration;

fn with_spare() -> Shape {
    Shape { spares: 1, ..Shape::of(3) }
}

fn voter(cluster: &Cluster, id: NodeId) -> Voter {
    Voter { key: cluster.node(id).key(), endpoint: endpoint(id) }
}

fn add(cluster: &mut Cluster, leader: NodeId, id: NodeId) -> Result<Offset, VoterChangeError> {
    let voter = voter(cluster, id);
    cluster.act(leader, |raft, now| raft.change_voters(now, VoterChange::Add(voter)))
}

fn remove(cluster: &mut Cluster, leader: NodeId, id: NodeId) -> Result<Offset, VoterChangeError> {
    let key = cluster.node(id).key();
    cluster.act(leader, |raft, now| raft.change_voters(now, VoterChange::Remove(key)))
}

#[test]
fn an_observer_that_has_caught_up_becomes_a_voter() {
    let (mut cluster, first) = led_of(with_spare(), 51);
    until(&mut cluster, "it observes", |cluster| cluster.raft(4).role() == Role::Observer);
    pass(&mut cluster, Duration::from_secs(1));
    let offset = add(&mut cluster, first, 4).expect("it has caught up");
    until(&mut cluster, "it votes", |cluster| cluster.raft(4).role() == Role::Follower);
    until(&mut cluster, "that is committed", |cluster| cluster.raft(first).high_watermark() > offset);
    assert_eq!(cluster.raft(first).voters().majority(), 3);
}

#[test]
fn an_observer_that_lags_or_is_not_known_is_not_let_in() {
    let (mut cluster, first) = led_of(with_spare(), 52);
    cluster.crash(4);
    commit(&mut cluster, first);
    pass(&mut cluster, Duration::from_secs(3));
    assert_eq!(add(&mut cluster, first, 4), Err(VoterChangeError::NotCaughtUp));
    assert_eq!(VoterChangeError::NotCaughtUp.error_code(), ErrorCode::RequestTimedOut);
}

#[test]
fn a_node_that_is_no_controller_stays_an_observer() {
    let (mut cluster, first) = led_of(Shape { brokers: 1, ..Shape::of(3) }, 53);
    until(&mut cluster, "it has all", |cluster| {
        cluster.raft(4).high_watermark() == cluster.raft(first).high_watermark()
    });
    assert_eq!(add(&mut cluster, first, 4), Err(VoterChangeError::NotCaughtUp));
}

#[test]
fn a_second_change_waits_for_the_first() {
    let (mut cluster, first) = led_of(with_spare(), 54);
    let [other, another, _] = others(&cluster, &[first])[..] else { panic!("four nodes") };
    let offset = remove(&mut cluster, first, other).expect("it is a voter");
    assert_eq!(remove(&mut cluster, first, another), Err(VoterChangeError::ChangePending));
    until(&mut cluster, "the first is committed", |cluster| cluster.raft(first).high_watermark() > offset);
    assert_eq!(remove(&mut cluster, first, other), Err(VoterChangeError::VoterNotFound));
    assert_eq!(add(&mut cluster, first, another), Err(VoterChangeError::DuplicateVoter));
}

#[test]
fn a_removed_voter_observes_and_can_be_let_in_again() {
    let (mut cluster, first) = led(3, 55);
    let out = others(&cluster, &[first])[0];
    remove(&mut cluster, first, out).expect("it is a voter");
    until(&mut cluster, "it observes", |cluster| cluster.raft(out).role() == Role::Observer);
    pass(&mut cluster, Duration::from_secs(10));
    assert_eq!(cluster.raft(first).voters().len(), 2, "nobody lets it in unasked");
    add(&mut cluster, first, out).expect("it has caught up");
    until(&mut cluster, "it votes", |cluster| cluster.raft(out).role() == Role::Follower);
}

#[test]
fn a_voter_that_missed_its_removal_hears_of_it() {
    let (mut cluster, first) = led(3, 56);
    let out = others(&cluster, &[first])[0];
    cluster.crash(out);
    remove(&mut cluster, first, out).expect("it is a voter");
    pass(&mut cluster, Duration::from_secs(60)); // long enough for the leader to forget it
    let epoch = cluster.raft(first).epoch();
    cluster.start(out);
    until(&mut cluster, "it observes", |cluster| cluster.raft(out).role() == Role::Observer);
    assert_eq!((cluster.serving(), cluster.raft(first).epoch()), (Some(first), epoch));
}

#[test]
fn a_leader_that_is_taken_out_leads_until_that_is_committed() {
    let (mut cluster, first) = led(3, 57);
    let offset = remove(&mut cluster, first, first).expect("it is a voter");
    assert_eq!(cluster.raft(first).role(), Role::Leader);
    until(&mut cluster, "it leaves", |cluster| cluster.raft(first).role() != Role::Leader);
    assert!(cluster.raft(first).high_watermark() > offset);
    let next = leader(&mut cluster);
    assert!(next != first && !cluster.raft(next).voters().contains(cluster.node(first).key()));
    until(&mut cluster, "it observes", |cluster| {
        cluster.raft(first).high_watermark() == cluster.raft(next).high_watermark()
    });
    assert_eq!(cluster.raft(first).role(), Role::Observer);
}

#[test]
fn the_last_voter_stays() {
    let (mut cluster, only) = led(1, 58);
    assert_eq!(remove(&mut cluster, only, only), Err(VoterChangeError::LastVoter));
}

#[test]
fn one_that_does_not_lead_changes_nothing() {
    let (mut cluster, first) = led(3, 59);
    let follower = others(&cluster, &[first])[0];
    let refused = remove(&mut cluster, follower, first);
    assert_eq!(refused, Err(VoterChangeError::NotLeader(raft::NotLeader { leader: Some(first) })));
}

#[test]
fn a_voter_that_moves_is_found_at_its_new_address() {
    let (mut cluster, first) = led(3, 60);
    let moved = others(&cluster, &[first])[0];
    let elsewhere = Endpoint { host: "elsewhere".to_owned(), port: 1 };
    let voter = Voter { key: cluster.node(moved).key(), endpoint: elsewhere.clone() };
    cluster.act(first, |raft, now| raft.change_voters(now, VoterChange::UpdateEndpoint(voter))).expect("it votes");
    until(&mut cluster, "all know", |cluster| {
        cluster.ids().into_iter().all(|id| cluster.raft(id).endpoint_of(moved) == Some(&elsewhere))
    });
}

#[test]
fn a_change_that_was_cut_off_counts_no_more() {
    let (mut cluster, first) = led(5, 61);
    cluster.isolate(first);
    let out = others(&cluster, &[first])[0];
    remove(&mut cluster, first, out).expect("it still leads");
    assert_eq!(cluster.raft(first).voters().len(), 4);
    until(&mut cluster, "another leads", |cluster| cluster.serving().is_some_and(|id| id != first));
    cluster.mend();
    until(&mut cluster, "the change is gone", |cluster| cluster.raft(first).voters().len() == 5);
}

/// Its log alone can win the votes that commit its own removal: of four voters one is down, and the other two have not
/// heard of it.
#[test]
fn a_voter_that_only_its_own_log_takes_out_stands_for_election() {
    let (mut cluster, first) = led_of(with_spare(), 62);
    until(&mut cluster, "it has caught up", |cluster| add(cluster, first, 4).is_ok());
    until(&mut cluster, "there are four", |cluster| {
        cluster.ids().into_iter().all(|id| cluster.raft(id).voters().len() == 4)
    });
    pass(&mut cluster, Duration::from_secs(1));
    let out = others(&cluster, &[first])[0];
    for far in others(&cluster, &[first, out]) {
        cluster.network.cut(first, far);
    }
    let offset = remove(&mut cluster, first, out).expect("it is a voter");
    until(&mut cluster, "the one that goes has it", |cluster| cluster.node(out).disk.end() > offset);
    cluster.crash(first);
    cluster.mend();
    until(&mut cluster, "it leads", |cluster| cluster.leading() == Some(out));
    until(&mut cluster, "another leads then", |cluster| cluster.serving().is_some_and(|id| id != out));
    until(&mut cluster, "it observes", |cluster| cluster.raft(out).role() == Role::Observer);
    let next = leader(&mut cluster);
    assert_eq!(cluster.raft(next).voters().len(), 3);
}

/// One that was counted for an entry, and then was being taken out, had forgotten after a restart that it was a voter: it
/// voted for a candidate without that entry (cluster seed 947, where producer ids were given out twice).
#[test]
fn a_voter_that_is_taken_out_keeps_its_word_for_what_came_before() {
    let (mut cluster, first) = led_of(with_spare(), 63);
    until(&mut cluster, "it has caught up", |cluster| add(cluster, first, 4).is_ok());
    until(&mut cluster, "it votes", |cluster| cluster.raft(4).role() == Role::Follower);
    let (gone, away) = (others(&cluster, &[first, 4])[0], others(&cluster, &[first, 4])[1]);
    until(&mut cluster, "the change before is through", |cluster| remove(cluster, first, gone).is_ok());
    until(&mut cluster, "there are three", |cluster| {
        [first, away, 4].iter().all(|id| cluster.raft(*id).voters().len() == 3)
    });
    pass(&mut cluster, Duration::from_secs(1));
    cluster.crash(gone);
    cluster.crash(away);
    commit(&mut cluster, first);
    let offset = remove(&mut cluster, first, 4).expect("it is a voter");
    until(&mut cluster, "the one that goes has it", |cluster| cluster.node(4).disk.end() > offset);
    cluster.crash(first);
    cluster.crash(4);
    cluster.start(4);
    cluster.start(away);
    pass(&mut cluster, Duration::from_secs(20));
    assert_eq!(cluster.leading(), None, "whoever could lead has too little or counts no more");
    cluster.start(first);
    let next = leader(&mut cluster);
    until(&mut cluster, "the change is through", |cluster| cluster.raft(next).voters().len() == 2);
}
