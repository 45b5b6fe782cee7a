//! A history as Jepsen's Kafka workload writes one: an EDN map a line, for Jepsen's own tools.
//!
//! There a process does one thing at a time, and is gone once it does not know what came of it. A client of ours has many
//! writes under way: each gets a process that has nothing else to do. What Jepsen has no word for (topics, groups, lookups)
//! goes by our own names, as `:f :list-offsets`; its checkers pass over it.

use super::{Action, Answer, Fault, History, Index, Operation, Outcome, Process, Received, Sent};
use model::{Offset, TopicPartition};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes a history as EDN.
///
/// # Errors
/// When `to` fails.
pub fn write_edn(history: &History, mut to: impl Write) -> io::Result<()> {
    let mut processes = Processes::default();
    let mut index = 0;
    for event in events(history) {
        for line in lines(history, &event, &mut processes) {
            writeln!(to, "{{:index {index}, {line}}}")?;
            index += 1;
        }
    }
    Ok(())
}

enum Event {
    Invoked(usize),
    Completed(usize),
    FaultBegan(usize),
    FaultEnded(usize),
}

fn events(history: &History) -> Vec<Event> {
    let mut events: Vec<(Index, Event)> = Vec::with_capacity(history.operations.len() * 2);
    for (at, operation) in history.operations.iter().enumerate() {
        events.push((operation.invoked.index, Event::Invoked(at)));
        events.extend(operation.completed.map(|moment| (moment.index, Event::Completed(at))));
    }
    for (at, fault) in history.faults.iter().enumerate() {
        events.push((fault.began.index, Event::FaultBegan(at)));
        events.extend(fault.ended.map(|moment| (moment.index, Event::FaultEnded(at))));
    }
    events.sort_by_key(|(index, _)| *index);
    events.into_iter().map(|(_, event)| event).collect()
}

/// Which of Jepsen's processes does what.
#[derive(Default)]
struct Processes {
    given: u32,
    /// Those of each client that have nothing to do.
    idle: BTreeMap<Process, Vec<u32>>,
    /// By operation that is under way.
    busy: BTreeMap<usize, u32>,
}

impl Processes {
    fn begin(&mut self, operation: usize, client: Process) -> u32 {
        let process = self.idle.entry(client).or_default().pop().unwrap_or_else(|| {
            self.given += 1;
            self.given - 1
        });
        self.busy.insert(operation, process);
        process
    }

    fn end(&mut self, operation: usize, client: Process, is_known: bool) -> u32 {
        let process = self.busy.remove(&operation).expect("an operation ends after its beginning");
        if is_known {
            self.idle.entry(client).or_default().push(process);
        }
        process
    }
}

fn lines(history: &History, event: &Event, processes: &mut Processes) -> Vec<String> {
    match event {
        Event::Invoked(at) => {
            let operation = &history.operations[*at];
            let process = processes.begin(*at, operation.process);
            let at = operation.invoked.at;
            let mut lines = places(&operation.action, process, at);
            lines.push(line("invoke", &process.to_string(), at, &asked(operation)));
            lines
        }
        Event::Completed(at) => {
            let operation = &history.operations[*at];
            let (kind, error) = match &operation.outcome {
                Outcome::Ok(_) => ("ok", None),
                Outcome::Fail(why) => ("fail", Some(why)),
                Outcome::Unknown(why) => ("info", Some(why)),
            };
            let process = processes.end(*at, operation.process, kind != "info");
            let mut rest = answered(operation);
            if let Some(why) = error {
                let _ = write!(rest, ", :error {}", text(why)); // a string takes everything
            }
            vec![line(kind, &process.to_string(), operation.completed.map_or(0, |moment| moment.at), &rest)]
        }
        Event::FaultBegan(at) => vec![nemesis(&history.faults[*at], true)],
        Event::FaultEnded(at) => vec![nemesis(&history.faults[*at], false)],
    }
}

fn line(kind: &str, process: &str, at: u64, rest: &str) -> String {
    format!(":type :{kind}, :process {process}, :time {at}, {rest}")
}

/// Jepsen has a client say where it begins to read.
fn places(action: &Action, process: u32, at: u64) -> Vec<String> {
    let partition = match action {
        Action::Fetch(fetch) if !fetch.continues => &fetch.partition,
        Action::Scan { partition } => partition,
        _ => return Vec::new(),
    };
    let rest = format!(":f :assign, :value [{}]", key(partition));
    ["invoke", "ok"].map(|kind| line(kind, &process.to_string(), at, &rest)).to_vec()
}

fn asked(operation: &Operation) -> String {
    match &operation.action {
        Action::Produce(produce) => {
            let sends = produce.records.iter().map(|record| send(&produce.partition, record, None));
            format!(":f :send, :value [{}]", sends.collect::<Vec<_>>().join(" "))
        }
        Action::Fetch(_) | Action::Scan { .. } | Action::Consume(_) => ":f :poll, :value [[:poll]]".to_owned(),
        action => format!(":f :{}, :value nil", super::sense::asked(action).replace('_', "-")),
    }
}

fn answered(operation: &Operation) -> String {
    match (&operation.action, operation.answer()) {
        (Action::Produce(produce), Some(Answer::Produced { base_offset: Some(base) })) => {
            let sends =
                (*base..).zip(&produce.records).map(|(offset, record)| send(&produce.partition, record, Some(offset)));
            format!(":f :send, :value [{}]", sends.collect::<Vec<_>>().join(" "))
        }
        (Action::Fetch(fetch), Some(Answer::Fetched { records, .. })) => polled(&fetch.partition, records),
        (Action::Consume(consume), Some(Answer::Fetched { records, .. })) => polled(&consume.partition, records),
        (Action::Scan { partition }, Some(Answer::Scanned { records, .. })) => polled(partition, records),
        _ => asked(operation),
    }
}

fn send(partition: &TopicPartition, record: &Sent, offset: Option<Offset>) -> String {
    match offset {
        Some(offset) => format!("[:send {} [{offset} {}]]", key(partition), record.id.0),
        None => format!("[:send {} {}]", key(partition), record.id.0),
    }
}

fn polled(partition: &TopicPartition, records: &[Received]) -> String {
    let pairs: Vec<String> = records.iter().map(|record| format!("[{} {}]", record.offset, record.id.0)).collect();
    if pairs.is_empty() {
        return ":f :poll, :value [[:poll {}]]".to_owned();
    }
    format!(":f :poll, :value [[:poll {{{} [{}]}}]]", key(partition), pairs.join(" "))
}

fn key(partition: &TopicPartition) -> String {
    text(&partition.to_string())
}

fn nemesis(fault: &Fault, begins: bool) -> String {
    let name = fault.nature.kind.name().replace(' ', "-");
    let (verb, at) = match (begins, fault.ended) {
        (false, Some(ended)) => ("end", ended.at),
        _ => ("begin", fault.began.at),
    };
    let value = format!("{{:node {}, :detail {}}}", fault.nature.node, text(&fault.nature.detail));
    line("info", ":nemesis", at, &format!(":f :{verb}-{name}, :value {value}"))
}

/// A string as EDN writes it.
fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Acks, FaultKind, FaultNature, Fetch, Produce, RecordId, Recorder};

    fn produce(number: u32) -> Action {
        let record = Sent { id: RecordId::new(0, number), content: 1, timestamp: 1, key: None };
        let partition = TopicPartition::new("t", 0);
        Action::Produce(Produce { partition, topic_id: None, acks: Acks::All, one_batch: true, records: vec![record] })
    }

    fn written(recorder: Recorder) -> Vec<String> {
        let mut edn = Vec::new();
        write_edn(&recorder.finish(), &mut edn).expect("a vector takes everything");
        String::from_utf8(edn).expect("it is text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn writes_that_are_under_way_together_have_processes_of_their_own_and_one_in_doubt_ends_its_process() {
        let mut recorder = Recorder::new();
        let one = recorder.invoke(1, 7, produce(0));
        let other = recorder.invoke(2, 7, produce(1));
        recorder.complete(3, one, Outcome::Ok(Answer::Produced { base_offset: Some(5) }));
        recorder.complete(4, other, Outcome::Unknown("no \"answer\"".into()));
        let last = recorder.invoke(5, 7, produce(2));
        recorder.complete(6, last, Outcome::Fail("too large".into()));
        assert_eq!(
            written(recorder),
            [
                r#"{:index 0, :type :invoke, :process 0, :time 1, :f :send, :value [[:send "t-0" 0]]}"#,
                r#"{:index 1, :type :invoke, :process 1, :time 2, :f :send, :value [[:send "t-0" 1]]}"#,
                r#"{:index 2, :type :ok, :process 0, :time 3, :f :send, :value [[:send "t-0" [5 0]]]}"#,
                r#"{:index 3, :type :info, :process 1, :time 4, :f :send, :value [[:send "t-0" 1]], :error "no \"answer\""}"#,
                r#"{:index 4, :type :invoke, :process 0, :time 5, :f :send, :value [[:send "t-0" 2]]}"#,
                r#"{:index 5, :type :fail, :process 0, :time 6, :f :send, :value [[:send "t-0" 2]], :error "too large"}"#,
            ]
        );
    }

    #[test]
    fn a_read_that_does_not_go_on_is_assigned_first_and_faults_are_the_nemesis() {
        let mut recorder = Recorder::new();
        let nature =
            FaultNature { kind: FaultKind::ProcessCrash, node: 2, file: None, partition: None, detail: "-9".into() };
        let fault = recorder.fault_begins(1, nature);
        let partition = TopicPartition::new("t", 0);
        let fetch = Fetch { partition, topic_id: None, from: 3, continues: false, node: None, leader_epoch: None };
        let read = recorder.invoke(2, 1, Action::Fetch(fetch));
        let records = vec![Received { offset: 3, id: RecordId::new(0, 9), content: 1, timestamp: 1, epoch: 0 }];
        let answer = Answer::Fetched { records, high_watermark: -1, log_start: -1 };
        recorder.complete(3, read, Outcome::Ok(answer));
        recorder.fault_ends(4, fault);
        assert_eq!(
            written(recorder),
            [
                r#"{:index 0, :type :info, :process :nemesis, :time 1, :f :begin-process-crash, :value {:node 2, :detail "-9"}}"#,
                r#"{:index 1, :type :invoke, :process 0, :time 2, :f :assign, :value ["t-0"]}"#,
                r#"{:index 2, :type :ok, :process 0, :time 2, :f :assign, :value ["t-0"]}"#,
                r#"{:index 3, :type :invoke, :process 0, :time 2, :f :poll, :value [[:poll]]}"#,
                r#"{:index 4, :type :ok, :process 0, :time 3, :f :poll, :value [[:poll {"t-0" [[3 9]]}]]}"#,
                r#"{:index 5, :type :info, :process :nemesis, :time 4, :f :end-process-crash, :value {:node 2, :detail "-9"}}"#,
            ]
        );
    }
}
