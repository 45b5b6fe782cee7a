//! What the page draws, as compact JSON: rows of numbers and names, times in microseconds.

use crate::report::ladder;
use crate::report::recording::{PartitionTrack, ReplicaState};
use crate::report::story::Story;
use crate::report::words;
use jepsen_lite::history::{Action, Outcome};
use protocol::api_key::ApiKey;
use serde_json::{Value, json};

/// How much of each kind is drawn, at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Operations.
    pub operations: usize,
    /// Messages.
    pub messages: usize,
    /// States of one replica.
    pub states: usize,
    /// Lines of the ladder.
    pub rungs: usize,
}

impl Limits {
    /// What fits in most cases.
    pub const MOST: Limits = Limits { operations: 8000, messages: 4000, states: 2000, rungs: 2000 };

    /// Half as much.
    pub fn halved(self) -> Limits {
        Limits {
            operations: self.operations / 2,
            messages: self.messages / 2,
            states: self.states / 2,
            rungs: self.rungs / 2,
        }
    }
}

/// Everything that is drawn.
pub fn of(story: &Story, limits: Limits) -> Value {
    let recording = &story.recording;
    let lives = recording.lives.iter().map(|life| json!([life.node, life.began, ended(life.ended), life.how]));
    let states = recording.states.iter().map(|state| {
        let (serves, controls) = (u8::from(state.serves), u8::from(state.controls));
        json!([state.node, state.at, serves, controls, state.quorum_epoch, u8::from(state.fenced)])
    });
    let (operations, operations_left_out) = operations(story, limits.operations);
    let (messages, messages_left_out) = messages(story, limits.messages);
    json!({
        "ended": story.ended(),
        "healed": story.history.healed.map(|moment| moment.at / 1000),
        "nodes": nodes(story),
        "machines": recording.nodes,
        "clients": clients(story),
        "witnesses": witnesses(story),
        "lives": lives.collect::<Vec<_>>(),
        "states": states.collect::<Vec<_>>(),
        "leads": leads(story, 2 * limits.rungs),
        "faults": faults(story),
        "focus": story.focus.iter().map(|name| focus(story, name, limits.states)).collect::<Vec<_>>(),
        "operations": operations,
        "operationsLeftOut": operations_left_out,
        "messages": messages,
        "messagesLeftOut": messages_left_out,
        "rungs": rungs(story, limits.rungs),
    })
}

fn ended(at: Option<u64>) -> i64 {
    at.map_or(-1, |at| at as i64)
}

/// The ids of all nodes.
fn nodes(story: &Story) -> Vec<i32> {
    let members = story.history.members.iter().map(|member| member.node);
    let hit = story.history.faults.iter().map(|fault| fault.nature.node);
    let lived = story.recording.lives.iter().map(|life| life.node);
    members.chain(hit).chain(lived).collect::<std::collections::BTreeSet<i32>>().into_iter().collect()
}

fn clients(story: &Story) -> Vec<Value> {
    let all: std::collections::BTreeSet<u32> = story.history.operations.iter().map(|o| o.process).collect();
    all.into_iter().map(|process| json!([process, story.client(process)])).collect()
}

fn witnesses(story: &Story) -> Vec<Value> {
    let told = story.witnesses.iter().map(|witness| {
        json!({
            "class": witness.class, "sentence": witness.sentence, "partition": witness.partition,
            "operations": witness.operations, "span": [witness.span.0, witness.span.1],
        })
    });
    told.collect()
}

/// Who led which partition in which epoch, from when to when, as the leaders themselves say: of the partitions in question,
/// and of as many others as may be.
fn leads(story: &Story, most: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut tracks: Vec<_> = story.recording.partitions.iter().collect();
    tracks.sort_by_key(|(name, _)| !story.focus.contains(*name));
    for (name, track) in tracks {
        for (node, states) in &track.replicas {
            let mut since: Option<&ReplicaState> = None;
            for state in states {
                let leads = state.open && state.leads;
                let same = since.is_some_and(|since| leads && since.epoch == state.epoch);
                if let Some(since) = since.take_if(|_| !same) {
                    all.push(json!([node, name, since.epoch, since.at, state.at]));
                }
                since = since.or(leads.then_some(state));
            }
            all.extend(since.map(|since| json!([node, name, since.epoch, since.at, story.ended()])));
        }
    }
    all.truncate(most);
    all
}

fn faults(story: &Story) -> Vec<Value> {
    let told = story.history.faults.iter().map(|fault| {
        let nature = &fault.nature;
        let detail = match &nature.partition {
            Some(partition) => format!("{partition} {}", nature.detail),
            None => nature.detail.clone(),
        };
        let (began, over) = (fault.began.at / 1000, ended(fault.ended.map(|moment| moment.at / 1000)));
        json!([nature.node, nature.kind.name(), began, over, detail, ended(fault.repaired.map(|m| m.at / 1000))])
    });
    told.collect()
}

fn focus(story: &Story, name: &str, most: usize) -> Value {
    let nothing = PartitionTrack::default();
    let track = story.recording.partitions.get(name).unwrap_or(&nothing);
    let known =
        track.known.iter().map(|known| json!([known.at, known.leader, known.leader_epoch, known.isr, known.replicas]));
    let replicas = track.replicas.iter().map(|(node, states)| json!([node, thinned(states, most)]));
    json!({ "name": name, "known": known.collect::<Vec<_>>(), "replicas": replicas.collect::<Vec<_>>() })
}

/// Every so many states, and all that change more than how far the log is.
fn thinned(states: &[ReplicaState], most: usize) -> Vec<Value> {
    let every = states.len().div_ceil(most.max(1)).max(1);
    let turns = |place: usize| {
        let around = (states.get(place.wrapping_sub(1)), states.get(place + 1), &states[place]);
        let (Some(before), Some(after), state) = around else { return true };
        let same = |one: &ReplicaState| {
            (one.open, one.leads, one.epoch, one.start) == (state.open, state.leads, state.epoch, state.start)
        };
        !same(before) || !same(after) || state.end < before.end || after.end < state.end
    };
    let kept = (0..states.len()).filter(|place| place % every == 0 || turns(*place));
    kept.map(|place| row(&states[place])).collect()
}

fn row(state: &ReplicaState) -> Value {
    let ReplicaState { at, open, leads, epoch, start, end, high_watermark } = *state;
    json!([at, u8::from(open), u8::from(leads), epoch, start, end, high_watermark])
}

/// The operations that show what is wrong, then those on the partitions in question, then those nearest in time.
fn operations(story: &Story, most: usize) -> (Vec<Value>, usize) {
    let shown = story.shown();
    let mut ranked: Vec<(u8, u64, u32)> = Vec::new();
    for (id, operation) in (0..).zip(&story.history.operations) {
        let in_focus = || words::partition(&operation.action).is_some_and(|place| story.focus.contains(&place));
        let writes = matches!(operation.action, Action::Produce(_) | Action::Scan { .. });
        let rank = match () {
            () if shown.contains(&id) => 0,
            () if in_focus() => 1 + u8::from(!writes),
            () => 3,
        };
        ranked.push((rank, story.distance(operation.invoked.at / 1000), id));
    }
    ranked.sort_unstable();
    let left_out = ranked.len().saturating_sub(most);
    ranked.truncate(most);
    let mut ids: Vec<u32> = ranked.into_iter().map(|(.., id)| id).collect();
    ids.sort_unstable();
    let told = ids.into_iter().map(|id| {
        let operation = &story.history.operations[id as usize];
        let outcome = match operation.outcome {
            Outcome::Ok(_) => 0,
            Outcome::Fail(_) => 1,
            Outcome::Unknown(_) => 2,
        };
        let (from, to) = (operation.invoked.at / 1000, ended(operation.completed.map(|moment| moment.at / 1000)));
        let what =
            format!("{} {}", words::name(&operation.action), words::partition(&operation.action).unwrap_or_default());
        json!([id, operation.process, from, to, what.trim_end(), outcome, words::told(operation)])
    });
    (told.collect(), left_out)
}

fn messages(story: &Story, most: usize) -> (Vec<Value>, usize) {
    let all = &story.recording.messages;
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|place| story.distance(all[*place].at));
    order.truncate(most);
    order.sort_unstable();
    let told = order.iter().map(|place| {
        let message = &all[*place];
        let name = ApiKey::from_code(message.api).map_or("unknown", ApiKey::name);
        json!([message.at, message.from, message.to, name, u8::from(message.answer), message.bytes])
    });
    (told.collect(), all.len().saturating_sub(most))
}

fn rungs(story: &Story, most: usize) -> Vec<Value> {
    let (rungs, _) = ladder::nearest(story, most);
    rungs.iter().map(|rung| json!([rung.at, rung.place, rung.what, rung.numbers, u8::from(rung.shows)])).collect()
}
