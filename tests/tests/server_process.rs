//! The server as an operator meets it: how it starts, what it refuses, how it stops.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about a real process in real time

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tests::{Server, refused};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

#[test]
fn it_is_ready_soon_and_says_where() {
    let folder = folder();
    let server = Server::start(&folder.path().join("data"), &[]);
    // The promise is 100 ms for a release build on a quiet machine.
    assert!(server.took() < Duration::from_secs(30), "{:?}", server.took());
    let ready: Vec<String> = server.log().lines().filter(|line| line.contains("ready in")).map(str::to_owned).collect();
    assert_eq!(ready.len(), 1, "{ready:?}");
    assert!(ready[0].contains(server.address()), "{ready:?}");
    TcpStream::connect(server.address()).expect("what says that it is ready takes connections");
}

#[test]
fn sigterm_stops_it_cleanly() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data, &[]);
    let connection = TcpStream::connect(server.address()).expect("it takes connections");
    let ended = server.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(ended.took < Duration::from_secs(15), "an idle connection held the stop up: {:?}", ended.took);
    assert!(data.join(".kafka_cleanshutdown").exists(), "what it leaves is marked as clean, as Kafka marks it");
    drop(connection);
}

/// Whoever is told "ready" may stop it at once. The signal once ended the process, as its handler was not there yet.
#[test]
fn sigterm_right_after_ready_stops_it_cleanly() {
    let folder = folder();
    for round in 0..20 {
        let ended = Server::start(folder.path(), &[]).stop();
        assert_eq!(ended.status.code(), Some(0), "round {round}: {}: {}", ended.status, ended.log);
    }
}

#[test]
fn a_second_server_on_a_directory_is_refused_and_the_first_is_not_disturbed() {
    let folder = folder();
    let first = Server::start(folder.path(), &[]);
    let second = refused(folder.path(), &[]);
    assert_eq!(second.status.code(), Some(1), "{}", second.log);
    let path = folder.path().to_string_lossy();
    assert!(second.log.contains(&*path), "it says which directory: {}", second.log);
    assert!(second.log.contains("another process"), "it says why: {}", second.log);
    assert_eq!(first.stop().status.code(), Some(0));
    assert_eq!(Server::start(folder.path(), &[]).stop().status.code(), Some(0), "the lock is gone with its holder");
}

#[test]
fn a_lock_does_not_outlive_a_killed_server() {
    let folder = folder();
    Server::start(folder.path(), &[]).kill();
    Server::start(folder.path(), &[]);
}

#[test]
fn a_port_in_use_is_named_with_a_way_out() {
    let (one, other) = (folder(), folder());
    let first = Server::start(one.path(), &[]);
    let listeners = format!("listeners=PLAINTEXT://{}", first.address());
    let second = refused(other.path(), &[&listeners]);
    assert_eq!(second.status.code(), Some(1), "{}", second.log);
    assert!(second.log.contains(first.address()), "it says where: {}", second.log);
    assert!(second.log.contains("another process uses the port"), "it says why: {}", second.log);
    assert!(second.log.contains("--set listeners="), "it says what to do: {}", second.log);
}

#[test]
fn wrong_configuration_is_wrong_usage_and_says_what_to_do() {
    let folder = folder();
    let stories = [
        ("log.retension.hours=5", "log.retention.hours"),
        ("num.partitions=many", "num.partitions"),
        ("num.partitions=0", "num.partitions"),
        ("thalweg.journal.max.bytes=65536", "use 16777216 or more"),
        ("num.partitions", "="),
    ];
    for (setting, hint) in stories {
        let ended = refused(folder.path(), &[setting]);
        assert_eq!(ended.status.code(), Some(2), "{setting}: {}", ended.log);
        assert!(ended.log.contains(hint), "{setting} wants {hint:?}: {}", ended.log);
        assert!(ended.log.lines().count() <= 3, "{setting} is answered in a sentence: {}", ended.log);
    }
}

#[test]
fn strangers_on_the_port_are_told_apart_and_do_no_harm() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    // What a browser sends, and how a TLS client begins.
    for hello in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0]]
    {
        let mut stranger = TcpStream::connect(server.address()).expect("it takes connections");
        stranger.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        stranger.write_all(hello).expect("a socket takes a few bytes");
        let mut answer = Vec::new();
        let _ = stranger.read_to_end(&mut answer); // an end or a reset: either way it does not wait for us
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while !(server.log().contains("HTTP") && server.log().contains("TLS")) {
        let log = server.log();
        assert!(Instant::now() < deadline, "an HTTP request and a TLS hello are called so: {log}");
        std::thread::sleep(Duration::from_millis(10));
    }
    let ended = server.stop();
    assert_eq!(ended.status.code(), Some(0), "{}: {}", ended.status, ended.log);
}

/// Processor time alone would say more about the machine than about the server: a page that nobody has touched for a second
/// can cost a virtual machine 10 microseconds, and each of a few wake-ups touches hundreds.
#[test]
fn an_idle_server_rests() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    // On a busy machine the start may take a while to be over.
    let mut seen = Vec::new();
    let is_quiet = |(wake_ups, share): (f64, f64)| wake_ups < 20.0 && share < 0.2;
    let mut rests = (0..5).map(|_| watch(&server)).inspect(|watched| seen.push(*watched)).map(is_quiet);
    assert!(
        rests.any(|rests| rests),
        "something in an idle server never rests: wake-ups a second and share of a core: {seen:?}"
    );
}

/// How often it wakes up in a second, and its share of a core.
fn watch(server: &Server) -> (f64, f64) {
    let (rests, time, began) = (server.rests(), server.processor_time(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let after = server.rests();
    let wake_ups: u64 =
        after.iter().map(|(thread, count)| count.saturating_sub(rests.get(thread).copied().unwrap_or(0))).sum();
    // A thread that has ended takes its time with it.
    let worked = server.processor_time().saturating_sub(time);
    let took = began.elapsed().as_secs_f64();
    (wake_ups as f64 / took, worked.as_secs_f64() / took)
}
