//! Elections that an administrator asks for, and leadership that returns by itself.

use crate::cluster::{Cluster, error, is_text};
use crate::eligible_leaders::create_on;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, ReplicaElectionResult, TopicPartitions,
};
use std::time::Duration;

const PREFERRED: i8 = 0;
pub const UNCLEAN: i8 = 1;

fn elect(cluster: &mut Cluster, election_type: i8, named: Option<(&str, i32)>) -> ElectLeadersResponse {
    let topic_partitions = named.map(|(topic, number)| {
        vec![TopicPartitions { topic: topic.into(), partitions: vec![number], ..Default::default() }]
    });
    let request = ElectLeadersRequest { election_type, topic_partitions, ..Default::default() };
    match cluster.ask(Request::ElectLeaders(request)) {
        Reply::ElectLeaders(answer) => answer,
        other => panic!("{other:?}"),
    }
}

pub fn elect_one(cluster: &mut Cluster, election_type: i8, topic: &str, number: i32) -> ErrorCode {
    let answer = elect(cluster, election_type, Some((topic, number)));
    let told = &answer.replica_election_results[0].partition_result[0];
    assert_eq!(is_text(&told.error_message), told.error_code != 0);
    error(told.error_code)
}

fn leader(cluster: &Cluster, topic: &str) -> Option<i32> {
    cluster.partition(topic, 0).leader
}

#[test]
fn leadership_returns_to_the_preferred_replica_when_it_is_in_sync() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    assert_eq!(elect_one(&mut cluster, PREFERRED, "t", 0), ErrorCode::ElectionNotNeeded);
    cluster.start_broker(1);
    assert_eq!(elect_one(&mut cluster, PREFERRED, "t", 0), ErrorCode::PreferredLeaderNotAvailable);
    cluster.alter_isr("t", 0, &[2, 1]);
    assert_eq!((leader(&cluster, "t"), elect_one(&mut cluster, PREFERRED, "t", 0)), (Some(2), ErrorCode::None));
    assert_eq!((leader(&cluster, "t"), cluster.partition("t", 0).leader_epoch), (Some(1), 2));
}

#[test]
fn an_unclean_election_is_for_partitions_that_nobody_leads() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    assert_eq!(elect_one(&mut cluster, UNCLEAN, "t", 0), ErrorCode::ElectionNotNeeded);
    cluster.kill(2);
    cluster.kill(1);
    assert_eq!(elect_one(&mut cluster, UNCLEAN, "t", 0), ErrorCode::EligibleLeadersNotAvailable);
    cluster.start_broker(2);
    assert_eq!((leader(&cluster, "t"), elect_one(&mut cluster, UNCLEAN, "t", 0)), (None, ErrorCode::None));
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(2), &[2][..]));
    assert!(partition.eligible_leaders.is_empty(), "who had more must follow now");
}

#[test]
fn what_there_is_not_and_types_there_are_not_are_refused() {
    let mut cluster = Cluster::of(&[1]);
    create_on(&mut cluster, "t", &[1], &[]);
    assert_eq!(elect_one(&mut cluster, PREFERRED, "t", 5), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(elect_one(&mut cluster, PREFERRED, "nope", 0), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(elect_one(&mut cluster, 9, "t", 0), ErrorCode::InvalidRequest);
    assert_eq!(error(elect(&mut cluster, 9, Some(("t", 0))).error_code), ErrorCode::InvalidRequest);
    let everywhere = elect(&mut cluster, 9, None);
    assert_eq!(error(everywhere.error_code), ErrorCode::InvalidRequest);
    assert!(everywhere.replica_election_results.is_empty(), "nobody was named");
}

#[test]
fn with_no_partition_named_all_topics_are_told_but_none_of_their_idle_partitions() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    for (name, replicas) in [("behind", [1, 2]), ("away", [1, 3]), ("at-home", [2, 3])] {
        create_on(&mut cluster, name, &replicas, &[]);
    }
    cluster.start_broker(1);
    let id = cluster.image().topic("away").expect("known").id;
    assert_eq!(cluster.alter_isr_of(id, "away", &[3, 1]), ErrorCode::None);
    let answer = elect(&mut cluster, PREFERRED, None);
    let code = |topic: &ReplicaElectionResult| topic.partition_result.first().map(|told| error(told.error_code));
    let told: Vec<_> = answer.replica_election_results.iter().map(|topic| (&*topic.topic, code(topic))).collect();
    let behind = ErrorCode::PreferredLeaderNotAvailable;
    assert_eq!(told, [("at-home", None), ("away", Some(ErrorCode::None)), ("behind", Some(behind))]);
    assert_eq!((leader(&cluster, "away"), leader(&cluster, "behind")), (Some(1), Some(2)));
}

#[test]
fn leadership_returns_by_itself_every_five_minutes() {
    let mut cluster = Cluster::of(&[1, 2]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    cluster.start_broker(1);
    cluster.alter_isr("t", 0, &[2, 1]);
    let seconds = |cluster: &mut Cluster, count: u64| {
        for _ in 0..count / 5 {
            cluster.pass(Duration::from_secs(5));
            cluster.beat_of(1);
            cluster.beat_of(2);
        }
    };
    seconds(&mut cluster, 295);
    assert_eq!(leader(&cluster, "t"), Some(2));
    seconds(&mut cluster, 10);
    assert_eq!(leader(&cluster, "t"), Some(1));
}

#[test]
fn leadership_does_not_return_by_itself_where_that_is_switched_off() {
    let mut cluster = Cluster::with_configs(&[1, 2], &[("auto.leader.rebalance.enable", "false")]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    cluster.start_broker(1);
    cluster.alter_isr("t", 0, &[2, 1]);
    for _ in 0..100 {
        cluster.pass(Duration::from_secs(5));
        cluster.beat_of(1);
        cluster.beat_of(2);
    }
    assert_eq!(leader(&cluster, "t"), Some(2));
}
