//! Groups: reading in one, looking at one, moving one.

use crate::process::{Running, Server};
use client::group::assignors::Assignor;
use client::{ClientConfig, Cluster, ConsumerConfig, GroupConfig, GroupConsumer, GroupProtocol, OffsetReset};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn server() -> Server {
    Server::start_with(&[
        "group.initial.rebalance.delay.ms=0",
        "group.consumer.assignment.interval.ms=0",
        "group.consumer.heartbeat.interval.ms=100",
        "group.consumer.min.heartbeat.interval.ms=100",
        "offsets.topic.num.partitions=3",
    ])
}

fn json(server: &Server, arguments: &[&str]) -> Value {
    let ran = server.run(&[arguments, &["-o", "json"]].concat());
    serde_json::from_str(ran.text()).expect("JSON")
}

const PROTOCOLS: [&str; 2] = ["classic", "consumer"];

#[test]
fn a_group_goes_on_where_it_stopped_whatever_its_protocol() {
    let server = server();
    server.feed(&["produce", "t"], b"a\nb\nc\n").text();
    for protocol in PROTOCOLS {
        let read = |extra: &[&str]| {
            let arguments = [&["consume", "t", "-g", protocol, "--protocol", protocol], extra].concat();
            server.run(&arguments).text().to_owned()
        };
        assert_eq!(read(&["-n", "2"]), "a\nb\n", "{protocol}");
        let group = &json(&server, &["group", "describe", protocol])[0];
        assert_eq!((&group["lag"], &group["kind"], &group["state"]), (&1.into(), &protocol.into(), &"Empty".into()));
        assert!(group["age_ms"].as_i64().is_some_and(|age| (0..60_000).contains(&age)), "{group}");
        assert_eq!(read(&["-e", "--no-commit"]), "c\n", "what was read and not printed is not committed");
        assert_eq!(read(&["-e"]), "c\n");
        assert_eq!(read(&["-e"]), "");
        let group = &json(&server, &["group", "describe", protocol])[0];
        assert_eq!((&group["lag"], &group["age_ms"]), (&0.into(), &0.into()));
    }
    let listed = server.run(&["group", "list"]).text().to_owned();
    assert!(listed.contains("classic   classic   Empty") && listed.contains("consumer  consumer  Empty"), "{listed}");
}

#[test]
fn members_share_and_who_is_interrupted_leaves_at_once() {
    let server = server();
    server.run(&["topic", "create", "t", "-p", "4"]).text();
    for protocol in PROTOCOLS {
        let member = || Running::start(server.command(&["consume", "t", "-g", protocol, "--protocol", protocol]));
        let reads = || -> Vec<usize> {
            let ran = server.run(&["group", "members", protocol, "-o", "json"]);
            let Ok(groups) = serde_json::from_slice::<Value>(&ran.out) else { return Vec::new() };
            let members = groups[0]["members"].as_array().cloned().unwrap_or_default();
            members.iter().map(|member| member["reads"].as_array().map_or(0, Vec::len)).collect()
        };
        let wait_for = |expected: &[usize]| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while reads() != expected {
                assert!(Instant::now() < deadline, "{protocol}: {:?} is not {expected:?}", reads());
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        let (first, second) = (member(), member());
        wait_for(&[2, 2]);
        let refused = server.run(&["group", "seek", protocol, "--to", "start", "--topic", "t"]);
        refused.failed(1, &["has 2 members", "group members"]);
        server.run(&["group", "delete", protocol]).failed(1, &["NON_EMPTY_GROUP", "group members"]);
        second.signal("INT");
        assert_eq!(second.end().code, Some(0));
        wait_for(&[4]);
        first.signal("INT");
        assert_eq!(first.end().code, Some(0));
        wait_for(&[]);
        let why = json(&server, &["group", "why", protocol]);
        let causes: Vec<&str> =
            why["rebalances"].as_array().expect("some").iter().filter_map(|r| r["cause"].as_str()).collect();
        for cause in ["a member joined", "a member left"] {
            assert!(causes.contains(&cause), "{protocol}: {why}");
        }
        let table = server.run(&["group", "why", protocol]).text().to_owned();
        assert!(table.starts_with("TIME") && table.contains("a member left"), "{table}");
    }
}

#[test]
fn a_group_is_moved_where_it_is_told_and_a_rehearsal_moves_nothing() {
    let server = server();
    server.feed(&["produce", "t"], b"a\nb\nc\nd\n").text();
    server.run(&["consume", "t", "-g", "g", "-e"]).text();
    let committed = || json(&server, &["group", "describe", "g"])[0]["partitions"][0]["committed"].clone();
    let rehearsed = json(&server, &["group", "seek", "g", "--to", "start", "--dry-run"]);
    assert_eq!((&rehearsed[0]["from"], &rehearsed[0]["to"], committed()), (&4.into(), &0.into(), 4.into()));
    for (to, expected) in
        [("start", 0), ("end", 4), ("2", 2), ("-1", 3), ("@0", 0), ("@-1h", 0), ("@99999999999999", 4)]
    {
        let moved = json(&server, &["group", "seek", "g", "--to", to]);
        assert_eq!((&moved[0]["status"], committed()), (&"moved".into(), expected.into()), "to {to}");
    }
    server.run(&["group", "seek", "g", "--to", "2"]).text();
    assert_eq!(server.run(&["consume", "t", "-g", "g", "-e"]).text(), "c\nd\n");
    server.run(&["group", "seek", "g", "--to", "9"]).failed(1, &["t-0 has no offset 9", "the next record will be 4"]);
    server.run(&["group", "seek", "g", "--to", "soon"]).failed(2, &["use start, end"]);
    server.run(&["group", "seek", "g", "--to", "start", "-p", "0"]).failed(2, &["--topic"]);
    server.run(&["group", "seek", "new", "--to", "end"]).failed(1, &["new", "GROUP_ID_NOT_FOUND", "group list"]);
    server.run(&["group", "seek", "new", "--to", "3", "--topic", "t"]).text();
    assert_eq!(server.run(&["consume", "t", "-g", "new", "-e"]).text(), "d\n");
}

#[test]
fn groups_that_are_not_there_are_told_with_a_way_out() {
    let server = server();
    for command in ["describe", "members", "why", "watch", "delete"] {
        server.run(&["group", command, "nope"]).failed(1, &["group nope", "GROUP_ID_NOT_FOUND", "group list"]);
    }
    assert!(server.run(&["group", "delete", "nope", "--if-exists"]).text().contains("does not exist"));
    server.feed(&["produce", "t"], b"a\n").text();
    server.run(&["consume", "t", "-g", "g", "-e"]).text();
    assert!(server.run(&["group", "delete", "g"]).text().contains("deleted"));
    assert!(!server.run(&["group", "list"]).text().contains('g'));
    server.run(&["consume", "t", "-g", "g", "-o", "5"]).failed(2, &["start or end", "group seek"]);
    server.run(&["consume", "t", "--no-commit"]).failed(2, &["--group"]);
}

#[test]
fn a_watcher_sees_the_lag_and_an_object_a_line() {
    let server = server();
    server.feed(&["produce", "t"], b"a\nb\n").text();
    server.run(&["consume", "t", "-g", "g", "-n", "1"]).text();
    let seen = server.run(&["group", "watch", "g", "-n", "2", "-o", "json"]).text().to_owned();
    let lines: Vec<Value> = seen.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["lag"], &lines[1]["rate"], &lines[0]["rate"]), (&1.into(), &0.into(), &Value::Null));
    let seen = server.run(&["group", "watch", "g", "-n", "1"]).text().to_owned();
    assert!(seen.starts_with("TIME") && seen.contains("Empty"), "{seen}");
}

/// What every member polled, by value.
type Polled = BTreeMap<String, usize>;

async fn poll_for(members: &mut [GroupConsumer], time: Duration, polled: &mut Polled) {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        for member in members.iter_mut() {
            for record in member.poll(Duration::from_millis(20)).await.expect("nothing stands in the way") {
                let value = String::from_utf8_lossy(record.value.as_deref().expect("a value")).into_owned();
                *polled.entry(value).or_default() += 1;
            }
        }
    }
}

/// Polls until the members share `partitions` as evenly as they can.
async fn settle(members: &mut [GroupConsumer], partitions: usize, polled: &mut Polled) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        poll_for(members, Duration::from_millis(100), polled).await;
        let shares: Vec<usize> = members.iter().map(|member| member.assignment().count()).collect();
        let (least, most) = (partitions / members.len(), partitions.div_ceil(members.len()));
        if shares.iter().sum::<usize>() == partitions && shares.iter().all(|share| (least..=most).contains(share)) {
            return;
        }
        assert!(Instant::now() < deadline, "they do not settle: {shares:?}");
    }
}

fn settings(protocol: GroupProtocol, assignors: &[Assignor], number: usize) -> GroupConfig {
    let consumer = ConsumerConfig { offset_reset: OffsetReset::Earliest, ..ConsumerConfig::default() };
    GroupConfig {
        protocol,
        assignors: assignors.to_vec(),
        heartbeat_interval: Duration::from_millis(100),
        session_timeout: Duration::from_secs(10),
        consumer,
        ..GroupConfig::of(format!("group-{number}"))
    }
}

#[test]
fn members_of_every_kind_share_and_hand_over_without_a_record_lost_or_read_twice() {
    let server = server();
    server.run(&["topic", "create", "t", "-p", "6"]).text();
    let kinds: [(GroupProtocol, &[Assignor]); 6] = [
        (GroupProtocol::Classic, &[Assignor::Range]),
        (GroupProtocol::Classic, &[Assignor::RoundRobin]),
        (GroupProtocol::Classic, &[Assignor::Sticky]),
        (GroupProtocol::Classic, &[Assignor::CooperativeSticky]),
        (GroupProtocol::Classic, &[Assignor::Range, Assignor::CooperativeSticky]),
        (GroupProtocol::Consumer, &[]),
    ];
    let feed = |from: usize| {
        let lines: String = (from..from + 100).map(|number| format!("{number}\n")).collect();
        server.feed(&["produce", "t"], lines.as_bytes()).text();
    };
    let story = async {
        feed(0);
        let mut written = 100;
        for (number, (protocol, assignors)) in kinds.into_iter().enumerate() {
            let member = || {
                let cluster = Cluster::new(ClientConfig::of(server.address()));
                let mut member = GroupConsumer::new(&cluster, settings(protocol, assignors, number)).expect("settings");
                member.subscribe(&["t"]);
                member
            };
            let mut polled = Polled::new();
            let mut members = vec![member(), member()];
            settle(&mut members, 6, &mut polled).await;
            members.push(member());
            settle(&mut members, 6, &mut polled).await;
            feed(written);
            written += 100;
            poll_for(&mut members, Duration::from_millis(300), &mut polled).await;
            members.remove(0).close().await;
            settle(&mut members, 6, &mut polled).await;
            for member in members {
                member.close().await;
            }
            let mut last = vec![member()];
            settle(&mut last, 6, &mut polled).await;
            let deadline = Instant::now() + Duration::from_secs(60);
            while polled.len() < written && Instant::now() < deadline {
                poll_for(&mut last, Duration::from_millis(100), &mut polled).await;
            }
            // Long enough for what would come twice.
            poll_for(&mut last, Duration::from_millis(300), &mut polled).await;
            last.remove(0).close().await;
            assert_eq!(polled.len(), written, "{protocol:?} {assignors:?}");
            let twice: Vec<_> = polled.iter().filter(|(_, count)| **count > 1).collect();
            assert!(twice.is_empty(), "{protocol:?} {assignors:?}: {twice:?}");
        }
    };
    runtime::task::run(2, story).expect("a runtime");
}
