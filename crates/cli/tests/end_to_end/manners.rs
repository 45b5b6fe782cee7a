//! Exit codes, what goes where, and how commands end.

use crate::process::{Running, Server, run, thalweg};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Whoever is told that something is wrong is told at once, not after a timeout, which is 30 s.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_server_that_is_not_there_is_told_soon_and_with_a_way_out() {
    let commands: [&[&str]; 4] = [&["produce", "t"], &["consume", "t"], &["topic", "list"], &["topic", "create", "t"]];
    for arguments in commands {
        let mut command = thalweg();
        command.args(arguments).args(["--brokers", "127.0.0.1:1"]);
        let ran = run(command, b"x\n");
        ran.failed(1, &["cannot connect to 127.0.0.1:1", "Connection refused", "--brokers HOST:PORT"]);
        assert!(ran.took < SOON && ran.out.is_empty(), "{ran:?}");
    }
}

#[test]
fn a_stranger_on_the_port_is_told_soon() {
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stranger.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for connection in stranger.incoming().flatten() {
            let _ = (&connection).write_all(b"SSH-2.0-OpenSSH_9.9\r\n"); // whether it listens is its affair
        }
    });
    let mut command = thalweg();
    command.args(["topic", "list", "-b", &address]);
    let ran = run(command, b"");
    ran.failed(1, &[&address]);
    assert!(ran.took < SOON, "{ran:?}");
}

#[test]
fn a_server_that_advertises_an_address_that_does_not_work_is_told_from_one_that_is_not_there() {
    let server = Server::start_with(&["advertised.listeners=PLAINTEXT://127.0.0.1:1"]);
    let ran = server.feed(&["produce", "t", "--timeout", "10"], b"x\n");
    ran.failed(1, &["cannot connect to 127.0.0.1:1", "advertised.listeners", server.address()]);
}

#[test]
fn a_topic_that_is_not_there_is_told_and_not_made_by_reading() {
    let server = Server::start();
    let ran = server.run(&["consume", "nope"]);
    ran.failed(1, &["topic nope", "UNKNOWN_TOPIC_OR_PARTITION", "topic list"]);
    assert!(ran.took < SOON, "{ran:?}");
    assert!(!server.run(&["topic", "list"]).text().contains("nope"));
    server.feed(&["produce", "a/b"], b"x\n").failed(1, &["INVALID_TOPIC_EXCEPTION", "names have letters"]);
}

#[test]
fn where_servers_make_no_topics_writing_to_one_that_is_not_there_fails_soon() {
    let server = Server::start_with(&["auto.create.topics.enable=false"]);
    let ran = server.feed(&["produce", "nope"], b"x\n");
    ran.failed(1, &["writing to nope", "UNKNOWN_TOPIC_OR_PARTITION", "topic create"]);
    assert!(ran.took < SOON, "{ran:?}");
}

#[test]
fn wrong_usage_is_two_and_says_what_is_right() {
    let stories: [(&[&str], &str); 16] = [
        (&["prodcue"], "produce"),
        (&["produce"], "<TOPIC>"),
        (&["consume", "t", "-o", "yesterday"], "use start, end"),
        (&["consume", "t", "-f", "%q"], "use %t"),
        (&["consume", "t", "--json", "-f", "%s"], "cannot be used with"),
        (&["produce", "t", "-K", ""], "cannot be empty"),
        (&["produce", "t", "-H", "=x"], "NAME=VALUE"),
        (&["produce", "t", "-z", "zip"], "zstd"),
        (&["topic", "alter", "t"], "--partitions"),
        (&["topic", "list", "-b", "http://localhost:9092"], "HOST:PORT"),
        (&["dev", "up", "-n", "0"], "1..=50"),
        (&["demo", "--rate", "fast"], "--rate"),
        (&["server", "--cluster-id", "mine"], "22 letters"),
        (&["server", "--feature", "group.version"], "NAME=LEVEL"),
        (&["server", "--feature", "group.versio=1"], "group.version, kraft.version"),
        (&["server", "--release-version", "2.8"], "3.9, 4.0"),
    ];
    for (arguments, says) in stories {
        let mut command = thalweg();
        command.args(arguments);
        let ran = run(command, b"");
        ran.failed(2, &[says]);
        assert!(ran.out.is_empty(), "{ran:?}");
    }
}

#[test]
fn a_new_cluster_starts_with_what_was_asked_for_and_keeps_it() {
    let id = "5L6g3nShT-eMCtK--X86sw";
    let options = ["--cluster-id", id, "--release-version", "4.0", "--feature", "transaction.version=1"];
    let mut server = Server::start_as(&options);
    let info = |server: &Server| -> serde_json::Value {
        serde_json::from_str(server.run(&["cluster", "info", "-o", "json"]).text()).expect("JSON")
    };
    let level = |info: &serde_json::Value, name: &str| info["features"][name]["level"].as_i64();
    let started = info(&server);
    assert_eq!(started["cluster_id"], id);
    assert_eq!((level(&started, "metadata.version"), level(&started, "group.version")), (Some(25), Some(1)));
    assert_eq!((level(&started, "transaction.version"), level(&started, "share.version")), (Some(1), Some(0)));
    server.kill();
    server.start_again();
    assert_eq!(info(&server)["features"], started["features"], "what is not asked for again stays");
    server.kill();
    let refused = server.run_again_as(&["--cluster-id", "6L6g3nShT-eMCtK--X86sw"]);
    refused.failed(1, &[id, "6L6g3nShT-eMCtK--X86sw", "log.dirs"]);
}

/// What the program takes for the levels it knows is what its controllers know.
#[test]
fn the_levels_that_can_be_asked_for_are_those_that_the_server_knows() {
    let server = Server::start();
    let text = server.run(&["cluster", "info", "-o", "json"]);
    let info: serde_json::Value = serde_json::from_str(text.text()).expect("JSON");
    for (name, levels) in info["features"].as_object().expect("features") {
        let (min, max) = (levels["min"].as_i64().expect("a level"), levels["max"].as_i64().expect("a level"));
        for (level, says) in
            [(min - 1, format!("the levels {min} to {max}")), (max + 1, format!("the levels {min} to {max}"))]
        {
            let mut command = thalweg();
            command.args(["server", "--feature", &format!("{name}={level}")]);
            run(command, b"").failed(2, &[&says]);
        }
    }
}

#[test]
fn a_cluster_that_nobody_answers_for_is_unhealthy() {
    let mut command = thalweg();
    command.args(["cluster", "health", "-b", "127.0.0.1:1"]);
    let ran = run(command, b"");
    ran.failed(10, &[]);
    let said = String::from_utf8_lossy(&ran.out).into_owned();
    assert!(said.contains("no broker answers: cannot connect to 127.0.0.1:1") && said.contains("--brokers"), "{said}");
    assert!(ran.took < SOON, "{ran:?}");
}

#[test]
fn every_command_has_help_with_an_example() {
    let commands: [&[&str]; 21] = [
        &[],
        &["cluster"],
        &["cluster", "info"],
        &["cluster", "health"],
        &["broker"],
        &["broker", "list"],
        &["dev"],
        &["dev", "up"],
        &["dev", "down"],
        &["demo"],
        &["server"],
        &["produce"],
        &["consume"],
        &["topic"],
        &["topic", "create"],
        &["topic", "list"],
        &["topic", "describe"],
        &["topic", "alter"],
        &["topic", "delete"],
        &["config"],
        &["config", "reference"],
    ];
    for arguments in commands {
        let mut command = thalweg();
        command.args(arguments).arg("--help");
        let help = run(command, b"");
        assert!(help.text().contains("Example") && help.text().contains("\n  thalweg "), "{arguments:?}: {help:?}");
    }
}

#[test]
fn ctrl_c_ends_a_reader_cleanly() {
    let server = Server::start();
    server.feed(&["produce", "t"], b"a\n").text();
    for signal in ["INT", "TERM"] {
        let reader = Running::start(server.command(&["consume", "t"]));
        reader.wait_for_data("\n");
        let asked = Instant::now();
        reader.signal(signal);
        let ran = reader.end();
        assert_eq!((ran.text(), ran.err.as_str()), ("a\n", ""));
        assert!(asked.elapsed() < SOON, "{ran:?}");
    }
}

#[test]
fn a_reader_gets_what_is_written_while_it_reads() {
    let server = Server::start();
    server.feed(&["produce", "t"], b"before\n").text();
    let reader = Running::start(server.command(&["consume", "t", "-n", "2"]));
    reader.wait_for_data("\n");
    server.feed(&["produce", "t"], b"after\n").text();
    assert_eq!(reader.end().text(), "before\nafter\n");
}

/// A record that was typed is written though the next line is not there yet, and Ctrl-C takes nothing back.
#[test]
fn a_writer_writes_what_it_has_and_ctrl_c_loses_none_of_it() {
    let server = Server::start();
    server.run(&["topic", "create", "t"]).text();
    let mut writer = Running::start(server.command(&["produce", "t"]));
    let mut stdin = writer.child.stdin.take().expect("a pipe");
    stdin.write_all(b"a\nb\nhal").expect("it reads");
    let reader = Running::start(server.command(&["consume", "t", "-n", "2"]));
    assert_eq!(reader.end().text(), "a\nb\n");
    writer.signal("INT");
    writer.end().failed(1, &["stopped before the end of the input", "2 records written to t"]);
    assert_eq!(server.run(&["consume", "t", "-e"]).text(), "a\nb\n");
    drop(stdin);
}

#[test]
fn a_pipe_that_nobody_reads_ends_a_command_quietly() {
    let server = Server::start();
    let lines: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    server.feed(&["produce", "t"], lines.as_bytes()).text();
    let commands: [&[&str]; 3] = [&["consume", "t"], &["topic", "describe", "t"], &["config", "reference"]];
    for arguments in commands {
        let mut command = server.command(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it is our child");
        assert_eq!(
            (ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn nobody_who_listens_to_messages_is_needed() {
    let server = Server::start();
    let mut command = server.command(&["produce", "t"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("runs");
    drop(child.stderr.take());
    child.stdin.take().expect("a pipe").write_all(b"a\n").expect("it reads");
    assert_eq!(child.wait().expect("it is our child").code(), Some(0), "the summary had no reader: no failure");
}

/// The client alone would try for ever and say nothing.
#[test]
fn a_reader_tells_when_the_server_goes_and_goes_on_when_it_is_back() {
    let mut server = Server::start();
    server.feed(&["produce", "t"], b"a\n").text();
    let reader = Running::start(server.command(&["consume", "t", "-n", "2"]));
    reader.wait_for_data("a\n");
    server.kill();
    reader.wait_until_it_says("still trying");
    server.start_again();
    reader.wait_until_it_says("connected again");
    server.feed(&["produce", "t"], b"b\n").text();
    let ran = reader.end();
    assert_eq!(ran.text(), "a\nb\n");
    assert_eq!(ran.err.matches("still trying").count(), 1, "said once: {}", ran.err);
}

#[test]
fn a_reader_that_waits_for_an_end_does_not_wait_for_ever() {
    let mut server = Server::start();
    // More than the reader holds, as nobody takes what it writes.
    let lines = format!("{}\n", "x".repeat(1000)).repeat(8000);
    server.feed(&["produce", "t"], lines.as_bytes()).text();
    let mut command = server.command(&["consume", "t", "-e", "--timeout", "1"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    std::thread::sleep(Duration::from_millis(500));
    server.kill();
    let ended = child.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(1) && said.contains("cannot connect to"), "{said}");
    assert!(lines.as_bytes().starts_with(&ended.stdout), "what came before is whole");
}

#[test]
fn a_writer_whose_server_goes_tells_what_is_written_and_what_is_in_doubt() {
    let mut server = Server::start();
    server.run(&["topic", "create", "t"]).text();
    let mut writer = Running::start(server.command(&["produce", "t", "--timeout", "10", "--report"]));
    let mut stdin = writer.child.stdin.take().expect("a pipe");
    stdin.write_all(b"a\n").expect("it reads");
    writer.wait_for_data("0 0\n");
    server.kill();
    stdin.write_all(b"b\n").expect("it reads");
    writer.end().failed(1, &["record 2", "1 record written to t"]);
}

#[test]
fn a_reader_whose_topic_is_deleted_ends() {
    let server = Server::start();
    server.feed(&["produce", "t"], b"a\n").text();
    let reader = Running::start(server.command(&["consume", "t"]));
    reader.wait_for_data("\n");
    server.run(&["topic", "delete", "t"]).text();
    reader.end().failed(1, &["topic t was deleted"]);
}
