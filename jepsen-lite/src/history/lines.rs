//! A history as text: one JSON object a line, one line an event, in order. README.md documents the schema.

use super::{
    Action, Answer, Fault, FaultNature, History, Member, Moment, Operation, OperationId, Outcome, Process, Session,
    sense,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, BufRead, Write};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Members(Vec<Member>),
    Resent(Vec<OperationId>),
    Session(Session),
    Invoke { at: u64, process: Process, action: Action },
    Ok { at: u64, operation: OperationId, answer: Answer },
    Fail { at: u64, operation: OperationId, error: String },
    Unknown { at: u64, operation: OperationId, error: String },
    Fault { at: u64, nature: FaultNature },
    FaultEnd { at: u64, fault: usize },
    FaultRepaired { at: u64, fault: usize },
    Healed { at: u64 },
}

impl Line {
    /// When it happened; of what is no event, never.
    const fn at(&self) -> Option<u64> {
        match self {
            Line::Members(_) | Line::Resent(_) | Line::Session(_) => None,
            Line::Invoke { at, .. }
            | Line::Ok { at, .. }
            | Line::Fail { at, .. }
            | Line::Unknown { at, .. }
            | Line::Fault { at, .. }
            | Line::FaultEnd { at, .. }
            | Line::FaultRepaired { at, .. }
            | Line::Healed { at } => Some(*at),
        }
    }
}

/// A line that is no event of a history.
#[derive(Debug)]
pub struct BadLine {
    /// Which line, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the history: {}", self.number, self.what)
    }
}

impl std::error::Error for BadLine {}

/// Writes a history, one line an event. Members and sessions come first.
///
/// # Errors
/// When `to` fails.
pub fn write(history: &History, mut to: impl Write) -> io::Result<()> {
    if !history.members.is_empty() {
        line(&mut to, &Line::Members(history.members.clone()))?;
    }
    if !history.resent.is_empty() {
        line(&mut to, &Line::Resent(history.resent.iter().copied().collect()))?;
    }
    for session in &history.sessions {
        line(&mut to, &Line::Session(session.clone()))?;
    }
    let mut events: Vec<(u32, Line)> = Vec::with_capacity(history.operations.len() * 2);
    for (id, operation) in history.operations.iter().enumerate() {
        events.extend(lines_of(id as OperationId, operation));
    }
    for (fault, f) in history.faults.iter().enumerate() {
        let begin = Line::Fault { at: f.began.at, nature: f.nature.clone() };
        events.push((f.began.index, begin));
        events.extend(f.ended.map(|ended| (ended.index, Line::FaultEnd { at: ended.at, fault })));
        events.extend(f.repaired.map(|repaired| (repaired.index, Line::FaultRepaired { at: repaired.at, fault })));
    }
    events.extend(history.healed.map(|healed| (healed.index, Line::Healed { at: healed.at })));
    events.sort_by_key(|(index, _)| *index);
    events.iter().try_for_each(|(_, event)| line(&mut to, event))
}

fn lines_of(id: OperationId, operation: &Operation) -> impl Iterator<Item = (u32, Line)> {
    let Operation { process, invoked, completed, action, outcome } = operation.clone();
    let end = completed.map(|moment| {
        let at = moment.at;
        let end = match outcome {
            Outcome::Ok(answer) => Line::Ok { at, operation: id, answer },
            Outcome::Fail(error) => Line::Fail { at, operation: id, error },
            Outcome::Unknown(error) => Line::Unknown { at, operation: id, error },
        };
        (moment.index, end)
    });
    std::iter::once((invoked.index, Line::Invoke { at: invoked.at, process, action })).chain(end)
}

fn line(to: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

/// Reads a history back. Empty lines are skipped; a history cut short is a history, even in the middle of its last line.
///
/// # Errors
/// A line that is no event, or one that names an operation or fault that was not before it, or answers it with what is no
/// answer to it.
pub fn read(mut from: impl BufRead) -> Result<History, BadLine> {
    let mut history = History::default();
    let (mut index, mut number) = (0, 0);
    let mut text = Vec::new();
    loop {
        text.clear();
        number += 1;
        let bad = |what: String| BadLine { number, what };
        if from.read_until(b'\n', &mut text).map_err(|error| bad(error.to_string()))? == 0 {
            return Ok(history);
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&text) {
            Ok(line) => apply(&mut history, line, &mut index).map_err(bad)?,
            Err(_) if text.last() != Some(&b'\n') => return Ok(history), // who wrote it crashed
            Err(error) => return Err(bad(error.to_string())),
        }
    }
}

fn apply(history: &mut History, line: Line, next: &mut u32) -> Result<(), String> {
    let index = *next;
    *next += u32::from(!matches!(line, Line::Session(_) | Line::Members(_) | Line::Resent(_)));
    let moment = |at| Moment { index, at };
    line.at().map_or(Ok(()), sense::time)?;
    match line {
        Line::Members(members) => history.members = members,
        Line::Resent(operations) => history.resent = operations.into_iter().collect(),
        Line::Session(session) => history.sessions.push(session),
        Line::Invoke { at, process, action } => {
            sense::asked_offsets(&action)?;
            let outcome = Outcome::Unknown("never completed".into());
            history.operations.push(Operation { process, invoked: moment(at), completed: None, action, outcome });
        }
        Line::Ok { at, operation, answer } => complete(history, operation, moment(at), Outcome::Ok(answer))?,
        Line::Fail { at, operation, error } => complete(history, operation, moment(at), Outcome::Fail(error))?,
        Line::Unknown { at, operation, error } => complete(history, operation, moment(at), Outcome::Unknown(error))?,
        Line::Fault { at, nature } => {
            history.faults.push(Fault { nature, began: moment(at), ended: None, repaired: None });
        }
        Line::FaultEnd { at, fault } => fault_of(history, fault)?.ended = Some(moment(at)),
        Line::FaultRepaired { at, fault } => fault_of(history, fault)?.repaired = Some(moment(at)),
        Line::Healed { at } => history.healed = Some(moment(at)),
    }
    Ok(())
}

fn fault_of(history: &mut History, fault: usize) -> Result<&mut Fault, String> {
    history.faults.get_mut(fault).ok_or_else(|| "the end of a fault that did not begin".to_owned())
}

fn complete(history: &mut History, id: OperationId, moment: Moment, outcome: Outcome) -> Result<(), String> {
    let operation = history.operations.get_mut(id as usize).ok_or("the end of an operation that did not begin")?;
    if operation.completed.is_some() {
        return Err(format!("operation {id} ends twice"));
    }
    if let Outcome::Ok(answer) = &outcome {
        let answered = sense::answers(&operation.action, answer).and_then(|()| sense::offsets(answer));
        answered.map_err(|what| format!("operation {id}: {what}"))?;
    }
    operation.completed = Some(moment);
    operation.outcome = outcome;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Acks, FaultKind, FileKind, Produce, Received, RecordId, Recorder, Sent};
    use model::{TopicPartition, Uuid};

    fn some_history() -> History {
        let mut recorder = Recorder::new();
        recorder.members(vec![Member { node: 1, votes: true, rack: Some("a".into()) }]);
        let session =
            recorder.session(Session { process: 4, idempotent: true, may_resend: true, producer: Some((7, 2)) });
        let sent = Sent { id: RecordId::new(session, 0), content: 77, timestamp: -1, key: None };
        let partition = TopicPartition::new("with-dash", 3);
        let produce = Produce {
            partition: partition.clone(),
            topic_id: Some(Uuid([7; 16])),
            acks: Acks::All,
            one_batch: true,
            records: vec![sent],
        };
        let lost = recorder.invoke(1, 4, Action::Produce(produce.clone()));
        let kept = recorder.invoke(2, 4, Action::Produce(Produce { topic_id: None, ..produce }));
        recorder.complete(3, kept, Outcome::Ok(Answer::Produced { base_offset: Some(9) }));
        let (kind, file) = (FaultKind::RotAtRest, Some(FileKind::Segment));
        let rot = FaultNature { kind, node: 1, file, partition: Some("t-0".into()), detail: "bit 7".into() };
        let fault = recorder.fault_begins(4, rot);
        recorder.resent(lost);
        recorder.complete(5, lost, Outcome::Unknown("timed out".into()));
        recorder.fault_ends(6, fault);
        recorder.fault_repaired(6, fault);
        recorder.healed(7);
        let scan = recorder.invoke(8, 9, Action::Scan { partition });
        let records = vec![Received { offset: 9, id: RecordId::new(0, 0), content: 77, timestamp: 5, epoch: 3 }];
        recorder.complete(9, scan, Outcome::Ok(Answer::Scanned { log_start: 0, end: 10, records }));
        recorder.invoke(10, 9, Action::ListTopics);
        recorder.finish()
    }

    #[test]
    fn a_history_reads_back_as_it_was_written() {
        let history = some_history();
        let mut text = Vec::new();
        write(&history, &mut text).unwrap();
        assert_eq!(read(&text[..]).unwrap(), history, "{}", String::from_utf8_lossy(&text));
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 3 + 11);
    }

    #[test]
    fn what_is_no_history_is_refused_with_its_line() {
        let error = read(&b"\n{\"healed\":{\"at\":1}}\n{\"nonsense\":1}\n"[..]).unwrap_err();
        assert_eq!(error.number, 3);
        let orphan = br#"{"fail":{"at":1,"operation":5,"error":"x"}}"#;
        assert!(read(&orphan[..]).unwrap_err().what.contains("did not begin"));
        let mut twice = Vec::new();
        write(&some_history(), &mut twice).unwrap();
        twice.extend_from_slice(br#"{"fail":{"at":1,"operation":0,"error":"x"}}"#);
        assert!(read(&twice[..]).unwrap_err().what.contains("twice"));
    }

    #[test]
    fn a_history_whose_writer_crashed_in_a_line_is_read_up_to_that() {
        let mut text = Vec::new();
        write(&some_history(), &mut text).unwrap();
        let whole = read(&text[..text.len() - 1]).unwrap();
        assert_eq!(whole, some_history(), "only the line's end is missing");
        let cut = read(&text[..text.len() - 9]).unwrap();
        assert_eq!(cut.operations.len() + 1, whole.operations.len());
        text.truncate(text.len() - 9);
        text.push(b'\n');
        assert!(read(&text[..]).is_err(), "a whole line that is no event is no history");
    }

    #[test]
    fn an_answer_to_something_else_and_numbers_that_no_run_reaches_are_refused() {
        const ASKED: &str = r#"{"invoke":{"at":1,"process":1,"action":"list_topics"}}"#;
        const SCAN: &str = r#"{"invoke":{"at":1,"process":1,"action":{"scan":{"partition":"t-0"}}}}"#;
        for (asked, answer, why) in [
            (
                ASKED,
                r#"{"ok":{"at":2,"operation":0,"answer":{"produced":{"base_offset":9}}}}"#,
                "produced is no answer to list_topics",
            ),
            (
                SCAN,
                r#"{"ok":{"at":2,"operation":0,"answer":{"scanned":{"log_start":0,"end":9223372036854775807,"records":[]}}}}"#,
                "no log has offset 9223372036854775807",
            ),
            (SCAN, r#"{"healed":{"at":18446744073709551615}}"#, "no run lasts"),
        ] {
            let error = read(format!("{asked}\n{answer}\n").as_bytes()).unwrap_err();
            assert!(error.what.contains(why), "{error}");
            assert_eq!(error.number, 2);
        }
    }
}
