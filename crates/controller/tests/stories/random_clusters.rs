//! Clusters of three to seven brokers under random requests, deaths, power failures, wiped disks, delays and changes of
//! the controller. After every step the log replays to equal hard state (checked by the cluster itself), every replica
//! that may lead without loss has all that was committed, and what must always hold holds.

use crate::cluster::topic;
use crate::nodes::{Key, Nodes, is_journaled};
use controller::{Founding, Request};
use model::NodeId;
use model::metadata_image::{MetadataImage, PartitionImage};
use protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::delete_topics::DeleteTopicsRequest;
use protocol::messages::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use protocol::messages::unregister_broker::UnregisterBrokerRequest;
use std::collections::BTreeMap;
use std::time::Duration;

const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
const ELR: &str = "eligible.leader.replicas.version";

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.below(choices.len() as u64) as usize;
        choices.get(at).cloned()
    }
}

/// What a step may do that loses records on purpose.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Safe,
    UncleanElection,
}

fn step(all: &mut Nodes, dice: &mut Dice) -> Step {
    let id = 1 + dice.below(all.nodes.len() as u64) as NodeId;
    let key = dice.one_of(&all.keys());
    match dice.below(33) {
        0 => administrate(all, dice),
        1 => kill(all, dice, id),
        2 => power_failure(all, dice, id),
        3 => all.nodes.get_mut(&id).expect("a node").is_stopping = dice.one_in(3),
        4 if !all.nodes[&id].is_up && dice.one_in(3) => all.wipe(id),
        5..=8 if !all.nodes[&id].is_up => all.start(id),
        5..=8 if all.nodes[&id].epoch.is_none() => {
            all.register(id);
        }
        9..=12 => all.beat(id, dice.below(3) as i64),
        13 => pass(all, dice),
        14 if dice.one_in(3) => all.cluster.fail_over(),
        15 if key.is_some() => toggle_unusable(all, dice, id, key.expect("some")),
        31 | 32 if key.is_some() => toggle_full(all, dice, id, key.expect("some")),
        16 => return elect(all, dice),
        17..=18 if key.is_some() => reassign(all, dice, key.expect("some")),
        19..=22 => write_everywhere(all),
        23..=26 if key.is_some() => follow(all, dice, id, key.expect("some")),
        28 => crash_and_return(all, dice, id),
        27 if key.is_some() => shrink(all, dice, key.expect("some")),
        _ => deliver(all, dice),
    }
    Step::Safe
}

fn administrate(all: &mut Nodes, dice: &mut Dice) {
    let name = dice.one_of(&TOPICS).expect("some");
    match dice.below(8) {
        0 => {
            let topic_names = vec![name.into()];
            all.cluster.ask(Request::DeleteTopics(DeleteTopicsRequest { topic_names, ..Default::default() }));
        }
        1 => {
            let count = 1 + dice.below(5) as i32;
            let topics =
                vec![CreatePartitionsTopic { name: name.into(), count, assignments: None, ..Default::default() }];
            all.cluster.ask(Request::CreatePartitions(CreatePartitionsRequest { topics, ..Default::default() }));
        }
        2 | 3 => set_min_insync(all, name, 1 + dice.below(3)),
        4 => {
            let broker_id = 1 + dice.below(all.nodes.len() as u64) as NodeId;
            if !all.nodes[&broker_id].is_up {
                all.cluster.ask(Request::UnregisterBroker(UnregisterBrokerRequest { broker_id, ..Default::default() }));
            }
        }
        _ => create(all, dice, name),
    }
}

fn create(all: &mut Nodes, dice: &mut Dice, name: &str) {
    let set = |name: &str, value: String| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let mut configs = vec![set("min.insync.replicas", (1 + dice.below(3)).to_string())];
    if dice.one_in(3) {
        configs.push(set("flush.messages", "10000".to_owned()));
    }
    if dice.one_in(8) {
        configs.push(set("unclean.leader.election.enable", "true".to_owned()));
    }
    let factor = 1 + dice.below(4.min(all.nodes.len() as u64)) as i16;
    let topics = vec![CreatableTopic { configs, ..topic(name, 1 + dice.below(3) as i32, factor) }];
    all.cluster.create_topics(CreateTopicsRequest { topics, ..Default::default() });
}

fn set_min_insync(all: &mut Nodes, name: &str, minimum: u64) {
    let value = Some(minimum.to_string().into());
    let change = AlterableConfig { name: "min.insync.replicas".into(), value, ..Default::default() };
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: name.into(),
        configs: vec![change],
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    all.cluster.ask(Request::IncrementalAlterConfigs(request));
}

fn kill(all: &mut Nodes, dice: &mut Dice, id: NodeId) {
    if all.nodes[&id].is_up {
        all.stop(id, false);
        if dice.one_in(2) {
            all.cluster.kill(id);
        }
    }
}

fn power_failure(all: &mut Nodes, dice: &mut Dice, id: NodeId) {
    let kept = dice.below(5);
    let victims: Vec<NodeId> = if dice.one_in(3) { all.nodes.keys().copied().collect() } else { vec![id] };
    for victim in victims {
        all.lose_power(victim, |has| has * kept / 4);
    }
}

/// A broker is back before anybody has noticed, perhaps without what it had.
fn crash_and_return(all: &mut Nodes, dice: &mut Dice, id: NodeId) {
    let kept = dice.below(5);
    all.lose_power(id, |has| has * kept / 4);
    if dice.one_in(4) {
        all.wipe(id);
    }
    all.cluster.kill(id);
    all.start(id);
    all.register(id);
    watch(all, Step::Safe);
    all.beat(id, 0);
}

/// Most brokers beat while time passes.
fn pass(all: &mut Nodes, dice: &mut Dice) {
    let rounds = 1 + dice.below(6);
    let silent = 1 + dice.below(2 * all.nodes.len() as u64) as NodeId;
    for _ in 0..rounds {
        let ids: Vec<NodeId> = all.nodes.keys().copied().filter(|id| *id != silent).collect();
        for id in ids {
            all.beat(id, 0);
            watch(all, Step::Safe);
        }
        wait(all, 2);
    }
    if dice.one_in(40) {
        wait(all, 300); // leadership returns to preferred replicas
    }
    if dice.one_in(10) {
        all.cluster.sleep(Duration::from_secs(dice.below(30)));
    }
}

fn wait(all: &mut Nodes, seconds: u64) {
    let until = all.cluster.after(Duration::from_secs(seconds));
    while all.cluster.pass_to_next_deadline(until) {
        watch(all, Step::Safe);
    }
}

fn toggle_unusable(all: &mut Nodes, dice: &mut Dice, id: NodeId, key: Key) {
    let node = all.nodes.get_mut(&id).expect("a node");
    if !node.unusable.remove(&key) && dice.one_in(3) {
        node.unusable.insert(key);
    }
    all.beat(id, 0);
}

/// A disk is full, or has space again. Whoever is full leads and is in sync only among others that are.
fn toggle_full(all: &mut Nodes, dice: &mut Dice, id: NodeId, key: Key) {
    if !all.is_registered(id) {
        return;
    }
    let node = all.nodes.get_mut(&id).expect("a node");
    if !node.full.remove(&key) && dice.one_in(2) {
        node.full.insert(key);
    }
    all.beat(id, 0);
    let (Some(partition), true) = (all.partition(key), all.nodes[&id].full.contains(&key)) else { return };
    let has_space = |member: &NodeId| all.is_registered(*member) && !all.nodes[member].full.contains(&key);
    let some_have = partition.isr.iter().any(|member| *member != id && has_space(member));
    assert!(!all.is_registered(id) || !some_have || !partition.isr.contains(&id), "{id} is full: {partition:?}");
}

fn elect(all: &mut Nodes, dice: &mut Dice) -> Step {
    let election_type = i8::from(dice.one_in(20));
    let name = dice.one_of(&TOPICS).expect("some");
    let named = vec![TopicPartitions { topic: name.into(), partitions: vec![0, 1], ..Default::default() }];
    let topic_partitions = if dice.one_in(2) { Some(named) } else { None };
    let request = ElectLeadersRequest { election_type, topic_partitions, ..Default::default() };
    all.cluster.ask(Request::ElectLeaders(request));
    if election_type == 1 { Step::UncleanElection } else { Step::Safe }
}

fn reassign(all: &mut Nodes, dice: &mut Dice, key: Key) {
    let name = all.cluster.image().topic_by_id(key.0).expect("a topic").name.clone();
    let mut brokers: Vec<NodeId> = all.nodes.keys().copied().collect();
    let mut target = Vec::new();
    for _ in 0..1 + dice.below(3) {
        target.push(brokers.remove(dice.below(brokers.len() as u64) as usize));
    }
    let replicas = (!dice.one_in(4)).then_some(target);
    let partitions = vec![ReassignablePartition { partition_index: key.1, replicas, ..Default::default() }];
    let topics = vec![ReassignableTopic { name: (&*name).into(), partitions, ..Default::default() }];
    let request = AlterPartitionReassignmentsRequest { topics, ..Default::default() };
    all.cluster.ask(Request::AlterPartitionReassignments(request));
}

fn write_everywhere(all: &mut Nodes) {
    for key in all.keys() {
        all.write(key);
    }
}

fn follow(all: &mut Nodes, dice: &mut Dice, id: NodeId, key: Key) {
    let Some(partition) = all.partition(key) else { return };
    for follower in partition.replicas.iter().copied().filter(|replica| *replica == id || !dice.one_in(3)) {
        let is_new = all.catch_up(key, follower) && !partition.isr.contains(&follower);
        if is_new && all.has(key, follower) == all.committed(key) {
            all.ask_for_isr(key, &[partition.isr.as_slice(), &[follower]].concat());
            return;
        }
    }
}

fn shrink(all: &mut Nodes, dice: &mut Dice, key: Key) {
    let Some(partition) = all.partition(key) else { return };
    let mut isr = partition.isr.clone();
    isr.retain(|member| Some(*member) == partition.leader || !dice.one_in(2));
    if !isr.is_empty() {
        all.ask_for_isr(key, &isr);
    }
}

fn deliver(all: &mut Nodes, dice: &mut Dice) {
    if all.pending.is_empty() {
        return;
    }
    let at = dice.below(all.pending.len() as u64) as usize;
    let pending = all.pending.remove(at);
    if !dice.one_in(10) {
        all.deliver(pending);
    }
}

/// What holds of every image.
fn check(all: &Nodes) {
    let image = all.cluster.image();
    let has_elr = image.feature(ELR) > 0;
    for topic in image.topics() {
        for (number, partition) in topic.numbered_partitions() {
            check_shape(partition);
            check_members(all, partition, (topic.id, number), has_elr);
            check_claims(all, partition, (topic.id, number));
        }
    }
}

fn check_shape(partition: &PartitionImage) {
    let all_replicas = |list: &[NodeId]| list.iter().all(|member| partition.replicas.contains(member));
    let distinct = |list: &[NodeId]| list.iter().enumerate().all(|(at, member)| !list[..at].contains(member));
    let lists = [&partition.isr, &partition.eligible_leaders, &partition.adding, &partition.removing];
    assert!(lists.iter().all(|list| all_replicas(list) && distinct(list)), "{partition:?}");
    assert!(distinct(&partition.replicas) && partition.directories.len() == partition.replicas.len(), "{partition:?}");
    assert!(!partition.eligible_leaders.iter().any(|member| partition.isr.contains(member)), "{partition:?}");
    assert!(partition.leader.is_none_or(|leader| partition.isr.contains(&leader)), "{partition:?}");
    assert!(partition.leader.is_none() || partition.last_known_eligible_leaders.is_empty(), "{partition:?}");
}

fn check_members(all: &Nodes, partition: &PartitionImage, key: Key, has_elr: bool) {
    let image = all.cluster.image();
    let is_there = |member: &NodeId| {
        let broker = image.broker(*member).filter(|broker| !broker.fenced && !broker.in_controlled_shutdown);
        broker.is_some_and(|broker| broker.directories.contains(&partition.directory_of(*member).expect("a replica")))
    };
    if image.brokers().len() > 1 {
        assert!(partition.leader.is_none_or(|leader| image.is_unfenced(leader)), "{partition:?}");
    }
    let all_there = partition.isr.iter().all(is_there);
    let kept = !has_elr && partition.leader.is_none() && !partition.isr.iter().any(is_there);
    assert!(all_there || kept || image.brokers().len() == 1, "{partition:?}");
    let claims = || partition.isr.iter().chain(&partition.eligible_leaders);
    let usable = |member: &&NodeId| !all.nodes[member].unusable.contains(&key) && is_there(member);
    assert!(partition.leader.is_some() || !claims().any(|member| usable(&member)), "{partition:?} has no leader");
    let minimum = all.minimum(key).min(partition.replicas.len());
    assert!(partition.eligible_leaders.is_empty() || has_elr && partition.isr.len() < minimum, "{partition:?}");
}

/// Whoever runs in the life that the metadata has, and may lead without loss, has all that was committed.
fn check_claims(all: &Nodes, partition: &PartitionImage, key: Key) {
    if is_lossy(all, key) {
        return;
    }
    for member in partition.isr.iter().chain(&partition.eligible_leaders) {
        let is_known = all.is_registered(*member);
        let (has, committed) = (all.has(key, *member), all.committed(key));
        assert!(!is_known || has >= committed, "{member} has {has} of {committed}: {partition:?}");
    }
}

/// Without eligible leaders, as Kafka was before KIP-966, and without any other broker, the last of an ISR leads again
/// whatever its stop cost.
fn is_lossy(all: &Nodes, key: Key) -> bool {
    let image = all.cluster.image();
    let goes_on = image.feature(ELR) == 0 || image.brokers().len() == 1;
    goes_on && !image.topic_by_id(key.0).is_some_and(is_journaled)
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

/// A new leader that lacks something is one that the topic, an administrator or the loss of all claims allows.
fn watch(all: &mut Nodes, step: Step) {
    let now = all.image();
    let before = std::mem::replace(&mut all.checked, now);
    check_epochs(&before, all.cluster.image());
    for key in all.keys() {
        let (Some(is), Some(topic)) = (all.partition(key), all.cluster.image().topic_by_id(key.0).cloned()) else {
            continue;
        };
        let Some(was) = before.topic_by_id(key.0).and_then(|topic| topic.partition(key.1)) else { continue };
        let Some(leader) = is.leader.filter(|_| is.leader_epoch > was.leader_epoch) else { continue };
        if all.has(key, leader) >= all.committed(key) {
            continue;
        }
        let unclean = topic.configs.get("unclean.leader.election.enable").is_some_and(|value| value == "true");
        let is_last = was.isr.is_empty() && was.last_known_eligible_leaders == [leader];
        if unclean || is_last || is_lossy(all, key) || step == Step::UncleanElection {
            all.give_up(key, leader);
            continue;
        }
        // One that is down does not serve, and is judged anew when it registers.
        assert!(!all.is_registered(leader), "{was:?} {is:?}");
    }
}

/// One history.
pub fn run(seed: u64, reached: &mut BTreeMap<&'static str, usize>) {
    let mut dice = Dice(seed);
    let features = if dice.one_in(3) { vec![(ELR.to_owned(), 0)] } else { vec![] };
    let mut all = Nodes::of(3 + dice.below(5) as i32, Founding { features, ..Founding::new("") });
    for name in TOPICS {
        create(&mut all, &mut dice, name);
    }
    for _ in 0..300 {
        let step = step(&mut all, &mut dice);
        watch(&mut all, step);
        all.sweep();
        check(&all);
        count(&all, reached);
    }
}

fn count(all: &Nodes, reached: &mut BTreeMap<&'static str, usize>) {
    for key in all.keys() {
        let partition = all.partition(key).expect("known");
        let mut note = |what: &'static str, is_so: bool| *reached.entry(what).or_default() += usize::from(is_so);
        note("no leader", partition.leader.is_none());
        note("out of sync", partition.isr.len() < partition.replicas.len());
        note("in sync", partition.isr.len() > 1);
        note("eligible leaders", !partition.eligible_leaders.is_empty());
        note("a last known leader", !partition.last_known_eligible_leaders.is_empty());
        note("on the move", !partition.adding.is_empty());
        note("committed", all.committed(key) > 5);
        let is_full = |id: &NodeId| all.nodes[id].full.contains(&key);
        note("full and in sync", partition.isr.iter().any(is_full));
    }
}

#[test]
fn in_two_hundred_random_clusters_nobody_leads_who_lacks_what_was_committed() {
    let mut reached = BTreeMap::new();
    for seed in 0..200 {
        run(seed, &mut reached);
    }
    assert!(reached.values().all(|count| *count > 500), "the histories are too tame: {reached:?}");
}
