//! Histories of clusters: what one node that fails may take away, and what two may; and what may be said by a node that
//! does not know yet.

use super::story::{Story, partition, received};
use crate::checker::Class;
use crate::history::{
    Acks, Action, Answer, CreateTopic, FaultKind, FaultNature, ListOffsets, Member, OffsetQuery, Outcome, Produce,
    Received,
};
use model::{NodeId, Offset};
use std::collections::BTreeMap;

/// Three nodes, and topic `t` on all of them, without retention.
pub fn three_nodes(pairs: &[(&str, &str)]) -> Story {
    replicated(3, pairs)
}

/// Three nodes, of which so many have the partition.
pub fn replicated(replicas: i16, pairs: &[(&str, &str)]) -> Story {
    let mut story = Story::new();
    story.recorder.members((1..=3).map(|node| Member { node, votes: true, rack: None }).collect());
    let mut configs: BTreeMap<String, String> = BTreeMap::from([("retention.ms".into(), "-1".into())]);
    configs.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let create = CreateTopic { topic: "t".into(), partitions: 1, replicas, configs };
    story.did(9, Action::CreateTopic(create), Answer::Created { topic_id: None });
    story
}

pub fn strike(story: &mut Story, node: NodeId, kind: FaultKind) -> usize {
    let nature = FaultNature { kind, node, file: None, partition: None, detail: String::new() };
    let at = story.at();
    let fault = story.recorder.fault_begins(at, nature);
    story.recorder.fault_ends(at, fault);
    fault
}

fn repair(story: &mut Story, fault: usize) {
    let at = story.at();
    story.recorder.fault_repaired(at, fault);
}

const PAGE_CACHE: [(&str, &str); 2] = [("flush.messages", "1000"), ("min.insync.replicas", "2")];

#[test]
fn power_that_fails_on_one_of_two_in_sync_takes_nothing() {
    let mut story = three_nodes(&PAGE_CACHE);
    story.acknowledged(0, 2);
    strike(&mut story, 1, FaultKind::PowerFailure);
    story.healed();
    story.scan(0, 1, &[(0, 0)]);
    story.assert_finds(Class::LostWrite);
}

#[test]
fn power_that_fails_on_both_takes_what_was_in_memory() {
    let mut story = three_nodes(&PAGE_CACHE);
    story.acknowledged(0, 2);
    strike(&mut story, 1, FaultKind::PowerFailure);
    strike(&mut story, 2, FaultKind::PowerFailure);
    story.healed();
    story.scan(0, 1, &[(0, 0)]);
    story.assert_clean();
}

#[test]
fn a_node_that_was_in_sync_again_before_the_next_one_failed_counts_no_more() {
    let mut story = three_nodes(&PAGE_CACHE);
    story.acknowledged(0, 2);
    let first = strike(&mut story, 1, FaultKind::PowerFailure);
    repair(&mut story, first);
    strike(&mut story, 2, FaultKind::PowerFailure);
    story.healed();
    story.scan(0, 1, &[(0, 0)]);
    story.assert_finds(Class::LostWrite);
}

#[test]
fn power_that_fails_everywhere_takes_nothing_from_a_journal() {
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    story.acknowledged(0, 2);
    for node in 1..=3 {
        strike(&mut story, node, FaultKind::PowerFailure);
    }
    story.healed();
    story.scan(0, 1, &[(0, 0)]);
    story.assert_finds(Class::LostWrite);
}

#[test]
fn with_one_in_sync_its_disk_alone_may_take_everything() {
    let mut story = three_nodes(&[]);
    story.acknowledged(0, 2);
    strike(&mut story, 1, FaultKind::WipedDisk);
    story.healed();
    story.scan(0, 1, &[(0, 0)]);
    story.assert_clean();
}

/// What was acknowledged in a journal was copied to other nodes once the topic was in page caches, and those lost power
/// (seed 838 of the cluster profile).
#[test]
fn a_partition_that_moved_has_copies_of_the_settings_of_that_time() {
    for moved in [false, true] {
        let mut story = three_nodes(&[("min.insync.replicas", "2")]);
        story.acknowledged(0, 2);
        story.alter("flush.messages", Some("1000"));
        if moved {
            story.did(9, Action::Reassign { partition: partition(), replicas: vec![3, 1, 2] }, Answer::Done);
        }
        for node in 1..=3 {
            strike(&mut story, node, FaultKind::PowerFailure);
        }
        story.healed();
        story.scan(0, 1, &[(0, 0)]);
        if moved { story.assert_clean() } else { story.assert_finds(Class::LostWrite) }
    }
}

fn produce_to_the_leader_alone(story: &mut Story, number: u32, base: i64) {
    let records = vec![super::story::sent(number)];
    let produce = Produce { partition: partition(), topic_id: None, acks: Acks::Leader, one_batch: true, records };
    story.did(0, Action::Produce(produce), Answer::Produced { base_offset: Some(base) });
}

#[test]
fn what_one_leader_acknowledged_may_go_until_somebody_has_read_it() {
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    produce_to_the_leader_alone(&mut story, 0, 0);
    story.healed();
    story.scan(0, 0, &[]);
    story.assert_clean();
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    produce_to_the_leader_alone(&mut story, 0, 0);
    story.poll(1, 0, &[(0, 0)], 1);
    story.healed();
    story.scan(0, 0, &[]);
    story.assert_finds(Class::LostWrite);
}

/// One copy was enough since then, and its disk was lost (seed 304 of the cluster profile).
#[test]
fn a_partition_whose_minimum_was_lowered_may_be_lost_with_one_copy() {
    for (lowered, found) in [(false, true), (true, false)] {
        let mut story = three_nodes(&[("min.insync.replicas", "2")]);
        story.acknowledged(0, 1);
        if lowered {
            story.alter("min.insync.replicas", None);
        }
        strike(&mut story, 1, FaultKind::WipedDisk);
        story.healed();
        let wait = story.invoke(8, Action::AwaitLeader { partition: partition() });
        story.complete(wait, Outcome::Fail("no leader".into()));
        if found { story.assert_finds(Class::Unavailable) } else { story.assert_clean() }
    }
}

/// A write of a record that no other is.
fn one_more(acks: Acks) -> Action {
    let records = vec![super::story::sent(7)];
    Action::Produce(Produce { partition: partition(), topic_id: None, acks, one_batch: true, records })
}

/// Cut off, it still took writes with acks=1 when the new leader's had been read (seed 214 of the cluster profile).
#[test]
fn a_leader_that_was_deposed_acknowledges_alone_what_goes() {
    for (acks, found) in [(Acks::Leader, false), (Acks::All, true)] {
        let mut story = three_nodes(&[("min.insync.replicas", "2")]);
        story.acknowledged(0, 1);
        story.poll(1, 0, &[(0, 0)], 1);
        story.did(2, one_more(acks), Answer::Produced { base_offset: Some(0) });
        story.healed();
        story.scan(0, 1, &[(0, 0)]);
        if found { story.assert_finds(Class::InconsistentOffsets) } else { story.assert_clean() }
    }
}

/// A lone replica that moves has another beside it for a while (seed 227 of the groups profile).
#[test]
fn a_lone_leader_that_is_moved_away_acknowledges_alone_what_goes() {
    for (acks, moves, found) in [(Acks::Leader, true, false), (Acks::Leader, false, true), (Acks::All, true, true)] {
        let mut story = replicated(1, &[]);
        story.acknowledged(0, 1);
        if moves {
            story.did(9, Action::Reassign { partition: partition(), replicas: vec![3] }, Answer::Done);
        }
        story.did(2, one_more(acks), Answer::Produced { base_offset: Some(1) });
        story.healed();
        story.scan(0, 1, &[(0, 0)]);
        if found { story.assert_finds(Class::LostWrite) } else { story.assert_clean() }
    }
}

/// The answer was lost, retention deleted the record, and then the partition moved to a node that had never had it (seed
/// 658 of the cluster profile).
#[test]
fn a_record_that_was_deleted_before_its_partition_moved_may_come_again() {
    for moves in [true, false] {
        let mut story = replicated(1, &[("retention.bytes", "1")]);
        let again = story.produce(0, 1);
        story.poll(1, 0, &[(0, 0)], 1);
        if moves {
            story.did(9, Action::Reassign { partition: partition(), replicas: vec![3] }, Answer::Done);
        }
        story.acknowledge(again, 1);
        story.healed();
        story.scan(1, 2, &[(1, 0)]);
        if moves { story.assert_clean() } else { story.assert_finds(Class::Duplicate) }
    }
}

/// The same, and the topic was deleted before anybody asked where its log began (seed 239 of groups).
#[test]
fn a_record_that_may_have_been_deleted_before_its_partition_moved_may_come_again() {
    for deletes in [true, false] {
        let mut story = replicated(2, &[]);
        let again = story.produce(0, 1);
        story.poll(1, 0, &[(0, 0)], 1);
        if deletes {
            story.delete_records(1, 1);
        }
        story.did(9, Action::Reassign { partition: partition(), replicas: vec![2, 3] }, Answer::Done);
        story.poll(1, 1, &[(1, 0)], 2);
        story.complete(again, Outcome::Unknown("not delivered in time".into()));
        story.delete_topic();
        story.healed();
        if deletes { story.assert_clean() } else { story.assert_finds(Class::Duplicate) }
    }
}

fn end_in_epoch(story: &mut Story, offset: i64, epoch: i32) {
    let list = ListOffsets { partition: partition(), query: OffsetQuery::Latest };
    story.did(8, Action::ListOffsets(list), Answer::Offset { offset, timestamp: -1, epoch });
}

#[test]
fn a_leader_that_was_deposed_tells_an_old_end_and_a_new_one_must_not() {
    for (epoch_of_answer, found) in [(0, false), (1, true)] {
        let mut story = three_nodes(&[("min.insync.replicas", "2")]);
        story.acknowledged(0, 2);
        end_in_epoch(&mut story, 1, epoch_of_answer);
        story.healed();
        let records: Vec<Received> = vec![received(0, 0), Received { epoch: 1, ..received(1, 1) }];
        story.scanned(Answer::Scanned { log_start: 0, end: 2, records });
        if found { story.assert_only(Class::WrongOffsetLookup) } else { story.assert_clean() }
    }
}

#[test]
fn a_partition_without_a_leader_in_time_is_unavailable_unless_too_many_copies_were_hit() {
    for (hit, found) in [(&[1][..], true), (&[1, 2], false)] {
        let mut story = three_nodes(&[("min.insync.replicas", "2")]);
        story.acknowledged(0, 1);
        for node in hit {
            strike(&mut story, *node, FaultKind::WipedDisk);
        }
        story.healed();
        let id = story.invoke(0, Action::AwaitLeader { partition: partition() });
        story.complete(id, Outcome::Fail("no leader serves after 10s".into()));
        if found { story.assert_finds(Class::Unavailable) } else { story.assert_clean() }
    }
}

/// The only copy that was missing was on a node that refuses to start, with its metadata rotten.
#[test]
fn where_all_copies_must_be_in_sync_one_that_stays_away_is_enough() {
    for (least, found) in [("2", true), ("3", false)] {
        let mut story = three_nodes(&[("min.insync.replicas", least)]);
        story.acknowledged(0, 1);
        strike(&mut story, 1, FaultKind::RotAtRest);
        story.healed();
        awaits_in_vain(&mut story, Action::AwaitLeader { partition: partition() });
        if found { story.assert_finds(Class::Unavailable) } else { story.assert_clean() }
    }
}

#[test]
fn topics_that_a_lagging_node_does_not_know_are_lost_only_when_all_is_well() {
    let mut story = three_nodes(&[]);
    story.topics(&[]);
    story.assert_clean();
    story.healed();
    story.topics(&[]);
    story.assert_only(Class::LostTopic);
}

pub fn awaits_in_vain(story: &mut Story, action: Action) {
    let operation = story.invoke(9, action);
    story.complete(operation, Outcome::Fail("not in time".into()));
}

fn nobody_is_in_sync(story: &mut Story) {
    awaits_in_vain(story, Action::AwaitInSync { partition: partition(), nodes: vec![1, 2, 3] });
}

#[test]
fn with_all_copies_wiped_nobody_leads_and_nobody_is_in_sync() {
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    story.acknowledged(0, 1);
    strike(&mut story, 1, FaultKind::WipedDisk);
    strike(&mut story, 2, FaultKind::WipedDisk);
    awaits_in_vain(&mut story, Action::AwaitLeader { partition: partition() });
    nobody_is_in_sync(&mut story);
    story.assert_clean();
}

#[test]
fn with_a_leader_all_copies_come_back_in_sync_even_those_that_were_wiped() {
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    story.acknowledged(0, 1);
    strike(&mut story, 1, FaultKind::WipedDisk);
    strike(&mut story, 2, FaultKind::WipedDisk);
    nobody_is_in_sync(&mut story);
    story.assert_only(Class::Unavailable);
}

#[test]
fn with_one_copy_wiped_another_leads() {
    let mut story = three_nodes(&[("min.insync.replicas", "2")]);
    story.acknowledged(0, 1);
    strike(&mut story, 1, FaultKind::WipedDisk);
    awaits_in_vain(&mut story, Action::AwaitLeader { partition: partition() });
    story.assert_only(Class::Unavailable);
}

/// The log starts at 2 for a reader, and at 0 in the end; a deletion up to `before` was asked for in between, and answered
/// well or not at all.
fn log_start_taken_back(before: Offset, answered: bool) -> Story {
    let mut story = three_nodes(&[]);
    story.acknowledged(0, 3);
    let deletion = story.invoke(9, Action::DeleteRecords { partition: partition(), before });
    story.list(OffsetQuery::Earliest, 2, -1);
    let outcome = match answered {
        true => Outcome::Ok(Answer::RecordsDeleted { log_start: 2 }),
        false => Outcome::Unknown("NOT_LEADER_OR_FOLLOWER".into()),
    };
    story.complete(deletion, outcome);
    story.healed();
    story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
    story
}

#[test]
fn a_log_start_may_be_taken_back_while_its_deletion_is_not_answered() {
    log_start_taken_back(2, false).assert_clean();
    log_start_taken_back(-1, false).assert_clean();
}

#[test]
fn a_log_start_that_nobody_asked_for_may_not_be_taken_back() {
    log_start_taken_back(1, false).assert_finds(Class::LogStartRegress);
}

#[test]
fn a_log_start_may_not_be_taken_back_once_its_deletion_is_answered() {
    let story = log_start_taken_back(2, true);
    story.assert_finds(Class::LogStartRegress);
    story.assert_finds(Class::DeletedReturned);
}

#[test]
fn a_topic_that_was_there_before_may_have_several_copies() {
    for (nodes, found) in [(3, false), (1, true)] {
        let mut story = Story::new();
        story.recorder.members((1..=nodes).map(|node| Member { node, votes: true, rack: None }).collect());
        produce_to_the_leader_alone(&mut story, 0, 0);
        story.healed();
        story.scan(0, 0, &[]);
        if found { story.assert_finds(Class::LostWrite) } else { story.assert_clean() }
    }
}
