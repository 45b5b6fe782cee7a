//! AlterPartition: a leader asks for another ISR, and every way in which it may be wrong.

use crate::cluster::{Cluster, error};
use crate::eligible_leaders::create_on;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::alter_partition::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use protocol::messages::delete_topics::DeleteTopicsRequest;

fn three() -> Cluster {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2, 3], &[]);
    cluster
}

fn refused(cluster: &mut Cluster, leader: i32, wanted: PartitionData) -> ErrorCode {
    let before = cluster.image().clone();
    let answer = cluster.alter_partition(leader, wanted);
    let code = error(answer.topics[0].partitions[0].error_code);
    assert!(!code.is_none());
    assert_eq!(*cluster.image(), before, "what is refused changes nothing");
    code
}

#[test]
fn a_leader_shrinks_and_expands_its_isr_and_is_told_what_came_of_it() {
    let mut cluster = three();
    let answer = cluster.alter_partition(1, cluster.isr_change("t", 0, &[1, 3]));
    let told = &answer.topics[0].partitions[0];
    assert_eq!((told.error_code, told.leader_id, told.leader_epoch, told.partition_epoch), (0, 1, 0, 1));
    assert_eq!((told.isr.as_slice(), cluster.partition("t", 0).isr.as_slice()), (&[1, 3][..], &[1, 3][..]));
    cluster.alter_isr("t", 0, &[1, 3, 2]);
}

/// A change that was lost arrived after the leader had gone back to the ISR it had, and nobody knew of it.
#[test]
fn the_isr_that_stands_is_a_change_too_and_voids_an_earlier_one_that_is_late() {
    let mut cluster = three();
    let late = cluster.isr_change("t", 0, &[1, 2]);
    cluster.alter_isr("t", 0, &[1, 2, 3]);
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.partition_epoch, partition.leader_epoch), (1, 0));
    assert_eq!(refused(&mut cluster, 1, late), ErrorCode::InvalidUpdateVersion);
}

#[test]
fn epochs_decide_who_is_behind_the_leader_or_the_controller() {
    let mut cluster = three();
    cluster.alter_isr("t", 0, &[1, 2]);
    let right = cluster.isr_change("t", 0, &[1]);
    let with =
        |leader_epoch: i32, partition_epoch: i32| PartitionData { leader_epoch, partition_epoch, ..right.clone() };
    assert_eq!(refused(&mut cluster, 1, with(0, 0)), ErrorCode::InvalidUpdateVersion);
    assert_eq!(refused(&mut cluster, 1, with(0, 2)), ErrorCode::NotController);
    assert_eq!(refused(&mut cluster, 1, with(1, 1)), ErrorCode::NotController);
    assert_eq!(refused(&mut cluster, 1, with(-1, 1)), ErrorCode::FencedLeaderEpoch);
    assert_eq!(refused(&mut cluster, 2, with(0, 1)), ErrorCode::InvalidRequest, "2 does not lead");
}

#[test]
fn an_isr_is_of_replicas_each_once_with_the_leader_and_nobody_recovers() {
    let mut cluster = three();
    for isr in [&[][..], &[2, 3], &[1, 1], &[1, 9]] {
        let wanted = cluster.isr_change("t", 0, isr);
        assert_eq!(refused(&mut cluster, 1, wanted), ErrorCode::InvalidRequest, "{isr:?}");
    }
    let recovering = PartitionData { leader_recovery_state: 1, ..cluster.isr_change("t", 0, &[1]) };
    assert_eq!(refused(&mut cluster, 1, recovering), ErrorCode::InvalidRequest);
    let unknown = PartitionData { partition_index: 5, ..cluster.isr_change("t", 0, &[1]) };
    assert_eq!(refused(&mut cluster, 1, unknown), ErrorCode::UnknownTopicOrPartition);
}

/// The leader saw a follower catch up that was wiped before the change arrived.
#[test]
fn a_replica_joins_only_in_the_life_in_which_it_caught_up() {
    let mut cluster = three();
    cluster.start_broker(3);
    let seen = cluster.isr_change("t", 0, &[1, 2, 3]);
    cluster.start_broker(3);
    assert_eq!(cluster.partition("t", 0).partition_epoch, seen.partition_epoch);
    assert_eq!(refused(&mut cluster, 1, seen.clone()), ErrorCode::IneligibleReplica);
    let any = BrokerState { broker_id: 3, broker_epoch: -1, ..Default::default() };
    let mut unsaid = seen;
    *unsaid.new_isr_with_epochs.last_mut().expect("three") = any;
    assert_eq!(cluster.alter_partition(1, unsaid).topics[0].partitions[0].error_code, 0, "as in version 2");
}

#[test]
fn a_replica_that_is_fenced_or_about_to_stop_does_not_join() {
    let mut cluster = three();
    cluster.kill(3);
    assert_eq!(cluster.try_alter_isr("t", 0, &[1, 2, 3]), ErrorCode::IneligibleReplica);
    cluster.start_broker(3);
    create_on(&mut cluster, "led-by-3", &[3], &[]);
    assert!(!cluster.ask_to_stop(3).should_shut_down);
    assert_eq!(cluster.try_alter_isr("t", 0, &[1, 2, 3]), ErrorCode::IneligibleReplica);
}

#[test]
fn version_2_names_members_without_epochs() {
    let mut cluster = three();
    let members = PartitionData { new_isr: vec![1, 2], new_isr_with_epochs: vec![], ..cluster.isr_change("t", 0, &[]) };
    assert_eq!(cluster.alter_partition(1, members).topics[0].partitions[0].error_code, 0);
    assert_eq!(cluster.partition("t", 0).isr, [1, 2]);
}

#[test]
fn a_past_life_of_the_leader_is_stale_altogether() {
    let mut cluster = three();
    let request = AlterPartitionRequest { broker_id: 1, broker_epoch: cluster.epoch(1), ..Default::default() };
    cluster.start_broker(1);
    match cluster.ask(Request::AlterPartition(request)) {
        Reply::AlterPartition(answer) => assert_eq!(error(answer.error_code), ErrorCode::StaleBrokerEpoch),
        other => panic!("{other:?}"),
    }
}

/// A topic that was deleted and made again took an ISR that was meant for the one before it.
#[test]
fn a_late_change_does_not_reach_a_later_topic_of_the_same_name() {
    let mut cluster = three();
    let late = cluster.isr_change("t", 0, &[1]);
    let topic_id = cluster.image().topic("t").expect("known").id;
    let topic_names = vec!["t".into()];
    cluster.ask(Request::DeleteTopics(DeleteTopicsRequest { topic_names, ..Default::default() }));
    create_on(&mut cluster, "t", &[1, 2, 3], &[]);
    let topics = vec![TopicData { topic_id, partitions: vec![late], ..Default::default() }];
    let broker_epoch = cluster.epoch(1);
    let request = AlterPartitionRequest { broker_id: 1, broker_epoch, topics, ..Default::default() };
    match cluster.ask(Request::AlterPartition(request)) {
        Reply::AlterPartition(answer) => {
            assert_eq!(error(answer.topics[0].partitions[0].error_code), ErrorCode::UnknownTopicId);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.partition("t", 0).isr, [1, 2, 3]);
}

#[test]
fn a_partition_named_twice_changes_once() {
    let mut cluster = three();
    let wanted = cluster.isr_change("t", 0, &[1, 2]);
    let topic_id = cluster.image().topic("t").expect("known").id;
    let topics = vec![TopicData { topic_id, partitions: vec![wanted.clone(), wanted], ..Default::default() }];
    let broker_epoch = cluster.epoch(1);
    let request = AlterPartitionRequest { broker_id: 1, broker_epoch, topics, ..Default::default() };
    match cluster.ask(Request::AlterPartition(request)) {
        Reply::AlterPartition(answer) => {
            let codes = answer.topics[0].partitions.iter().map(|partition| error(partition.error_code));
            assert_eq!(codes.collect::<Vec<_>>(), [ErrorCode::None, ErrorCode::InvalidUpdateVersion]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.partition("t", 0).partition_epoch, 1);
}
