//! Clusters of real processes, and the commands that look after them.

use crate::process::{Ran, run, thalweg};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What `dev up` started. Dropped, it is gone.
struct Cluster {
    directory: tempfile::TempDir,
    nodes: Value,
}

impl Cluster {
    /// Tests run side by side: each has ports of its own from `port` on, away from those that systems give out.
    fn up(count: u16, port: u16) -> Cluster {
        let directory = tempfile::tempdir().expect("a temporary folder can be made");
        let arguments = ["-n", &count.to_string(), "-d", "--port", &port.to_string(), "-o", "json"];
        let ran = dev("up", directory.path(), &arguments);
        let nodes = serde_json::from_str::<Value>(ran.text()).expect("JSON")["nodes"].clone();
        Cluster { directory, nodes }
    }

    fn address(&self, node: usize) -> &str {
        self.nodes[node - 1]["address"].as_str().expect("an address")
    }

    /// Runs a command that asks this node first.
    fn ask(&self, node: usize, arguments: &[&str]) -> Ran {
        self.feed(node, arguments, b"")
    }

    fn feed(&self, node: usize, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = thalweg();
        command.args(arguments).env("THALWEG_BROKERS", self.address(node));
        run(command, input)
    }

    fn json(&self, node: usize, arguments: &[&str]) -> Value {
        json_of(&self.ask(node, &[arguments, &["-o", "json"]].concat()))
    }

    fn kill(&self, node: usize) {
        let pid = self.nodes[node - 1]["pid"].to_string();
        let sent = Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
        assert!(sent.success(), "node {node} has ended already");
    }

    /// Asks until it says so.
    fn wait_for(&self, node: usize, arguments: &[&str], so: impl Fn(&Ran) -> bool) -> Ran {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let ran = self.ask(node, arguments);
            if so(&ran) {
                return ran;
            }
            assert!(Instant::now() < deadline, "it does not come about: {ran:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        dev("down", self.directory.path(), &["--wipe"]);
    }
}

fn dev(what: &str, directory: &Path, arguments: &[&str]) -> Ran {
    let mut command = thalweg();
    command.args(["dev", what, "--dir"]).arg(directory).args(arguments);
    run(command, b"")
}

fn json_of(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.out).unwrap_or_else(|_| panic!("no JSON: {ran:?}"))
}

#[test]
fn three_nodes_are_one_cluster_and_commands_tell_what_becomes_of_it() {
    let cluster = Cluster::up(3, 12_000);
    let created = cluster.ask(1, &["topic", "create", "t", "-p", "3", "-r", "3"]);
    assert_eq!(created.text(), "TOPIC  STATUS\nt      created\n");
    cluster.wait_for(1, &["cluster", "health", "-w", "-e"], |ran| ran.code == Some(0));
    let healthy = cluster.wait_for(2, &["cluster", "health"], |ran| ran.code == Some(0));
    assert_eq!(healthy.text(), "healthy: 3 brokers, 3 partitions, all in sync\n");

    let info = cluster.json(3, &["cluster", "info"]);
    let leader = info["quorum"]["leader"].as_i64().expect("a controller leads");
    assert!((1..=3).contains(&leader), "{info}");
    let voters = info["quorum"]["voters"].as_array().expect("voters");
    assert!(voters.len() == 3 && voters.iter().all(|voter| voter["log_end_offset"].as_i64() > Some(0)), "{info}");
    assert_eq!(info["features"]["metadata.version"], json!({"level": 30, "min": 7, "max": 30}));
    assert_eq!(info["cluster_id"].as_str().map(str::len), Some(22));
    let text = cluster.ask(1, &["cluster", "info"]).text().to_owned();
    assert!(
        text.contains("leader") && text.contains("metadata.version") && text.contains(cluster.address(2)),
        "{text}"
    );

    let brokers = cluster.json(1, &["broker", "list"]);
    let facts = |broker: &Value| (broker["broker"].clone(), broker["fenced"].clone(), broker["replicas"].clone());
    let all: Vec<_> = brokers.as_array().expect("brokers").iter().map(facts).collect();
    assert_eq!(all, [1, 2, 3].map(|node| (json!(node), json!(false), json!(3))));

    cluster.feed(2, &["produce", "t", "-p", "0"], b"a\nb\n").text();
    a_dead_node_is_told_of(&cluster);
}

fn a_dead_node_is_told_of(cluster: &Cluster) {
    cluster.kill(3);
    let fenced = |ran: &Ran| {
        let kinds = &json_of(ran)["problems"];
        kinds.as_array().is_some_and(|problems| {
            ["broker-fenced", "under-replicated"].iter().all(|kind| problems.iter().any(|p| p["kind"] == *kind))
        })
    };
    let ran = cluster.wait_for(1, &["cluster", "health", "-o", "json"], fenced);
    assert_eq!(ran.code, Some(10));
    let said = cluster.ask(1, &["cluster", "health"]);
    said.failed(10, &[]);
    let said = String::from_utf8_lossy(&said.out).into_owned();
    assert!(said.contains("- broker 3 (") && said.contains("start node 3"), "{said}");
    assert!(said.contains("3 partitions") || said.contains("t-0, t-1, t-2"), "{said}");

    let described = cluster.json(1, &["topic", "describe", "t"]);
    for partition in described[0]["partitions"].as_array().expect("partitions") {
        assert_eq!((&partition["lag"]["3"], &partition["lag"]["1"]), (&Value::Null, &json!(0)), "{partition}");
        assert!(partition["eligible"].is_array() && partition["leader"] != json!(3), "{partition}");
    }
    let text = cluster.ask(1, &["topic", "describe", "t"]).text().to_owned();
    assert!(text.contains("ELIGIBLE") && text.contains("3:?"), "{text}");
    cluster.feed(2, &["produce", "t", "-p", "0"], b"c\n").text();
    assert_eq!(cluster.ask(1, &["consume", "t", "-p", "0", "-e"]).text(), "a\nb\nc\n");
}

#[test]
fn what_was_written_is_there_again_after_down_and_up() {
    let cluster = Cluster::up(1, 13_000);
    cluster.feed(1, &["produce", "t"], b"a\n").text();
    let directory = cluster.directory.path();
    dev("up", directory, &["-d"]).failed(1, &["runs in", "dev down", "--dir"]);
    let down = dev("down", directory, &[]);
    assert!(down.code == Some(0) && down.err.contains("1 node stopped") && down.err.contains("kept"), "{down:?}");
    cluster.ask(1, &["cluster", "health"]).failed(10, &[]);
    dev("up", directory, &["-n", "3", "-d"]).failed(2, &["has 1 nodes", "--wipe"]);
    assert!(dev("up", directory, &["-d"]).text().contains(cluster.address(1)));
    assert_eq!(cluster.ask(1, &["consume", "t", "-e"]).text(), "a\n");
}

#[test]
fn a_cluster_that_is_not_there_is_not_stopped() {
    let nowhere = tempfile::tempdir().expect("a temporary folder can be made");
    dev("down", nowhere.path(), &[]).failed(1, &["there is no cluster in", "--dir"]);
}

/// A process id may be anybody's by the time it is read again.
#[test]
fn a_process_that_is_not_of_the_cluster_is_left_alone() {
    let cluster = Cluster::up(1, 14_000);
    let directory = cluster.directory.path();
    dev("down", directory, &[]);
    let mut bystander = Command::new("sleep").arg("30").spawn().expect("sleep can be run");
    std::fs::write(directory.join("node-1/pid"), format!("{}\n", bystander.id())).expect("it can be written");
    assert!(dev("down", directory, &[]).err.contains("no node was running"));
    assert!(bystander.try_wait().expect("it is our child").is_none(), "it lives");
    bystander.kill().expect("it runs");
    bystander.wait().expect("it is our child");
}

#[test]
fn the_demo_keeps_its_promise_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = thalweg();
    command.args(["demo", "--rate", "300", "-o", "json"]).env("TMPDIR", temporary.path());
    let ran = run(command, b"");
    let measured = json_of(&ran);
    assert!(ran.code == Some(0) && ran.err.contains("kill -9  node"), "{ran:?}");
    assert_eq!(
        (&measured["lost"], &measured["duplicated"], &measured["out_of_order"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert!(measured["acknowledged"].as_u64() > Some(1000), "{measured}");
    assert_eq!(std::fs::read_dir(temporary.path()).expect("it is there").count(), 0);
}
