//! Histories of clusters whose readers are told that an offset is out of range: who may be behind, and who may not.

use super::cluster_stories::{strike, three_nodes};
use super::story::{Story, partition};
use crate::checker::Class;
use crate::history::{Action, Answer, FaultKind, Fetch, Outcome};
use model::{LeaderEpoch, NodeId, Offset};

fn fetch(from: Offset, node: NodeId, leader_epoch: Option<LeaderEpoch>) -> Action {
    Action::Fetch(Fetch {
        partition: partition(),
        topic_id: None,
        from,
        continues: true,
        node: Some(node),
        leader_epoch,
    })
}

fn out_of_range(story: &mut Story, from: Offset, node: NodeId, leader_epoch: Option<LeaderEpoch>) {
    let id = story.invoke(1, fetch(from, node, leader_epoch));
    story.complete(id, Outcome::Fail("OFFSET_OUT_OF_RANGE".into()));
}

/// Records 0 to 2, of epoch 0, were read from node 1.
fn read() -> Story {
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    story.acknowledged(0, 3);
    let records = (0..3).map(|n| super::story::received(Offset::from(n), n)).collect();
    story.did(1, fetch(0, 1, None), Answer::Fetched { records, high_watermark: 3, log_start: 0 });
    story
}

#[test]
fn a_replica_may_lag_and_a_leader_of_whom_nobody_knows_the_epoch_may_be_deposed() {
    let mut story = read();
    out_of_range(&mut story, 3, 2, None);
    story.assert_clean();
}

#[test]
fn the_leader_of_a_later_epoch_has_what_was_read() {
    let mut story = read();
    out_of_range(&mut story, 3, 2, Some(1));
    story.assert_only(Class::WrongOutOfRange);
}

#[test]
fn a_node_has_what_it_told_of_unless_it_may_not_have_had_it_on_a_disk_that_is_whole() {
    for (kind, found) in
        [(FaultKind::ProcessCrash, true), (FaultKind::PowerFailure, false), (FaultKind::WipedDisk, false)]
    {
        let mut story = read();
        strike(&mut story, 1, kind);
        out_of_range(&mut story, 3, 1, None);
        if found { story.assert_only(Class::WrongOutOfRange) } else { story.assert_clean() }
    }
}
