//! Three brokers on real directories, and rot in the files of one: it is found, told, and repaired from the others, and no
//! consumer ever sees it.

#![cfg(not(madsim))] // on real directories and real sockets
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // spoils files behind the back of the brokers

use broker::RunningBroker;
use client::admin::NewTopic;
use client::{
    Admin, BackoffConfig, ClientConfig, Cluster, Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord,
};
use model::config::{Origin, ServerConfig};
use model::metadata_image::PartitionImage;
use model::{NodeId, Offset, TopicPartition};
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const TOPIC: &str = "story";
/// How long a repair may take, on a machine that is busy with compiling.
const LIMIT: Duration = Duration::from_secs(60);
const SETTINGS: [(&str, &str); 10] = [
    ("process.roles", "broker,controller"),
    ("controller.listener.names", "CONTROLLER"),
    ("broker.heartbeat.interval.ms", "300"),
    ("broker.session.timeout.ms", "6000"),
    ("auto.leader.rebalance.enable", "false"),
    ("thalweg.journal.file.bytes", "65536"),
    ("thalweg.journal.max.bytes", "524288"),
    ("thalweg.scrub.interval.ms", "400"),
    ("thalweg.scrub.bytes.per.second", "10000000"),
    ("log.initial.task.delay.ms", "0"),
];

thread_local! {
    static FOLDER: std::cell::RefCell<PathBuf> = std::cell::RefCell::new(PathBuf::default());
}

/// The folder goes when every task of the story has ended: a broker whose directory goes under it stops the process.
fn story<F: Future<Output = ()>>(story: F) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    FOLDER.set(folder.path().to_owned());
    runtime::task::run(2, story).expect("threads can be started");
}

/// The brokers, each with a port for clients and one for the quorum.
struct Nodes {
    folder: PathBuf,
    ports: Vec<(u16, u16)>,
    running: BTreeMap<NodeId, RunningBroker>,
}

impl Nodes {
    async fn start(count: usize, settings: &[(&str, &str)]) -> Nodes {
        let folder = FOLDER.with_borrow(PathBuf::clone);
        assert!(folder.is_dir(), "a story begins on the thread that has made its folder");
        let listeners: Vec<TcpListener> =
            (0..2 * count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        let ports = listeners.chunks(2).map(|pair| (port(&pair[0]), port(&pair[1]))).collect();
        drop(listeners);
        let mut nodes = Nodes { folder, ports, running: BTreeMap::new() };
        let begun: Vec<(NodeId, JoinHandle<RunningBroker>)> =
            (1..=count as NodeId).map(|id| (id, nodes.begin(id, settings))).collect();
        for (id, begun) in begun {
            nodes.running.insert(id, begun.await.expect("a start"));
        }
        nodes
    }

    fn begin(&self, id: NodeId, settings: &[(&str, &str)]) -> JoinHandle<RunningBroker> {
        let voters: Vec<String> =
            self.ports.iter().zip(1..).map(|((_, port), id)| format!("{id}@127.0.0.1:{port}")).collect();
        let (clients, quorum) = self.ports[id as usize - 1];
        let listeners = format!("PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{quorum}");
        let directory = self.directory(id).to_string_lossy().into_owned();
        let (id, voters) = (id.to_string(), voters.join(","));
        let mut server = ServerConfig::new();
        let own: [(&str, &str); 4] = [
            ("node.id", &id),
            ("controller.quorum.voters", &voters),
            ("listeners", &listeners),
            ("log.dirs", &directory),
        ];
        for (name, value) in own.iter().chain(&SETTINGS).chain(settings) {
            server.add(name, value, Origin::Program);
        }
        runtime::task::spawn("node", async move { broker::start(server).await.unwrap_or_else(|e| panic!("{e}")) })
    }

    fn directory(&self, id: NodeId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    async fn stop(&mut self, id: NodeId) {
        self.running.remove(&id).expect("it runs").stop().await.expect("a clean stop");
    }

    async fn again(&mut self, id: NodeId) {
        let started = self.begin(id, &[]).await.expect("a start");
        self.running.insert(id, started);
    }

    fn cluster(&self) -> Cluster {
        let addresses: Vec<String> = self.ports.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        let backoff = BackoffConfig { first: Duration::from_millis(10), most: Duration::from_millis(50) };
        Cluster::new(ClientConfig {
            retry_backoff: backoff,
            reconnect_backoff: backoff,
            ..ClientConfig::of(&addresses.join(","))
        })
    }

    fn partition(&self, seen_by: NodeId) -> Arc<PartitionImage> {
        shown(&self.running[&seen_by])
    }

    /// The closed segments of a replica, by path.
    fn closed_segments(&self, id: NodeId) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut segments: BTreeMap<PathBuf, Vec<u8>> = std::fs::read_dir(self.directory(id).join("story-0"))
            .expect("a partition")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .map(|path| (path.clone(), std::fs::read(path).expect("a segment")))
            .collect();
        segments.pop_last().expect("one takes the appends");
        assert!(segments.len() >= 3, "there are {} closed segments", segments.len());
        segments
    }

    /// Waits until `wanted` holds.
    async fn wait_until(&self, what: &str, wanted: impl Fn(&Nodes) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !wanted(self) {
            assert!(Instant::now() < deadline, "{what}: not in {LIMIT:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn wait_for_isr(&self, seen_by: NodeId, isr: &[NodeId]) {
        self.wait_until(&format!("in sync: {isr:?}"), |nodes| {
            let mut members = find(&nodes.running[&seen_by]).map(|partition| partition.isr.clone());
            members.iter_mut().for_each(|members| members.sort_unstable());
            members.as_deref() == Some(isr)
        })
        .await;
    }

    /// Who is in sync, and who leads, each time that changes.
    fn watch(&self, seen_by: NodeId) -> Arc<Mutex<Vec<PartitionImage>>> {
        let seen: Arc<Mutex<Vec<PartitionImage>>> = Arc::default();
        let (seeing, mut images) = (seen.clone(), self.running[&seen_by].broker.metadata.images());
        runtime::task::spawn("watch", async move {
            while images.changed().await.is_ok() {
                let image = images.borrow_and_update().clone();
                if let Some(partition) = image.topic(TOPIC).and_then(|topic| topic.partition(0)) {
                    seeing.lock().unwrap().push(PartitionImage::clone(partition));
                }
            }
        });
        seen
    }
}

fn shown(running: &RunningBroker) -> Arc<PartitionImage> {
    find(running).expect("the topic")
}

/// None while the broker has not heard of the topic.
fn find(running: &RunningBroker) -> Option<Arc<PartitionImage>> {
    let image = running.broker.metadata.image();
    image.topic(TOPIC).and_then(|topic| topic.partition(0)).cloned()
}

fn value(number: usize) -> String {
    format!("record {number} {}", "x".repeat(number % 90))
}

async fn make_topic(cluster: &Cluster, replicas: &[NodeId]) {
    let topic = NewTopic { assignments: vec![replicas.to_vec()], ..NewTopic::new(TOPIC, -1) };
    let topic = topic.config("internal.segment.bytes", "6000").config("index.interval.bytes", "500");
    Admin::new(cluster).create_topic(topic).await.expect("a topic");
}

/// Writes records in small batches.
async fn write(cluster: &Cluster, from: usize, count: usize) {
    let producer = Producer::new(cluster, ProducerConfig { batch_size: 300, ..ProducerConfig::default() });
    let producer = producer.expect("the config is sound");
    let mut under_way = Vec::new();
    for number in from..from + count {
        let record = ProducerRecord::new(TOPIC, value(number)).partition(0);
        under_way.push(producer.send(record).await.expect("taken"));
    }
    for delivery in under_way {
        delivery.await.expect("acknowledged");
    }
}

/// Reads everything from the start on, once.
async fn read(cluster: &Cluster, count: usize) {
    let partition = TopicPartition::new(TOPIC, 0);
    let mut consumer = Consumer::new(cluster, ConsumerConfig::default()).expect("the config is sound");
    consumer.assign([partition.clone()]);
    consumer.seek(&partition, 0);
    let (mut next, deadline) = (0, Instant::now() + LIMIT);
    while next < count {
        assert!(Instant::now() < deadline, "read up to {next} of {count} in {LIMIT:?}");
        for record in consumer.poll(Duration::from_millis(100)).await.expect("records can be read") {
            assert_eq!(record.offset, next as Offset);
            assert_eq!(record.value.as_deref(), Some(value(next).as_bytes()), "at {next}");
            next += 1;
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    bytes[at] ^= 4;
    write_in_place(path, &bytes);
}

/// As a disk that rots: no file is made anew.
fn write_in_place(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("a file");
    file.write_all(bytes).expect("written");
}

/// Readers that read everything again and again.
fn readers(cluster: &Cluster, count: usize, until: &Arc<Mutex<bool>>) -> Vec<JoinHandle<usize>> {
    let reader = |_| {
        let (cluster, until) = (cluster.clone(), until.clone());
        runtime::task::spawn("reader", async move {
            let mut times = 0;
            while !*until.lock().unwrap() {
                read(&cluster, count).await;
                times += 1;
            }
            times
        })
    };
    (0..2).map(reader).collect()
}

/// The whole story, for the leader (1) and for a follower (2).
async fn a_flipped_bit_is_repaired(victim: NodeId, settings: &[(&str, &str)], reading: bool) {
    let nodes = Nodes::start(3, settings).await;
    let cluster = nodes.cluster();
    make_topic(&cluster, &[1, 2, 3]).await;
    write(&cluster, 0, 400).await;
    nodes.wait_for_isr(3, &[1, 2, 3]).await;
    nodes
        .wait_until("all have all", |nodes| {
            let ends: Vec<usize> = (1..=3).map(|id| nodes.closed_segments(id).len()).collect();
            ends.iter().all(|end| *end == ends[0])
        })
        .await;
    let (seen, before) = (nodes.watch(3), nodes.partition(3));
    let segments = nodes.closed_segments(victim);
    let done = Arc::new(Mutex::new(false));
    let readers = if reading { readers(&cluster, 400, &done) } else { Vec::new() };
    for (path, good) in segments.iter().take(3) {
        flip(path, good.len() / 2);
    }
    nodes
        .wait_until("repaired", |_| {
            segments.iter().all(|(path, good)| std::fs::read(path).expect("a segment") == *good)
        })
        .await;
    nodes
        .wait_until("it left, and is in sync again", |nodes| {
            // Each change is counted; one that is soon over may not be seen.
            let now = nodes.partition(3);
            now.isr.len() == 3 && now.partition_epoch >= before.partition_epoch + 2
        })
        .await;
    if victim == 1 {
        assert!(nodes.partition(3).leader_epoch > before.leader_epoch, "another led");
    }
    for partition in seen.lock().unwrap().iter().filter(|partition| !partition.isr.contains(&victim)) {
        assert_ne!(partition.leader, Some(victim), "what is damaged leads nothing");
    }
    write(&cluster, 400, 50).await;
    *done.lock().unwrap() = true;
    for reader in readers {
        assert!(reader.await.expect("no reader saw anything else") > 0);
    }
    read(&cluster, 450).await;
    nodes
        .wait_until("nothing is damaged any more", |nodes| {
            let marked = nodes.directory(victim).join("story-0/damaged-ranges");
            !marked.exists()
        })
        .await;
}

#[test]
fn rot_in_a_leaders_files_is_found_by_the_scrubber_and_repaired_to_the_byte() {
    story(a_flipped_bit_is_repaired(1, &[], true));
}

#[test]
fn rot_in_a_followers_files_is_found_by_the_scrubber_and_repaired_to_the_byte() {
    story(a_flipped_bit_is_repaired(2, &[], true));
}

#[test]
fn rot_is_found_by_a_reader_where_nothing_is_scrubbed() {
    story(async {
        let nodes = Nodes::start(3, &[("thalweg.scrub.bytes.per.second", "0")]).await;
        let cluster = nodes.cluster();
        make_topic(&cluster, &[1, 2, 3]).await;
        write(&cluster, 0, 400).await;
        nodes.wait_for_isr(3, &[1, 2, 3]).await;
        let segments = nodes.closed_segments(1);
        let (path, good) = segments.first_key_value().expect("a segment");
        flip(path, good.len() / 2);
        read(&cluster, 400).await;
        nodes.wait_until("repaired", |_| std::fs::read(path).expect("a segment") == *good).await;
        nodes.wait_for_isr(3, &[1, 2, 3]).await;
        assert_eq!(nodes.partition(3).leader, Some(2), "another one led meanwhile");
    });
}

/// Rot that came while the broker was down, in many places, headers among them, and a file that is too short.
#[test]
fn what_rotted_while_a_broker_was_down_is_repaired_when_it_is_back() {
    story(async {
        let mut nodes = Nodes::start(3, &[]).await;
        let cluster = nodes.cluster();
        make_topic(&cluster, &[1, 2, 3]).await;
        write(&cluster, 0, 500).await;
        nodes.wait_for_isr(3, &[1, 2, 3]).await;
        let segments = nodes.closed_segments(2);
        nodes.stop(2).await;
        for (at, (path, good)) in segments.iter().enumerate() {
            match at % 3 {
                0 => [8, 300, 301, 2000, good.len() - 1].iter().for_each(|at| flip(path, *at)),
                1 => write_in_place(path, &vec![0; good.len() / 2]),
                _ => {
                    let file = std::fs::OpenOptions::new().write(true).open(path).expect("a file");
                    file.set_len(good.len() as u64 / 3).expect("cut");
                }
            }
        }
        nodes.again(2).await;
        nodes
            .wait_until("repaired", |_| {
                segments.iter().all(|(path, good)| std::fs::read(path).expect("a segment") == *good)
            })
            .await;
        nodes.wait_for_isr(3, &[1, 2, 3]).await;
        read(&cluster, 500).await;
    });
}

#[test]
fn a_log_that_failed_closed_is_set_aside_and_fetched_anew() {
    story(async {
        let mut nodes = Nodes::start(3, &[]).await;
        let cluster = nodes.cluster();
        make_topic(&cluster, &[1, 2, 3]).await;
        write(&cluster, 0, 400).await;
        nodes.wait_for_isr(3, &[1, 2, 3]).await;
        let before = nodes.closed_segments(1);
        nodes.stop(1).await;
        std::fs::write(nodes.directory(1).join("story-0/closed-for-safety"), "told by the story\n").expect("written");
        nodes.again(1).await;
        nodes.wait_for_isr(3, &[1, 2, 3]).await;
        let names: Vec<String> = std::fs::read_dir(nodes.directory(1))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        assert!(names.iter().any(|name| name.starts_with("story-0.") && name.ends_with("-stray")), "{names:?}");
        assert_eq!(nodes.closed_segments(1).into_values().collect::<Vec<_>>().concat(), {
            before.into_values().collect::<Vec<_>>().concat()
        });
        nodes.stop(2).await;
        nodes.wait_until("the one that began anew may lead", |nodes| nodes.partition(3).leader.is_some()).await;
        read(&cluster, 400).await;
    });
}

/// It has what nobody else has: to hand over would lose it, and to stop would help nobody.
#[test]
fn a_leader_that_is_alone_leads_on_and_takes_what_it_lost_from_the_first_that_is_back() {
    story(async {
        let mut nodes = Nodes::start(3, &[]).await;
        let cluster = nodes.cluster();
        make_topic(&cluster, &[1, 2]).await;
        write(&cluster, 0, 400).await;
        nodes.wait_for_isr(3, &[1, 2]).await;
        nodes.stop(2).await;
        nodes.wait_for_isr(3, &[1]).await;
        write(&cluster, 400, 100).await;
        let seen = nodes.watch(3);
        let (path, good) = nodes.closed_segments(1).pop_first().expect("a segment");
        flip(&path, good.len() / 2);
        let marked = nodes.directory(1).join("story-0/damaged-ranges");
        nodes.wait_until("it is found", |_| marked.exists()).await;
        write(&cluster, 500, 10).await;
        nodes.again(2).await;
        nodes.wait_until("repaired", |_| std::fs::read(&path).expect("a segment") == good).await;
        nodes.wait_for_isr(3, &[1, 2]).await;
        assert!(seen.lock().unwrap().iter().all(|partition| partition.leader.is_some()));
        read(&cluster, 510).await;
    });
}

#[test]
fn a_damaged_replica_is_not_elected_even_as_the_last_and_is_once_it_is_repaired() {
    story(async {
        let mut nodes = Nodes::start(3, &[]).await;
        let cluster = nodes.cluster();
        make_topic(&cluster, &[1, 2]).await;
        write(&cluster, 0, 400).await;
        nodes.wait_for_isr(3, &[1, 2]).await;
        nodes.stop(2).await;
        nodes.wait_for_isr(3, &[1]).await;
        write(&cluster, 400, 100).await;
        let (path, good) = nodes.closed_segments(1).pop_first().expect("a segment");
        flip(&path, good.len() / 2);
        let marked = nodes.directory(1).join("story-0/damaged-ranges");
        nodes.wait_until("it is found", |_| marked.exists()).await;
        let (seen, before) = (nodes.watch(3), nodes.partition(3).leader_epoch);
        nodes.stop(1).await;
        nodes.again(1).await;
        nodes.wait_until("it is not elected", |nodes| nodes.partition(3).leader.is_none()).await;
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(nodes.partition(3).leader, None, "nor later");
        assert!(seen.lock().unwrap().iter().all(|seen| seen.leader.is_none() || seen.leader_epoch == before));
        nodes.again(2).await;
        nodes.wait_until("repaired", |_| std::fs::read(&path).expect("a segment") == good).await;
        nodes.wait_for_isr(3, &[1, 2]).await;
        assert_eq!(nodes.partition(3).leader, Some(1));
        read(&cluster, 500).await;
    });
}

#[test]
fn the_only_replica_serves_what_is_good_and_says_what_is_not() {
    story(async {
        let nodes = Nodes::start(1, &[]).await;
        let cluster = nodes.cluster();
        make_topic(&cluster, &[1]).await;
        write(&cluster, 0, 400).await;
        let segments = nodes.closed_segments(1);
        let (path, good) = segments.first_key_value().expect("a segment");
        flip(path, good.len() / 2);
        let marked = nodes.directory(1).join("story-0/damaged-ranges");
        // The file is there first: what the log knows is durable before it is told.
        let partition = nodes.running[&1].broker.partitions.partition(TOPIC, 0).expect("it serves");
        nodes.wait_until("it is found", |_| marked.exists() && partition.is_damaged()).await;
        let line = std::fs::read_to_string(&marked).expect("text");
        let numbers: Vec<i64> = line.trim().split(' ').map(|number| number.parse().expect("a number")).collect();
        let (first, next) = (numbers[0], numbers[1]);
        assert!(0 < first && first < next && next < 400, "{line}");
        assert!(partition.leads(), "there is nobody else");
        assert!(matches!(partition.reader.read(first, 400, 1, true).await, Err(storage::ReadError::Corrupt(_))));
        for offset in [0, first - 1, 399] {
            assert!(!partition.reader.read(offset, 400, 1, true).await.expect("good").is_empty(), "at {offset}");
        }
        write(&cluster, 400, 10).await;
        // A person puts the file back.
        write_in_place(path, good);
        nodes.wait_until("it is whole", |_| !marked.exists() && !partition.is_damaged()).await;
        read(&cluster, 410).await;
    });
}
