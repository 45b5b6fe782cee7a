//! Topics from their creation to their end.

use crate::process::{Ran, Server};
use serde_json::{Value, json};

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(ran.text()).expect("JSON")
}

#[test]
fn a_topic_lives_from_create_to_delete() {
    let server = Server::start();
    assert_eq!(server.run(&["topic", "list"]).text(), "TOPIC  PARTITIONS  REPLICAS\n");
    let created = server.run(&["topic", "create", "orders", "-p", "3", "-c", "retention.ms=86400000"]);
    assert_eq!(created.text(), "TOPIC   STATUS\norders  created\n");
    assert!(server.run(&["topic", "list"]).text().contains("\norders  3           1\n"));
    server.feed(&["produce", "orders", "-p", "1"], b"a\nb\n").text();

    let described = json_of(&server.run(&["topic", "describe", "orders", "-o", "json"]));
    let partitions = described[0]["partitions"].as_array().expect("partitions");
    let ends: Vec<&Value> = partitions.iter().map(|partition| &partition["end_offset"]).collect();
    assert_eq!(ends, [&json!(0), &json!(2), &json!(0)]);
    assert!(partitions.iter().all(|partition| partition["in_sync"] == json!([1])), "{described}");

    let changed = server.run(&["topic", "alter", "orders", "-p", "5", "-c", "cleanup.policy=compact"]);
    assert_eq!(changed.text(), "TOPIC   STATUS\norders  changed\n");
    server.run(&["topic", "alter", "orders", "--append", "cleanup.policy=delete", "--unset", "retention.ms"]).text();
    let text = server.run(&["topic", "describe", "orders"]).text().to_owned();
    assert!(text.contains("\n4          1"), "{text}");
    assert!(text.contains("compact,delete") && !text.contains("retention.ms"), "{text}");
    assert!(server.run(&["topic", "describe", "orders", "--all"]).text().contains("retention.ms"));

    assert_eq!(server.run(&["topic", "delete", "orders"]).text(), "TOPIC   STATUS\norders  deleted\n");
    assert_eq!(json_of(&server.run(&["topic", "list", "-o", "json"])), json!([]));
}

#[test]
fn a_dry_run_changes_nothing() {
    let server = Server::start();
    assert!(server.run(&["topic", "create", "t", "--dry-run"]).text().contains("can be created"));
    assert_eq!(json_of(&server.run(&["topic", "list", "-o", "json"])), json!([]));
    server.run(&["topic", "create", "t"]).text();
    let checked = server.run(&["topic", "alter", "t", "-p", "7", "-c", "retention.ms=5", "--dry-run"]);
    assert!(checked.text().contains("can be changed"));
    let described = json_of(&server.run(&["topic", "describe", "t", "-o", "json"]));
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(1));
    assert!(!described.to_string().contains("retention.ms"), "{described}");
}

/// A change of configs and partitions is two requests: the first must not be done when the second is refused.
#[test]
fn a_change_of_which_one_half_is_refused_is_not_half_done() {
    let server = Server::start();
    server.run(&["topic", "create", "t", "-p", "3"]).text();
    let refused = server.run(&["topic", "alter", "t", "-p", "2", "-c", "retention.ms=5"]);
    refused.failed(1, &["INVALID_PARTITIONS"]);
    assert!(!server.run(&["topic", "describe", "t"]).text().contains("retention.ms"));
}

#[test]
fn of_several_topics_each_is_told() {
    let server = Server::start();
    server.run(&["topic", "create", "b"]).text();
    let created = server.run(&["topic", "create", "c", "b", "a"]);
    created.failed(1, &["creating topic b: TOPIC_ALREADY_EXISTS", "--if-not-exists"]);
    assert_eq!(String::from_utf8_lossy(&created.out), "TOPIC  STATUS\nc      created\nb      failed\na      created\n");
    let again = server.run(&["topic", "create", "a", "d", "--if-not-exists", "-o", "json"]);
    assert_eq!(
        json_of(&again),
        json!([{"topic": "a", "status": "exists already"}, {"topic": "d", "status": "created"}])
    );
    server.run(&["topic", "delete", "a", "z"]).failed(1, &["deleting topic z: UNKNOWN_TOPIC_OR_PARTITION"]);
    assert!(server.run(&["topic", "delete", "z", "--if-exists"]).text().contains("does not exist"));
    let described = server.run(&["topic", "describe", "b", "z"]);
    described.failed(1, &["looking up topic z", "topic list"]);
    assert!(String::from_utf8_lossy(&described.out).contains("b      1"), "the other one is described");
}

#[test]
fn what_the_server_refuses_is_said_in_its_words_with_a_way_out() {
    let server = Server::start();
    let stories: [(&[&str], &[&str]); 5] = [
        (&["topic", "create", "a/b"], &["INVALID_TOPIC_EXCEPTION"]),
        (&["topic", "create", "t", "-r", "3"], &["INVALID_REPLICATION_FACTOR", "3"]),
        (&["topic", "create", "t", "-c", "retenshun.ms=5"], &["INVALID_CONFIG", "did you mean retention.ms"]),
        (&["topic", "alter", "t", "-p", "2"], &["UNKNOWN_TOPIC_OR_PARTITION", "topic list"]),
        (&["topic", "describe", "t"], &["UNKNOWN_TOPIC_OR_PARTITION", "topic list"]),
    ];
    for (arguments, says) in stories {
        server.run(arguments).failed(1, says);
    }
}
