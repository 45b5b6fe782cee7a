//! What goes in comes out.

use crate::process::Server;
use serde_json::{Value, json};

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn lines_come_back_as_they_were_and_in_order() {
    let server = Server::start();
    let written = server.feed(&["produce", "greetings"], b"hello\n\nworld");
    assert_eq!(written.text(), "");
    assert!(written.err.contains("3 records written to greetings"), "{}", written.err);
    let read = server.run(&["consume", "greetings", "-e"]);
    assert_eq!((read.text(), read.err.as_str()), ("hello\n\nworld\n", ""));
}

#[test]
fn keys_headers_and_null_come_back() {
    let server = Server::start();
    let arguments = ["produce", "t", "-K", ":", "-Z", "-H", "a=1", "-H", "a", "-H", "b=", "--report", "-q"];
    let written = server.feed(&arguments, b"k:v\nk:\n:v:w\nalone\n");
    assert_eq!((written.text(), written.err.as_str()), ("0 0\n0 1\n0 2\n0 3\n", ""));
    let read = server.run(&["consume", "t", "-e", "-f", r"%t/%p@%o %k(%K) %s(%S) %h\n"]);
    let headers = "a=1,a=NULL,b=";
    let expected = format!(
        "t/0@0 k(1) v(1) {headers}\nt/0@1 k(1) (-1) {headers}\nt/0@2 (-1) v:w(3) {headers}\nt/0@3 (-1) alone(5) {headers}\n"
    );
    assert_eq!(read.text(), expected);
    assert_eq!(server.run(&["consume", "t", "-e", "-n", "2", "-K", " => ", "--null", "~"]).text(), "k => v\nk => ~\n");
}

#[test]
fn every_codec_is_read_back_and_the_log_has_fewer_bytes() {
    let server = Server::start();
    let lines: String = (0..5000).map(|number| format!("record number {number} of this codec\n")).collect();
    let mut plain = 0;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let written = server.feed(&["produce", codec, "-z", codec], lines.as_bytes());
        assert!(written.err.contains("5000 records"), "{}", written.err);
        assert!(server.run(&["consume", codec, "-e"]).text() == lines, "{codec} gives back what it got");
        let bytes = server.log_bytes(codec);
        plain = plain.max(bytes);
        assert!(bytes > 0 && (codec == "none" || bytes < plain / 2), "{codec} makes {bytes} bytes of {plain}");
    }
}

#[test]
fn json_carries_every_byte_from_topic_to_topic() {
    let server = Server::start();
    let lines = [
        json!({"key": "k", "value": "v\n\"\u{1f980}", "headers": [{"name": "h", "value": "1"}, {"name": "h", "value": null}]}),
        json!({"key_base64": "/w==", "value": null, "timestamp": 1_700_000_000_000_i64}),
        json!({"value_base64": "AP+A", "headers": [{"name_base64": "gA==", "value_base64": "/w=="}]}),
        json!({"key": "", "value": ""}),
    ];
    let input = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    server.feed(&["produce", "a", "--json"], input.as_bytes()).text();
    let first = server.run(&["consume", "a", "--json", "-e"]);
    server.feed(&["produce", "b", "--json"], first.text().as_bytes()).text();
    let (first, second) = (json_lines(first.text()), json_lines(server.run(&["consume", "b", "--json", "-e"]).text()));
    assert_eq!(first.len(), 4);
    for (number, ((asked, first), second)) in lines.iter().zip(&first).zip(&second).enumerate() {
        assert_eq!((&first["topic"], &second["topic"]), (&json!("a"), &json!("b")));
        assert_eq!(first["offset"], json!(number));
        for name in ["key", "key_base64", "value", "value_base64", "headers", "timestamp"] {
            assert_eq!(first.get(name), second.get(name), "{name} of the copy of {asked}");
            assert!(asked.get(name).is_none() || asked.get(name) == first.get(name), "{name} of {asked}: {first}");
        }
    }
}

#[test]
fn a_file_or_nothing_at_all_can_be_a_record() {
    let server = Server::start();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    server.feed(&["produce", "files", "-k", "a", "--whole"], &bytes).text();
    server.run(&["produce", "files", "-k", "a", "--null"]).text();
    assert!(server.run(&["consume", "files", "-n", "1", "-f", "%s"]).out == bytes, "every byte comes back");
    assert_eq!(server.run(&["consume", "files", "-e", "-f", r"%k %S\n"]).text(), "a 100000\na -1\n");
}

#[test]
fn reading_starts_where_it_is_told() {
    let server = Server::start();
    server.feed(&["produce", "t"], b"a\nb\nc\nd\ne\n").text();
    for (start, expected) in [("start", "a b c d e"), ("3", "d e"), ("-2", "d e"), ("-99", "a b c d e"), ("5", "")] {
        let read = server.run(&["consume", "t", "-e", "-o", start, "-f", "%s "]);
        assert_eq!(read.text().trim(), expected, "from {start}");
    }
    for (start, expected) in [("end", ""), ("@0", "a b c d e"), ("@-1h", "a b c d e"), ("@99999999999999", "")] {
        let read = server.run(&["consume", "t", "-e", "-o", start, "-f", "%s "]);
        assert_eq!(read.text().trim(), expected, "from {start}");
    }
    server.run(&["consume", "t", "-o", "6", "-e"]).failed(1, &["t-0 has no offset 6", "the next record will be 5"]);
}

#[test]
fn keys_choose_partitions_and_readers_may_too() {
    let server = Server::start();
    server.run(&["topic", "create", "t", "-p", "4"]).text();
    let lines: String = (0..40).map(|number| format!("key{number}:{number}\n")).collect();
    server.feed(&["produce", "t", "-K", ":"], lines.as_bytes()).text();
    server.feed(&["produce", "t", "-p", "2", "-k", "mine"], b"x\n").text();
    let mut read: Vec<u32> = Vec::new();
    for partition in ["0", "1", "2", "3"] {
        let text = server.run(&["consume", "t", "-e", "-p", partition, "-f", r"%p %k %s\n"]).text().to_owned();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert!(lines.len() > 2, "keys are spread: {text}");
        assert!(lines.iter().all(|line| line[0] == partition), "{text}");
        assert_eq!(partition == "2", lines.iter().any(|line| line[1] == "mine"), "{text}");
        read.extend(lines.iter().filter_map(|line| line[2].parse::<u32>().ok()));
    }
    read.sort_unstable();
    assert_eq!(read, (0..40).collect::<Vec<_>>(), "each record is in one partition");
    let two = server.run(&["consume", "t", "-e", "-p", "1,3", "-f", r"%p\n"]);
    assert!(two.text().lines().all(|partition| ["1", "3"].contains(&partition)), "{two:?}");
    server.run(&["consume", "t", "-p", "4"]).failed(2, &["no partition 4", "0 to 3"]);
    server.feed(&["produce", "t", "-p", "4"], b"x\n").failed(1, &["record 1 was not written", "4 partitions"]);
}

#[test]
fn records_up_to_the_limit_pass_and_larger_ones_are_named() {
    let server = Server::start();
    server.run(&["topic", "create", "t", "-c", "max.message.bytes=5000"]).text();
    let (fits, too_large) = ("x".repeat(4000), "y".repeat(6000));
    server.feed(&["produce", "t"], format!("{fits}\n{fits}\n").as_bytes()).text();
    let refused = server.feed(&["produce", "t"], format!("{fits}\n{too_large}\n").as_bytes());
    refused.failed(1, &["record 2 was not written", "MESSAGE_TOO_LARGE", "max.message.bytes", "1 record written"]);
    let refused = server.feed(&["produce", "t", "--max-record-bytes", "3999"], format!("a\n{fits}\n").as_bytes());
    refused.failed(1, &["record 2 of the input", "--max-record-bytes", "1 record written"]);
    assert_eq!(server.run(&["consume", "t", "-e", "-f", r"%S\n"]).text(), "4000\n4000\n4000\n1\n");
}

#[test]
fn what_is_no_record_is_named_and_what_came_before_it_is_written() {
    let server = Server::start();
    let bad = server.feed(&["produce", "t", "--json"], b"{\"value\": \"good\"}\n{\"vaule\": \"bad\"}\n");
    bad.failed(1, &["record 2 of the input", "no 'vaule'", "1 record written to t"]);
    let bad = server.feed(&["produce", "t", "--json"], b"good\n");
    bad.failed(1, &["record 1 of the input", "not JSON", "0 records written to t"]);
    assert_eq!(server.run(&["consume", "t", "-e"]).text(), "good\n");
}

#[test]
fn a_writer_that_wants_no_acknowledgement_gets_none() {
    let server = Server::start();
    for acks in ["none", "leader", "all", "0", "1"] {
        server.feed(&["produce", "t", "--acks", acks], acks.as_bytes()).text();
        let last = server.run(&["consume", "t", "-n", "1", "-o", "-1"]);
        assert_eq!(last.text().trim(), acks);
    }
}
