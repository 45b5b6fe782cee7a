//! What happened as a ladder of lines: one an event, in time order. Operations are left out unless they show what is wrong
//! or write to a partition in question just then.

use super::recording::{Known, ReplicaState};
use super::story::Story;
use super::words;
use std::fmt;

/// Operations on the partitions in question are told from so long before the witness to so long after it, in microseconds.
const AROUND: u64 = 500_000;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// When, in microseconds.
    pub at: u64,
    /// Where: `node 3`, the name of a client, or `run`.
    pub place: String,
    /// What happened.
    pub what: String,
    /// The numbers that belong to it.
    pub numbers: String,
    /// Whether it shows what is wrong.
    pub shows: bool,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.shows { '>' } else { ' ' };
        let (seconds, micros) = (self.at / 1_000_000, self.at % 1_000_000);
        write!(f, "{mark}{seconds:>5}.{micros:06}  {:<18} {:<26} {}", self.place, self.what, self.numbers)
    }
}

/// All events, by time.
pub fn rungs(story: &Story) -> Vec<Rung> {
    let mut all = Vec::new();
    lives(story, &mut all);
    states(story, &mut all);
    faults(story, &mut all);
    story.focus.iter().for_each(|name| partition(story, name, &mut all));
    operations(story, &mut all);
    let ended = story.ended();
    for witness in &story.witnesses {
        all.push(Rung { shows: true, ..rung(ended, "run", &witness.class, witness.sentence.clone()) });
    }
    all.sort_by_key(|rung| rung.at);
    all
}

/// At most so many events, by time: what shows what is wrong, and what is nearest to it.
pub fn nearest(story: &Story, most: usize) -> (Vec<Rung>, usize) {
    let all = rungs(story);
    let count = all.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|place| if all[*place].shows { 0 } else { 1 + story.distance(all[*place].at) });
    order.truncate(most);
    order.sort_unstable();
    (order.into_iter().map(|place| all[place].clone()).collect(), count)
}

/// The lines to print, and before them what is wrong.
pub fn short(story: &Story, most: usize) -> Vec<String> {
    let (rungs, all) = nearest(story, most);
    let mut lines = vec![story.headline(), format!("{} of {all} events", rungs.len())];
    lines.extend(rungs.iter().map(ToString::to_string));
    lines
}

fn rung(at: u64, place: impl Into<String>, what: impl Into<String>, numbers: impl Into<String>) -> Rung {
    Rung { at, place: place.into(), what: what.into(), numbers: numbers.into(), shows: false }
}

fn node(id: i32) -> String {
    format!("node {id}")
}

fn lives(story: &Story, all: &mut Vec<Rung>) {
    let mut count = std::collections::BTreeMap::new();
    for life in &story.recording.lives {
        let number = count.entry(life.node).and_modify(|number| *number += 1).or_insert(1);
        all.push(rung(life.began, node(life.node), "process started", format!("life {number}")));
        if let Some(ended) = life.ended {
            all.push(rung(ended, node(life.node), format!("process {}", life.how), format!("life {number}")));
        }
    }
}

/// What nodes become; that a process that ended serves no more goes without saying.
fn states(story: &Story, all: &mut Vec<Rung>) {
    let mut before: std::collections::BTreeMap<i32, (bool, bool, bool)> = std::collections::BTreeMap::new();
    for state in &story.recording.states {
        let (served, controlled, fenced) =
            before.insert(state.node, (state.serves, state.controls, state.fenced)).unwrap_or((false, false, true));
        let mut tell = |changed: bool, what: &str| {
            let numbers = format!("quorum epoch {}", state.quorum_epoch);
            all.extend(changed.then(|| rung(state.at, node(state.node), what, numbers)));
        };
        tell(state.serves && !served, "serves");
        tell(state.controls && !controlled, "is the controller");
        tell(state.serves && !state.controls && controlled, "is the controller no more");
        tell(state.fenced && !fenced, "is fenced");
        tell(!state.fenced && fenced, "may lead");
    }
}

fn faults(story: &Story, all: &mut Vec<Rung>) {
    for fault in &story.history.faults {
        let nature = &fault.nature;
        let place = node(nature.node);
        let about = match &nature.partition {
            Some(partition) => format!("{partition} {}", nature.detail),
            None => nature.detail.clone(),
        };
        let (began, ended) = (fault.began.at / 1000, fault.ended.map(|moment| moment.at / 1000));
        all.push(rung(began, &*place, format!("FAULT {}", nature.kind), about));
        if let Some(ended) = ended.filter(|ended| *ended > began) {
            let after = format!("after {} ms", (ended - began) / 1000);
            all.push(rung(ended, &*place, format!("over: {}", nature.kind), after));
        }
    }
    all.extend(story.history.healed.map(|moment| rung(moment.at / 1000, "run", "all is healed", "")));
}

fn partition(story: &Story, name: &str, all: &mut Vec<Rung>) {
    let Some(track) = story.recording.partitions.get(name) else { return };
    let mut before: Option<&Known> = None;
    for known in &track.known {
        let Known { at, leader, leader_epoch, isr, .. } = known;
        let place = leader.map_or_else(|| "nobody".to_owned(), node);
        if before.is_none_or(|before| (before.leader, before.leader_epoch) != (*leader, *leader_epoch)) {
            all.push(rung(*at, &*place, format!("leads {name}"), format!("epoch {leader_epoch} isr {isr:?}")));
        } else if before.is_some_and(|before| before.isr != *isr) {
            all.push(rung(*at, &*place, format!("isr of {name}"), format!("epoch {leader_epoch} isr {isr:?}")));
        }
        before = Some(known);
    }
    for (id, states) in &track.replicas {
        for (before, now) in states.iter().zip(states.iter().skip(1)) {
            all.extend(replica(before, now).map(|what| rung(now.at, node(*id), format!("{what} {name}"), bounds(now))));
        }
    }
}

/// What is worth telling of a change of one replica.
fn replica(before: &ReplicaState, now: &ReplicaState) -> Option<&'static str> {
    match (before, now) {
        _ if before.open && !now.open => Some("closes"),
        _ if !before.open && now.open => Some("opens"),
        _ if !before.leads && now.leads => Some("begins to lead"),
        _ if before.leads && !now.leads => Some("follows"),
        _ if now.end < before.end => Some("cuts its log of"),
        _ if now.high_watermark < before.high_watermark => Some("high watermark back of"),
        _ => None,
    }
}

fn bounds(state: &ReplicaState) -> String {
    let ReplicaState { epoch, start, end, high_watermark, .. } = state;
    format!("epoch {epoch} log {start} to {end} high watermark {high_watermark}")
}

fn operations(story: &Story, all: &mut Vec<Rung>) {
    let shown = story.shown();
    let (from, to) = story.span();
    let near = from.saturating_sub(AROUND)..=to + AROUND;
    for (id, operation) in (0..).zip(&story.history.operations) {
        let at = operation.completed.unwrap_or(operation.invoked).at / 1000;
        let place = words::partition(&operation.action);
        let writes = matches!(operation.action, jepsen_lite::history::Action::Produce(_));
        let in_focus = place.as_ref().is_some_and(|place| story.focus.contains(place));
        if shown.contains(&id) || (writes && in_focus && near.contains(&at)) {
            let what = format!("{} {}", words::name(&operation.action), place.unwrap_or_default());
            let numbers = format!("#{id} {}", words::told(operation));
            let shows = shown.contains(&id);
            all.push(Rung { shows, ..rung(at, story.client(operation.process), what, numbers) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{Life, PartitionTrack, Recording};
    use jepsen_lite::history::History;
    use std::collections::BTreeMap;

    fn state(at: u64, end: i64, high_watermark: i64) -> ReplicaState {
        ReplicaState { at, open: true, leads: false, epoch: 4, start: 0, end, high_watermark }
    }

    fn story() -> Story {
        let known =
            |at, leader, leader_epoch| Known { at, leader, leader_epoch, isr: vec![1, 2], replicas: vec![1, 2] };
        let track = PartitionTrack {
            known: vec![known(1, Some(1), 3), known(900_000, Some(2), 4)],
            replicas: BTreeMap::from([(1, vec![state(5, 20, 10), state(950_000, 12, 10), state(960_000, 13, 10)])]),
        };
        let life = |node, began, ended| Life { node, began, ended, how: "ended".into() };
        let recording = Recording {
            lives: vec![life(1, 0, Some(800_000)), life(1, 850_000, None), life(2, 0, None)],
            partitions: BTreeMap::from([("t-0".to_owned(), track)]),
            ended: 1_000_000,
            ..Recording::default()
        };
        Story::new(History::default(), recording, Some("t-0"))
    }

    #[test]
    fn what_happened_is_told_in_order_with_its_numbers() {
        let told: Vec<String> = rungs(&story()).iter().map(ToString::to_string).collect();
        let whole = told.join("\n");
        assert!(rungs(&story()).is_sorted_by_key(|rung| rung.at));
        assert!(whole.contains("     0.850000  node 1             process started            life 2"), "{whole}");
        assert!(
            whole.contains("     0.900000  node 2             leads t-0                  epoch 4 isr [1, 2]"),
            "{whole}"
        );
        assert!(whole.contains("cuts its log of t-0        epoch 4 log 0 to 12 high watermark 10"), "{whole}");
        assert!(!whole.contains("log 0 to 13"), "a log that grows is no news: {whole}");
    }

    #[test]
    fn few_lines_are_those_nearest_to_what_is_wrong() {
        let mut story = story();
        assert_eq!(short(&story, 100).len(), 2 + rungs(&story).len());
        let (class, sentence) = ("hole".to_owned(), "nothing at offset 3".to_owned());
        let span = (940_000, 955_000);
        story.witnesses =
            vec![super::super::story::Witness { class, sentence, partition: None, operations: Vec::new(), span }];
        let lines = short(&story, 2);
        assert_eq!(lines[1], "2 of 8 events");
        assert!(
            lines[2].contains("cuts its log") && lines[3].starts_with("> ") && lines[3].contains("nothing at offset 3")
        );
    }
}
