//! Who may lead when the ISR is small or empty: eligible leaders (KIP-966), and never just anybody.

use crate::cluster::{Cluster, topic};
use crate::configs::set_topic_config;
use controller::{Founding, Request};
use model::metadata_image::PartitionImage;
use protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};
use std::sync::Arc;

/// A topic of one partition on these brokers.
pub fn create_on(cluster: &mut Cluster, name: &str, replicas: &[i32], configs: &[(&str, &str)]) {
    let assignment =
        CreatableReplicaAssignment { partition_index: 0, broker_ids: replicas.to_vec(), ..Default::default() };
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
        ..Default::default()
    });
    let wanted = CreatableTopic { assignments: vec![assignment], configs: configs.collect(), ..topic(name, -1, -1) };
    let answer = cluster.create_topics(CreateTopicsRequest { topics: vec![wanted], ..Default::default() });
    assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
}

fn only(cluster: &Cluster) -> Arc<PartitionImage> {
    cluster.partition("t", 0)
}

/// Leader, ISR, eligible leaders.
fn told(cluster: &Cluster) -> (Option<i32>, Vec<i32>, Vec<i32>) {
    let partition = only(cluster);
    (partition.leader, partition.isr.clone(), partition.eligible_leaders.clone())
}

const TWO: (&str, &str) = ("min.insync.replicas", "2");
const PAGE_CACHE: (&str, &str) = ("flush.messages", "10000");

#[test]
fn who_leaves_an_isr_below_its_minimum_stays_eligible_until_the_minimum_is_met_again() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2, 3], &[TWO]);
    cluster.kill(3);
    assert_eq!(told(&cluster), (Some(1), vec![1, 2], vec![]), "two of two: nothing to remember");
    cluster.kill(2);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![2]));
    cluster.kill(1);
    assert_eq!(told(&cluster), (None, vec![], vec![1, 2]));
    cluster.start_broker(2);
    assert_eq!(told(&cluster), (Some(2), vec![2], vec![1]));
    cluster.start_broker(1);
    cluster.alter_isr("t", 0, &[2, 1]);
    assert_eq!(told(&cluster), (Some(2), vec![2, 1], vec![]));
}

/// The replica that came back first had not seen the last records, and led.
#[test]
fn a_replica_that_lagged_behind_does_not_lead_though_it_is_the_only_one_alive() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2, 3], &[TWO]);
    for id in [3, 2, 1] {
        cluster.kill(id);
    }
    cluster.start_broker(3);
    assert_eq!(told(&cluster), (None, vec![], vec![1, 2]), "3 was out of sync when records were committed");
}

#[test]
fn after_a_power_failure_of_every_node_journaled_partitions_come_back_with_their_last_members() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 30, 3);
    cluster.create_topic("u", 30, 1);
    cluster.fail_over();
    cluster.pass(std::time::Duration::from_secs(10));
    assert!(cluster.image().topics().flat_map(|topic| &topic.partitions).all(|partition| partition.leader.is_none()));
    for id in [2, 3, 1] {
        let request = cluster.next_life(id);
        let epoch = cluster.register_after(request, false, vec![]).broker_epoch;
        cluster.heartbeat(id, epoch, epoch);
        let mut led = cluster.image().topic("t").expect("t").partitions.iter();
        assert!(led.all(|partition| partition.leader.is_some()), "they all died at once: each has everything");
    }
    let mut rest = cluster.image().topic("u").expect("u").partitions.iter();
    assert!(rest.all(|partition| partition.leader == Some(partition.replicas[0])));
}

#[test]
fn in_page_cache_mode_an_unclean_stop_costs_the_claim() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[TWO, PAGE_CACHE]);
    cluster.kill(2);
    cluster.kill(1);
    assert_eq!(told(&cluster), (None, vec![], vec![1, 2]));
    let request = cluster.next_life(2);
    let epoch = cluster.register_after(request, false, vec![]).broker_epoch;
    cluster.heartbeat(2, epoch, epoch);
    assert_eq!(told(&cluster), (None, vec![], vec![1]), "2 may lack what 1 has");
    let request = cluster.next_life(1);
    let epoch = cluster.register_after(request, true, vec![]).broker_epoch;
    cluster.heartbeat(1, epoch, epoch);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]));
}

/// The broker had a config of its own, which the controller did not know: what was in the page cache counted as kept.
#[test]
fn a_replica_that_says_it_was_not_journaled_loses_its_claim_though_its_topic_is() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[TWO]);
    create_on(&mut cluster, "u", &[1, 2], &[TWO]);
    for id in [2, 1] {
        cluster.kill(id);
    }
    let unsynced = vec![(cluster.image().topic("t").expect("t").id, 0)];
    let request = cluster.next_life(2);
    cluster.ask(Request::RegisterBroker { request, stop_was_clean: false, unusable: vec![], unsynced });
    assert_eq!(told(&cluster), (None, vec![], vec![1]), "2 may lack what 1 has");
    assert_eq!(cluster.partition("u", 0).eligible_leaders, [1, 2], "its log is another one");
}

#[test]
fn when_every_claim_is_lost_the_last_leader_leads_again_and_nobody_else() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[PAGE_CACHE]);
    cluster.kill(1);
    cluster.kill(2);
    let come_back = |cluster: &mut Cluster, id: i32| {
        let request = cluster.next_life(id);
        let epoch = cluster.register_after(request, false, vec![]).broker_epoch;
        cluster.heartbeat(id, epoch, epoch);
    };
    come_back(&mut cluster, 1);
    assert_eq!(told(&cluster), (None, vec![], vec![2]), "2 led last, alone");
    assert_eq!(only(&cluster).last_known_eligible_leaders, [2]);
    come_back(&mut cluster, 2);
    assert_eq!(told(&cluster), (Some(2), vec![2], vec![]));
    assert!(only(&cluster).last_known_eligible_leaders.is_empty());
}

#[test]
fn a_lower_minimum_takes_the_eligible_leaders_away_in_the_same_entry() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[TWO]);
    cluster.kill(2);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![2]));
    let end = cluster.image().end_offset();
    set_topic_config(&mut cluster, "t", "min.insync.replicas", "1");
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]), "1 commits alone now, so 2 lacks something soon");
    assert_eq!(cluster.image().end_offset(), end + 1);
    set_topic_config(&mut cluster, "t", "min.insync.replicas", "2");
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]));
}

#[test]
fn a_topic_that_allows_it_is_led_by_whoever_is_alive() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    create_on(&mut cluster, "t", &[1, 2], &[]);
    cluster.kill(2);
    cluster.kill(1);
    cluster.start_broker(2);
    assert_eq!(told(&cluster), (None, vec![], vec![1]));
    set_topic_config(&mut cluster, "t", "unclean.leader.election.enable", "true");
    assert_eq!(told(&cluster), (Some(2), vec![2], vec![]), "1 must follow 2 now");
}

#[test]
fn without_the_feature_the_last_members_stay_in_the_isr() {
    let mut cluster = Cluster::empty(&[]);
    let features = vec![("eligible.leader.replicas.version".to_owned(), 0)];
    cluster.ask(Request::Found(Founding { features, ..Founding::new(crate::cluster::CLUSTER) }));
    for id in 1..=3 {
        cluster.start_broker(id);
    }
    create_on(&mut cluster, "t", &[1, 2, 3], &[TWO]);
    cluster.kill(3);
    cluster.kill(2);
    cluster.kill(1);
    assert_eq!(told(&cluster), (None, vec![1], vec![]));
    cluster.start_broker(2);
    assert_eq!(told(&cluster), (None, vec![1], vec![]));
    set_level(&mut cluster, 1, 1);
    assert_eq!(told(&cluster), (None, vec![], vec![1]), "the last member is eligible");
    set_level(&mut cluster, 0, 2);
    assert_eq!(told(&cluster), (None, vec![1], vec![]), "and a member again");
    cluster.start_broker(1);
    assert_eq!(told(&cluster), (Some(1), vec![1], vec![]));
}

fn set_level(cluster: &mut Cluster, level: i16, upgrade_type: i8) {
    let update = FeatureUpdateKey {
        feature: "eligible.leader.replicas.version".into(),
        max_version_level: level,
        upgrade_type,
        ..Default::default()
    };
    let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
    match cluster.ask(Request::UpdateFeatures(request)) {
        controller::Reply::UpdateFeatures(answer) => assert_eq!(answer.error_code, 0, "{answer:?}"),
        other => panic!("{other:?}"),
    }
}
