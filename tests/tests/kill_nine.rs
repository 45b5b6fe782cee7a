//! Kill -9 under load: what was acknowledged is there after the restart, once, in order, at its offset.
//!
//! `KILL_ROUNDS` sets the number of kills; 10 if it is not given.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about a real process in real time

use client::admin::NewTopic;
use client::{Admin, Cluster};
use model::TopicPartition;
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::Server;
use tests::load::{Acknowledged, Load, Reader, Written};
use tests::reading::impatient;

/// One whose acknowledgements follow the journal, and one that is left to the page cache, which a kill does not empty.
const TOPICS: [(&str, i32, &str); 2] = [("journaled", 4, "1"), ("paged", 2, "100000")];
const PRODUCERS: usize = 3;
/// What must be acknowledged after a start before the next kill.
const LOAD: usize = 300;
/// Small, so that segments roll, and the journal goes around, many times a round.
const SETTINGS: [&str; 2] = ["thalweg.journal.file.bytes=65536", "thalweg.journal.max.bytes=524288"];

#[test]
fn what_was_acknowledged_is_there_after_kill_nine() {
    let rounds = std::env::var("KILL_ROUNDS").map_or(10, |rounds| rounds.parse().expect("KILL_ROUNDS is a number"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let server = Server::start(folder.path(), &SETTINGS);
    runtime::task::run(2, Box::pin(story(folder.path(), server, rounds))).expect("threads can be started");
}

async fn story(data: &std::path::Path, mut server: Server, rounds: usize) {
    let cluster = Cluster::new(impatient(server.address()));
    let partitions = create_topics(&cluster).await;
    let mut reader = Reader::new(&cluster, &partitions);
    let (acknowledged, stopping) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let producers: Vec<JoinHandle<Written>> = (0..PRODUCERS)
        .map(|number| {
            let load = Load { number, partitions: partitions.clone(), acknowledged: acknowledged.clone() };
            runtime::task::spawn("load", load.run(cluster.clone(), stopping.clone()))
        })
        .collect();
    for round in 0..rounds {
        wait_for_load(&acknowledged, &server, round).await;
        sleep(Duration::from_millis(runtime::rand::below(150))).await;
        server = kill_and_restart(server, data, round);
        // Taken before reading: all of it was acknowledged before the reader asked where the log ends.
        let promised = std::mem::take(&mut *acknowledged.lock().expect("no panic inside"));
        reader.read_on().await;
        reader.check(&promised, round);
    }
    stopping.store(true, Ordering::Relaxed);
    let mut written = BTreeMap::new();
    for (number, producer) in producers.into_iter().enumerate() {
        written.insert(number, producer.await.expect("a producer does not panic"));
    }
    reader.read_all_again().await;
    reader.check(&acknowledged.lock().expect("no panic inside"), rounds);
    let records = reader.check_that_all_is_there_once(&written);
    tests::say(&format!("kill -9: {rounds} rounds, {records} records"));
}

async fn create_topics(cluster: &Cluster) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    for (name, partitions, flush) in TOPICS {
        let topic = NewTopic::new(name, partitions).config("flush.messages", flush);
        let topic = topic.config("internal.segment.bytes", "100000").config("index.interval.bytes", "512");
        Admin::new(cluster).create_topic(topic).await.expect("a topic can be created");
        all.extend((0..partitions).map(|at| TopicPartition::new(name, at)));
    }
    all
}

async fn wait_for_load(acknowledged: &Acknowledged, server: &Server, round: usize) {
    let count = || acknowledged.lock().expect("no panic inside").len();
    let (before, deadline) = (count(), Instant::now() + Duration::from_secs(60));
    while count() < before + LOAD {
        if Instant::now() >= deadline {
            panic!("round {round}: producers do not go on after a restart; the server said:\n{}", server.log());
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// Some servers are killed once more while they recover, and some are stopped cleanly in between, after which the log
/// is no longer the journal's.
fn kill_and_restart(server: Server, data: &std::path::Path, round: usize) -> Server {
    let port = server.port();
    if round % 5 == 4 {
        let ended = server.stop();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    } else {
        server.kill();
    }
    if round % 3 == 2 {
        let life = Duration::from_millis(runtime::rand::below(60));
        tests::server::start_and_kill(port, data, &SETTINGS, life);
    }
    Server::start_on(port, data, &SETTINGS)
}
