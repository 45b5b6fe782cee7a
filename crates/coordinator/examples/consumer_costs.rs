//! What a consumer group costs its coordinator: members join a topic one by one, and send heartbeats until each has what
//! it is to own. `consumer_costs [MEMBERS] [PARTITIONS] [ASSIGNMENT INTERVAL IN MS]`
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a program that measures

#[allow(dead_code)] // the stories use the rest of it
#[path = "../tests/consumer/cluster/mod.rs"]
mod cluster;

use cluster::coordinator::{Coordinator, idle, joining};
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (members, partitions, interval) = (number(0, 1000), number(1, 1000), number(2, 1000));
    let interval = interval.to_string();
    let mut group = Coordinator::with_configs(&[("group.consumer.assignment.interval.ms", &interval)]);
    group.checks = false;
    group.create_topic("t", partitions);
    let ids: Vec<String> = (0..members).map(|member| format!("member-{member:08}-aaaaaaaaaaaaaaaaaa")).collect();
    let begun = Instant::now();
    let mut epochs: Vec<i32> = ids.iter().map(|id| group.good(joining(id, &["t"])).member_epoch).collect();
    let joined = begun.elapsed();
    println!("{members} joins: {joined:.1?}, {:.1?} each, {} records", joined / members as u32, group.log_length());

    let mut owned = vec![Some(Vec::new()); members];
    let (mut beats, mut rounds, mut slowest) = (0, 0, Duration::ZERO);
    let begun = Instant::now();
    loop {
        group.advance(Duration::from_secs(5));
        rounds += 1;
        for (at, id) in ids.iter().enumerate() {
            let request = ConsumerGroupHeartbeatRequest { topic_partitions: owned[at].take(), ..idle(id, epochs[at]) };
            let one = Instant::now();
            let response = group.good(request);
            slowest = slowest.max(one.elapsed());
            beats += 1;
            epochs[at] = response.member_epoch;
            owned[at] = response.assignment.map(|assignment| assignment.topic_partitions);
        }
        if group.epochs().0 == "Stable" {
            break;
        }
    }
    let took = begun.elapsed();
    println!("stable after {rounds} rounds of heartbeats: {beats} in {took:.1?}, {:.1?} each", took / beats);
    println!("the slowest, which assigned: {slowest:.1?}; {} records in all", group.log_length());
    let begun = Instant::now();
    for (id, epoch) in ids.iter().zip(&epochs) {
        group.good(idle(id, *epoch));
    }
    println!("a heartbeat in a group at rest: {:.1?}", begun.elapsed() / members as u32);
}
