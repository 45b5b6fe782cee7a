//! Offset commits: clients that are no members, each with a group and a connection of its own, one request at a time.

use super::figures::{microseconds_each, milliseconds, quantile};
use super::server_cpu::ServerCpu;
use super::site::{Site, expect_none, group_name};
use super::wire::Wire;
use clap::Args;
use protocol::Text;
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use runtime::time::{Duration, Instant, sleep};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The last version that names topics by name, which all brokers of these years serve.
const VERSION: i16 = 9;

#[derive(Args)]
pub struct Options {
    /// Clients, each with one request under way.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Partitions that one request commits.
    #[arg(long, default_value_t = 1)]
    per_request: usize,
    /// How long is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long is not measured before.
    #[arg(long, default_value_t = 3)]
    warmup_seconds: u64,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 1000)]
    pub partitions: i32,
}

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

/// # Panics
/// When a commit is refused.
pub async fn run(site: &Site, cpu: &ServerCpu, options: &Options) -> Value {
    let phase = Arc::new(AtomicU8::new(WARMING_UP));
    let mut clients = Vec::new();
    for number in 0..options.clients {
        let group = group_name(&format!("commits-{number}"));
        let connection = site.connect(&group, 1).await.remove(0);
        let commits = Commits { group, topic: site.topic.clone(), per_request: options.per_request, next: number };
        let (phase, partitions) = (phase.clone(), site.partitions);
        clients.push((connection, commits, phase, partitions));
    }
    let running: Vec<_> = clients
        .into_iter()
        .map(|(connection, commits, phase, partitions)| {
            runtime::task::spawn("commits", commits.send(connection, partitions, phase))
        })
        .collect();
    sleep(Duration::from_secs(options.warmup_seconds)).await;
    let (cpu_before, begun) = (cpu.spent(), Instant::now());
    phase.store(MEASURING, Ordering::Relaxed);
    sleep(Duration::from_secs(options.seconds)).await;
    phase.store(OVER, Ordering::Relaxed);
    let (spent, took) = (cpu.spent() - cpu_before, begun.elapsed());
    let mut latencies = Vec::new();
    for client in running {
        latencies.extend(client.await.expect("what was refused is said above"));
    }
    latencies.sort_unstable();
    let count = latencies.len();
    json!({
        "scenario": "commits",
        "clients": options.clients,
        "partitions_per_commit": options.per_request,
        "commits_per_second": (count as f64 / took.as_secs_f64()).round(),
        "p50_ms": milliseconds(quantile(&latencies, 0.5)),
        "p99_ms": milliseconds(quantile(&latencies, 0.99)),
        "p999_ms": milliseconds(quantile(&latencies, 0.999)),
        "max_ms": milliseconds(latencies.last().copied().unwrap_or_default()),
        "cpu_us_per_commit": microseconds_each(spent, count),
        "server_cores": (spent.as_secs_f64() / took.as_secs_f64() * 100.0).round() / 100.0,
    })
}

/// One client.
struct Commits {
    group: Text,
    topic: Text,
    per_request: usize,
    next: usize,
}

impl Commits {
    /// Commits until it is over, and tells how long each took that ended while it was measured.
    async fn send(mut self, mut connection: Wire, partitions: usize, phase: Arc<AtomicU8>) -> Vec<Duration> {
        let mut latencies = Vec::new();
        while phase.load(Ordering::Relaxed) != OVER {
            let request = self.next_request(partitions);
            let sent = Instant::now();
            let answer = connection.ask(&request, VERSION).await;
            let took = sent.elapsed();
            check(&answer, self.per_request);
            if phase.load(Ordering::Relaxed) == MEASURING {
                latencies.push(took);
            }
        }
        latencies
    }

    fn next_request(&mut self, partitions: usize) -> OffsetCommitRequest {
        let first = self.next;
        self.next += 1;
        let one = |at: usize| OffsetCommitRequestPartition {
            partition_index: ((first * self.per_request + at) % partitions) as i32,
            committed_offset: first as i64,
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: self.topic.clone(),
            partitions: (0..self.per_request).map(one).collect(),
            ..OffsetCommitRequestTopic::default()
        };
        OffsetCommitRequest { group_id: self.group.clone(), topics: vec![topic], ..OffsetCommitRequest::default() }
    }
}

fn check(answer: &OffsetCommitResponse, expected: usize) {
    let mut count = 0;
    for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        expect_none("a commit", partition.error_code);
        count += 1;
    }
    assert_eq!(count, expected, "each partition is answered");
}
