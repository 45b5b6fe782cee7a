//! Worlds of several nodes: who votes, how soon they lose patience with each other, where each stands, and what of each
//! topic is where.

use super::node::{self, NodeShape};
use super::topic::{self, TopicShape};
use super::world::{WorldShape, network, stream};
use runtime::simulation::Stream;
use std::collections::BTreeMap;

/// Draws a cluster, of `nodes` nodes where it is given.
pub fn draw(seed: u64, nodes: Option<u64>) -> WorldShape {
    let mut dice = stream(seed, "cluster");
    let drawn = *dice.pick(&[3, 3, 3, 4, 5, 5, 6, 7]);
    let count = nodes.unwrap_or(drawn);
    let voters = if count >= 5 && dice.chance(0.4) { 5 } else { 3 };
    let racks = *dice.pick(&[0, 2, 3]);
    let shared = shared(&mut dice, voters, racks > 0);
    let network_us = network(&mut dice);
    let nodes = (0..count)
        .map(|place| {
            let mut own = stream(seed, &format!("node {}", place + 1));
            let rack = (racks > 0).then(|| format!("rack-{}", place % racks));
            node(&mut own, place, place < voters, rack, &shared)
        })
        .collect();
    let mut dice = stream(seed, "cluster topics");
    let topics_count = dice.between(2, 5);
    let mut topics: Vec<TopicShape> =
        (0..topics_count).map(|number| topic(&mut dice, number, number + 1 == topics_count, count)).collect();
    let mut dice = stream(seed, "compacted topic");
    if dice.chance(0.6) {
        // Before the last one, in which records are deleted: compaction keeps what it keeps.
        let mut compacted = topic(&mut dice, topics_count, false, count);
        compacted.compact(&mut dice);
        topics.insert(topics.len() - 1, compacted);
    }
    WorldShape { network_us, nodes, topics }
}

/// What all nodes have alike: the quorum, and how long each waits for the others.
fn shared(dice: &mut Stream, voters: u64, racks: bool) -> BTreeMap<String, String> {
    let list: Vec<String> = (1..=voters).map(|id| format!("{id}@10.0.0.{id}:9093")).collect();
    let session_ms = dice.between(2000, 9000);
    let mut configs = topic::pairs(&[("controller.listener.names", "CONTROLLER")]);
    let mut set = |name: &str, value: String| drop(configs.insert(name.to_owned(), value));
    set("controller.quorum.voters", list.join(","));
    set("broker.session.timeout.ms", session_ms.to_string());
    set("broker.heartbeat.interval.ms", dice.between(100, session_ms / 4).to_string());
    set("replica.lag.time.max.ms", dice.between(1000, 10_000).to_string());
    set("controller.quorum.election.timeout.ms", dice.between(300, 1500).to_string());
    set("controller.quorum.fetch.timeout.ms", dice.between(500, 3000).to_string());
    set("replica.fetch.backoff.ms", dice.pick(&["50", "200", "1000"]).to_string());
    set("replica.fetch.wait.max.ms", dice.pick(&["50", "500"]).to_string());
    set("log.cleaner.backoff.ms", dice.pick(&["100", "500", "3000"]).to_string());
    let mut sometimes = |probability: f64, name: &str, values: &[&str]| {
        if dice.chance(probability) {
            configs.insert(name.to_owned(), (*dice.pick(values)).to_owned());
        }
    };
    sometimes(0.4, "replica.fetch.max.bytes", &["20000", "100000"]);
    sometimes(0.3, "replica.fetch.response.max.bytes", &["10000", "50000"]);
    sometimes(0.5, "leader.imbalance.check.interval.seconds", &["2", "10"]);
    sometimes(0.2, "auto.leader.rebalance.enable", &["false"]);
    sometimes(0.2, "controlled.shutdown.enable", &["false"]);
    sometimes(0.7, "metadata.log.max.record.bytes.between.snapshots", &["2000", "10000"]);
    if racks {
        sometimes(0.8, "replica.selector.class", &["org.apache.kafka.common.replica.RackAwareReplicaSelector"]);
    }
    configs
}

fn node(
    dice: &mut Stream,
    place: u64,
    votes: bool,
    rack: Option<String>,
    shared: &BTreeMap<String, String>,
) -> NodeShape {
    let mut configs = node::configs(dice, place as i32 + 1);
    configs.extend(shared.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut set = |name: &str, value: &str| drop(configs.insert(name.to_owned(), value.to_owned()));
    if votes {
        set("process.roles", "broker,controller");
        set("listeners", "PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093");
    } else {
        set("process.roles", "broker");
    }
    if let Some(rack) = &rack {
        set("broker.rack", rack);
    }
    let sector_bytes = if dice.chance(0.5) { 512 } else { 4096 };
    let sync_us = node::sync(dice);
    let clock_ahead_ms = if dice.chance(0.5) { 0 } else { dice.between(0, 1000) as i64 - 500 };
    NodeShape { rack, votes, sector_bytes, sync_us, clock_ahead_ms, configs }
}

/// A topic as on one node, with replicas.
fn topic(dice: &mut Stream, number: u64, last: bool, nodes: u64) -> TopicShape {
    let mut topic = topic::draw(dice, number, last);
    let most = nodes.min(5);
    // The first topic promises everything; with one replica or one in sync too much is excused.
    let replicas = if number == 0 { most.min(3) } else { (*dice.pick(&[1, 2, 3, 3, 3, 4, 5])).min(most) };
    let least = *dice.pick(&[replicas - 1, replicas - 1, replicas.div_ceil(2), 1, replicas]);
    let min_in_sync = if number == 0 { 2 } else { least.max(1) };
    topic.replicas = replicas as i16;
    topic.configs.insert("min.insync.replicas".into(), min_in_sync.to_string());
    if number > 0 && dice.chance(0.08) {
        topic.configs.insert("unclean.leader.election.enable".into(), "true".into());
    }
    topic
}

#[cfg(test)]
mod tests {
    use super::*;
    use jepsen_lite::history::{Durability, TopicSettings};

    #[test]
    fn clusters_have_three_to_seven_nodes_and_an_odd_number_of_voters() {
        let mut sizes = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let world = draw(seed, None);
            let voters = world.nodes.iter().filter(|node| node.votes).count();
            assert!(voters == 3 || voters == 5, "seed {seed}: {voters}");
            assert!(world.nodes[..voters].iter().all(|node| node.votes));
            sizes.insert(world.nodes.len());
        }
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn replicas_fit_on_the_nodes_and_the_first_topic_promises_everything() {
        for seed in 0..200 {
            let world = draw(seed, None);
            for topic in &world.topics {
                assert!(topic.replicas >= 1 && topic.replicas as usize <= world.nodes.len());
                let settings = TopicSettings::of(&topic.configs);
                assert!(settings.min_in_sync >= 1 && settings.min_in_sync <= topic.replicas as u16);
            }
            let first = TopicSettings::of(&world.topics[0].configs);
            assert_eq!((world.topics[0].replicas, first.min_in_sync), (3, 2));
            assert!(first.durability == Durability::Journaled && !first.unclean_election);
        }
    }
}
