//! Stories of the page: what is on it, and that a browser draws it where one is installed.
#![allow(clippy::disallowed_methods)] // looks for a browser, and gives it a file

use super::*;
use crate::report::recording::{Known, Life, Message, NodeState, PartitionTrack, Recording, ReplicaState};
use jepsen_lite::history::{
    Acks, Action, Answer, CreateTopic, FaultKind, FaultNature, History, Member, Outcome, Produce, Received, RecordId,
    Recorder, Sent, Session,
};
use model::TopicPartition;
use std::collections::BTreeMap;
use std::process::Command;

const SECOND: u64 = 1_000_000_000;

fn produce(number: u32) -> Action {
    let records = vec![Sent { id: RecordId::new(0, number), content: 7, timestamp: -1, key: None }];
    let partition = TopicPartition::new("t", 0);
    Action::Produce(Produce { partition, topic_id: None, acks: Acks::All, one_batch: true, records })
}

/// Three nodes, one partition, so many writes, of which the last is acknowledged and lost.
fn history(writes: u32) -> History {
    let mut book = Recorder::new();
    book.members((1..=3).map(|node| Member { node, votes: true, rack: None }).collect());
    book.session(Session { process: 1, idempotent: true, may_resend: true, producer: None });
    let configs = BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]);
    let create = CreateTopic { topic: "t".into(), partitions: 1, replicas: 3, configs };
    let made = book.invoke(1, 0, Action::CreateTopic(create));
    book.complete(2, made, Outcome::Ok(Answer::Created { topic_id: None }));
    let detail = "<b>not</b> </script> {{TITLE}}".to_owned();
    let nature = FaultNature { kind: FaultKind::OneWayCut, node: 2, file: None, partition: None, detail };
    let fault = book.fault_begins(SECOND, nature);
    book.fault_ends(2 * SECOND, fault);
    for number in 0..writes {
        let at = SECOND + u64::from(number) * 1_000_000;
        let write = book.invoke(at, 1, produce(number));
        book.complete(at + 400_000, write, Outcome::Ok(Answer::Produced { base_offset: Some(i64::from(number)) }));
    }
    let end = SECOND + u64::from(writes) * 1_000_000;
    book.healed(end);
    let scan = book.invoke(end + 1, 9, Action::Scan { partition: TopicPartition::new("t", 0) });
    let there = |number: u32| Received {
        offset: i64::from(number),
        id: RecordId::new(0, number),
        content: 7,
        timestamp: -1,
        epoch: 1,
    };
    let records: Vec<Received> = (0..writes - 1).map(there).collect();
    let last = i64::from(writes) - 1;
    book.complete(end + 2, scan, Outcome::Ok(Answer::Scanned { log_start: 0, end: last, records }));
    book.finish()
}

fn recording(states: u64, messages: u64) -> Recording {
    let life = |node, began, ended| Life { node, began, ended, how: "power failed".into() };
    let serves = |node, at| NodeState { at, node, serves: true, controls: node == 1, quorum_epoch: 1, fenced: false };
    let end = |at: u64| ReplicaState {
        at: at * 1000,
        open: true,
        leads: false,
        epoch: 3,
        start: 0,
        end: at as i64,
        high_watermark: at as i64,
    };
    let leads = |state: ReplicaState| ReplicaState { leads: true, ..state };
    let replicas =
        BTreeMap::from([(1, (0..states).map(end).map(leads).collect()), (2, (0..states).map(end).collect())]);
    let known =
        |at, isr: &[i32]| Known { at, leader: Some(1), leader_epoch: 3, isr: isr.to_vec(), replicas: vec![1, 2, 3] };
    let track = PartitionTrack { known: vec![known(0, &[1, 2, 3]), known(1_200_000, &[1, 3])], replicas };
    Recording {
        title: "seed 1 of a story".into(),
        ended: 3_000_000,
        nodes: 3,
        clients: BTreeMap::from([(1, "producer-0".to_owned()), (9, "scanner".to_owned())]),
        lives: vec![life(1, 0, None), life(2, 0, Some(900_000)), life(2, 950_000, None), life(3, 0, None)],
        states: vec![serves(1, 20_000), serves(2, 30_000), serves(3, 40_000)],
        partitions: BTreeMap::from([("t-0".to_owned(), track)]),
        messages: (0..messages)
            .map(|at| Message { at: at * 10, from: 1, to: 2, api: 1, answer: at % 2 == 1, bytes: 90 })
            .collect(),
        ..Recording::default()
    }
}

fn page(writes: u32, states: u64, messages: u64) -> (Story, String) {
    let story = Story::new(history(writes), recording(states, messages), None);
    let page = of(&story);
    (story, page)
}

/// The text between two tags.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    page.split_once(from).expect(from).1.split_once(to).expect(to).0
}

/// Tags that stay open, or close what is not open; what scripts and styles hold is not looked at.
fn unbalanced(page: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        rest = after;
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if tag.starts_with('!') || ["meta", "input"].contains(&name.as_str()) {
            continue;
        }
        if tag.starts_with('/') {
            if open.pop().as_ref() != Some(&name) {
                return vec![format!("</{name}> closes nothing")];
            }
            continue;
        }
        if ["script", "style"].contains(&name.as_str()) {
            rest = rest.split_once(&format!("</{name}>")).expect("it ends").1;
            continue;
        }
        open.push(name);
    }
    open
}

#[test]
fn the_page_is_well_formed_whole_and_asks_nobody_for_anything() {
    let (_, page) = page(50, 100, 200);
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    let ids = [
        "head",
        "witnesses",
        "controls",
        "filter",
        "messages",
        "picture",
        "lanes",
        "detail",
        "ladder",
        "rungs",
        "data",
    ];
    for id in ids {
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    for word in
        ["http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "XMLHttp", "prefers-color-scheme: light"]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn what_is_wrong_is_told_in_a_sentence() {
    let (story, page) = page(50, 100, 200);
    let first = &story.witnesses[0];
    assert_eq!((first.class.as_str(), first.partition.as_deref()), ("lost-write", Some("t-0")));
    let told = between(&page, "<section id=\"witnesses\"", "</section>");
    assert!(told.contains(&escaped(&first.sentence)), "{told}");
    assert_eq!(story.focus, ["t-0"]);
    assert!(!first.operations.is_empty());
}

#[test]
fn what_is_drawn_reads_back_and_cannot_end_its_script() {
    let (story, page) = page(50, 100, 200);
    let json = between(&page, "type=\"application/json\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    assert_eq!(data["operations"].as_array().map(Vec::len), Some(story.history.operations.len()));
    assert_eq!(data["messages"].as_array().map(Vec::len), Some(200));
    assert_eq!(data["faults"][0][4], "<b>not</b> </script> {{TITLE}}");
    assert_eq!(data["leads"].as_array().map(Vec::len), Some(1), "node 1 leads from its beginning on");
    assert_eq!(data["focus"][0]["known"][1][3], serde_json::json!([1, 3]));
    for key in ["lives", "states", "clients", "witnesses", "rungs"] {
        assert!(data[key].as_array().is_some_and(|rows| !rows.is_empty()), "{key}");
    }
}

#[test]
fn a_long_run_fits_and_what_shows_the_anomaly_is_kept() {
    let (story, page) = page(60_000, 100_000, 300_000);
    assert!(page.len() < MOST_BYTES, "{}", page.len());
    let data: serde_json::Value =
        serde_json::from_str(between(&page, "type=\"application/json\">", "</script>")).expect("it is JSON");
    let kept: Vec<u64> =
        data["operations"].as_array().expect("rows").iter().filter_map(|row| row[0].as_u64()).collect();
    assert!(story.witnesses[0].operations.iter().all(|id| kept.contains(&u64::from(*id))));
    assert!(data["operationsLeftOut"].as_u64().is_some_and(|count| count > 40_000));
}

#[test]
fn what_clients_saw_can_be_shown_alone() {
    let story = Story::new(history(20), Recording::default(), None);
    assert!(of(&story).contains("what clients saw"));
}

/// What a browser makes of the page: the first tag of its document after the scripts have run. None where there is no
/// browser.
fn seen_by_a_browser(page: &str, hash: &str) -> Option<String> {
    let names = ["chromium-headless-shell", "chromium", "google-chrome", "chrome-headless-shell"];
    let has = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let browser = names.iter().find(has)?;
    let file = std::env::temp_dir().join(format!("sim-page-{}-{}.html", std::process::id(), hash.len()));
    std::fs::write(&file, page).expect("a file");
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1400,1000",
        "--virtual-time-budget=5000",
    ]);
    let output = command.arg("--dump-dom").arg(format!("file://{}#{hash}", file.display())).output().expect("it runs");
    let _ = std::fs::remove_file(&file);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(between(&text, "<html", ">").to_owned())
}

#[test]
fn a_browser_draws_it_and_finds_what_is_looked_for() {
    let (_, page) = page(50, 100, 200);
    let Some(tag) = seen_by_a_browser(&page, "") else {
        println!("skipped: no chromium is installed");
        return;
    };
    assert!(!tag.contains("data-error"), "{tag}");
    let number =
        |tag: &str, name: &str| between(tag, &format!("data-{name}=\""), "\"").parse::<u32>().expect("a number");
    assert!(number(&tag, "drawn") > 55, "{tag}");
    assert_eq!((number(&tag, "matches"), number(&tag, "messages")), (0, 0), "{tag}");
    let tag = seen_by_a_browser(&page, "filter=produce%20%2317&messages=1&from=0&to=0.001").expect("as before");
    assert!(!tag.contains("data-error"), "{tag}");
    assert_eq!(number(&tag, "matches"), 1, "one operation has this number: {tag}");
    assert_eq!(number(&tag, "messages"), 101, "those of the first millisecond: {tag}");
}
