//! Long random histories: after every request the log replays to equal hard state (checked by the cluster itself), and
//! what must always hold holds.

use crate::cluster::{Cluster, topic};
use controller::Request;
use model::NodeId;
use model::metadata_image::MetadataImage;
use protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_topics::CreateTopicsRequest;
use protocol::messages::delete_topics::DeleteTopicsRequest;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use std::collections::BTreeMap;

const BROKERS: [NodeId; 4] = [1, 2, 3, 4];
const TOPICS: [&str; 5] = ["a", "b", "c", "d", "e"];

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

fn step(cluster: &mut Cluster, dice: &mut Dice) {
    let name = dice.one_of(&TOPICS);
    let broker = dice.one_of(&BROKERS);
    let epoch = cluster.image().broker(broker).map_or(-1, |broker| broker.epoch);
    match dice.below(7) {
        0 => {
            let topics = vec![topic(name, dice.below(4) as i32, dice.below(5) as i16)];
            cluster.create_topics(CreateTopicsRequest { topics, ..Default::default() });
        }
        1 => {
            let topic_names = vec![name.into()];
            cluster.ask(Request::DeleteTopics(DeleteTopicsRequest { topic_names, ..Default::default() }));
        }
        2 => {
            let count = dice.below(8) as i32;
            let topics =
                vec![CreatePartitionsTopic { name: name.into(), count, assignments: None, ..Default::default() }];
            cluster.ask(Request::CreatePartitions(CreatePartitionsRequest { topics, ..Default::default() }));
        }
        3 => {
            let value = (dice.below(3) > 0).then(|| dice.below(1000).to_string());
            let config_operation = i8::from(value.is_none());
            let value = value.map(Into::into);
            let change = AlterableConfig { name: "retention.ms".into(), config_operation, value, ..Default::default() };
            let resource = AlterConfigsResource {
                resource_type: 2,
                resource_name: name.into(),
                configs: vec![change],
                ..Default::default()
            };
            let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
            cluster.ask(Request::IncrementalAlterConfigs(request));
        }
        4 => {
            cluster.register(broker);
        }
        5 => {
            cluster.fence(broker, epoch);
        }
        _ => {
            let end = cluster.image().end_offset();
            cluster.heartbeat(broker, epoch, end);
        }
    }
}

/// What holds of every image.
fn check(image: &MetadataImage) {
    for topic in image.topics() {
        for partition in &topic.partitions {
            let sound = !partition.isr.is_empty()
                && partition.isr.iter().all(|member| partition.replicas.contains(member))
                && partition.leader.is_none_or(|leader| partition.isr.contains(&leader))
                && partition.directories.len() == partition.replicas.len();
            assert!(sound, "{}: {partition:?}", topic.name);
            let lone = |member: &NodeId| image.is_unfenced(*member) || partition.isr.len() == 1;
            assert!(partition.isr.iter().all(lone), "a fenced broker is in no ISR but its own: {partition:?}");
            let could_lead = partition.isr.iter().any(|member| image.is_unfenced(*member));
            assert!(!could_lead || partition.leader.is_some(), "someone may lead, and nobody does: {partition:?}");
        }
    }
}

/// Epochs of a partition never go back, and a new leader has a new epoch.
fn check_epochs(before: &MetadataImage, after: &MetadataImage) {
    for topic in after.topics() {
        let Some(old) = before.topic_by_id(topic.id) else { continue };
        for (was, is) in old.partitions.iter().zip(&topic.partitions) {
            assert!(is.leader_epoch >= was.leader_epoch && is.partition_epoch >= was.partition_epoch);
            assert!(is == was || is.partition_epoch > was.partition_epoch, "{was:?} {is:?}");
            assert!(is.leader == was.leader || is.leader_epoch > was.leader_epoch, "{was:?} {is:?}");
        }
    }
}

#[test]
fn two_hundred_random_histories_replay_to_equal_hard_state() {
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut cluster = Cluster::of(&BROKERS[..1 + dice.below(4) as usize]);
        for _ in 0..60 {
            let before = cluster.image().clone();
            step(&mut cluster, &mut dice);
            check(cluster.image());
            check_epochs(&before, cluster.image());
            let partitions = || cluster.image().topics().flat_map(|topic| &topic.partitions);
            *reached.entry("without a leader").or_default() += partitions().filter(|p| p.leader.is_none()).count();
            *reached.entry("out of sync").or_default() +=
                partitions().filter(|p| p.isr.len() < p.replicas.len()).count();
            *reached.entry("in sync").or_default() += partitions().filter(|p| p.isr.len() > 1).count();
        }
    }
    assert!(reached.values().all(|count| *count > 100), "the histories are too tame: {reached:?}");
}
