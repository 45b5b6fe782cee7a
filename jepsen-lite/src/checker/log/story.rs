//! Histories made by hand, for the tests of the checkers: one topic `t` with one partition, one operation at a time.

use super::check;
use crate::checker::{Class, Verdict};
use crate::history::{
    Acks, Action, Answer, Consume, CreateTopic, FaultKind, FaultNature, Fetch, FileKind, History, ListOffsets,
    OffsetQuery, OperationId, Outcome, Process, Produce, Received, RecordId, Recorder, Sent, Session,
};
use model::{Offset, TopicPartition};
use std::collections::BTreeMap;

/// A history in the making. Session 0 is idempotent; record `n` of it has content `100 + n` and timestamp `1000 + n`.
pub struct Story {
    pub recorder: Recorder,
    now: u64,
}

pub fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

pub fn sent(number: u32) -> Sent {
    Sent {
        id: RecordId::new(0, number),
        content: u64::from(100 + number),
        timestamp: i64::from(1000 + number),
        key: None,
    }
}

pub fn received(offset: Offset, number: u32) -> Received {
    let Sent { id, content, timestamp, .. } = sent(number);
    Received { offset, id, content, timestamp, epoch: 0 }
}

fn configs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The creation of a topic without retention, but for what `pairs` say.
pub fn created(pairs: &[(&str, &str)]) -> Action {
    let mut configs = configs(pairs);
    configs.entry("retention.ms".into()).or_insert("-1".into());
    Action::CreateTopic(CreateTopic { topic: "t".into(), partitions: 1, replicas: 1, configs })
}

impl Story {
    /// Nothing yet.
    pub fn new() -> Story {
        let mut recorder = Recorder::new();
        recorder.session(Session { process: 0, idempotent: true, may_resend: true, producer: Some((5, 0)) });
        Story { recorder, now: 0 }
    }

    /// A topic without retention, but for what `pairs` say.
    pub fn with_topic(pairs: &[(&str, &str)]) -> Story {
        let mut story = Story::new();
        story.create(pairs);
        story
    }

    pub fn create(&mut self, pairs: &[(&str, &str)]) -> OperationId {
        self.did(9, created(pairs), Answer::Created { topic_id: None })
    }

    pub fn at(&mut self) -> u64 {
        self.now += 1_000_000;
        self.now
    }

    pub fn invoke(&mut self, process: Process, action: Action) -> OperationId {
        let at = self.at();
        self.recorder.invoke(at, process, action)
    }

    pub fn complete(&mut self, id: OperationId, outcome: Outcome) {
        let at = self.at();
        self.recorder.complete(at, id, outcome);
    }

    pub fn did(&mut self, process: Process, action: Action, answer: Answer) -> OperationId {
        let id = self.invoke(process, action);
        self.complete(id, Outcome::Ok(answer));
        id
    }

    /// Invokes a produce of records `first` to `first + count - 1`, in one batch.
    pub fn produce(&mut self, first: u32, count: u32) -> OperationId {
        self.produce_records((first..first + count).map(sent).collect())
    }

    pub fn produce_records(&mut self, records: Vec<Sent>) -> OperationId {
        let produce = Produce { partition: partition(), topic_id: None, acks: Acks::All, one_batch: true, records };
        self.invoke(0, Action::Produce(produce))
    }

    pub fn acknowledge(&mut self, id: OperationId, base: Offset) {
        self.complete(id, Outcome::Ok(Answer::Produced { base_offset: Some(base) }));
    }

    /// Records `first..first + count`, acknowledged one produce each at offsets of the same numbers.
    pub fn acknowledged(&mut self, first: u32, count: u32) {
        for number in first..first + count {
            let id = self.produce(number, 1);
            self.acknowledge(id, Offset::from(number));
        }
    }

    /// Goes on reading at `from` as process `process`; `(offset, number)` come.
    pub fn poll(&mut self, process: Process, from: Offset, records: &[(Offset, u32)], high_watermark: Offset) {
        let records = records.iter().map(|(offset, number)| received(*offset, *number)).collect();
        self.poll_answered(process, from, Answer::Fetched { records, high_watermark, log_start: 0 });
    }

    pub fn poll_answered(&mut self, process: Process, from: Offset, answer: Answer) -> OperationId {
        let fetch =
            Fetch { partition: partition(), topic_id: None, from, continues: true, node: None, leader_epoch: None };
        self.did(process, Action::Fetch(fetch), answer)
    }

    /// A member of a group is given these.
    pub fn consumed(&mut self, records: Vec<Received>) {
        let consume = Consume { group: "g".into(), member: "m".into(), partition: partition() };
        self.did(6, Action::Consume(consume), Answer::Fetched { records, high_watermark: -1, log_start: -1 });
    }

    pub fn list(&mut self, query: OffsetQuery, offset: Offset, timestamp: i64) {
        let list = ListOffsets { partition: partition(), query };
        self.did(8, Action::ListOffsets(list), Answer::Offset { offset, timestamp, epoch: -1 });
    }

    pub fn delete_records(&mut self, before: Offset, log_start: Offset) {
        let action = Action::DeleteRecords { partition: partition(), before };
        self.did(9, action, Answer::RecordsDeleted { log_start });
    }

    pub fn delete_topic(&mut self) -> OperationId {
        self.did(9, Action::DeleteTopic { topic: "t".into() }, Answer::Done)
    }

    pub fn alter(&mut self, name: &str, value: Option<&str>) {
        let changes = BTreeMap::from([(name.to_owned(), value.map(str::to_owned))]);
        self.did(9, Action::AlterConfigs { topic: "t".into(), changes }, Answer::Done);
    }

    pub fn describe(&mut self, pairs: &[(&str, &str)]) {
        let answer = Answer::Configs { configs: configs(pairs) };
        self.did(9, Action::DescribeConfigs { topic: "t".into() }, answer);
    }

    pub fn topics(&mut self, names: &[&str]) {
        let topics = names.iter().map(|name| (*name).to_owned()).collect();
        self.did(9, Action::ListTopics, Answer::Topics { topics });
    }

    /// A fault that is over at once.
    pub fn fault(&mut self, kind: FaultKind, file: Option<FileKind>) {
        let nature = FaultNature { kind, node: 1, file, partition: None, detail: String::new() };
        let at = self.at();
        let fault = self.recorder.fault_begins(at, nature);
        self.recorder.fault_ends(at, fault);
    }

    pub fn healed(&mut self) {
        let at = self.at();
        self.recorder.healed(at);
    }

    /// The final log: `(offset, number)`.
    pub fn scan(&mut self, log_start: Offset, end: Offset, records: &[(Offset, u32)]) {
        let records = records.iter().map(|(offset, number)| received(*offset, *number)).collect();
        self.scanned(Answer::Scanned { log_start, end, records });
    }

    pub fn scanned(&mut self, answer: Answer) {
        self.did(7, Action::Scan { partition: partition() }, answer);
    }

    pub fn refused_scan(&mut self) {
        let id = self.invoke(7, Action::Scan { partition: partition() });
        self.complete(id, Outcome::Unknown("KAFKA_STORAGE_ERROR".into()));
    }

    pub fn history(&self) -> &History {
        self.recorder.history()
    }

    pub fn verdict(&self) -> Verdict {
        check(self.history())
    }

    /// # Panics
    /// When something is found.
    pub fn assert_clean(&self) {
        let verdict = self.verdict();
        assert!(verdict.is_clean(), "{:#?}", verdict.anomalies);
    }

    /// # Panics
    /// Unless exactly `class` is found.
    pub fn assert_only(&self, class: Class) {
        let verdict = self.verdict();
        let found: Vec<Class> = verdict.counts.keys().copied().collect();
        assert_eq!(found, [class], "{:#?}", verdict.anomalies);
        assert!(
            verdict
                .anomalies
                .iter()
                .all(|anomaly| anomaly.witness.ends_with(|c: char| c.is_alphanumeric() || c == ')'))
        );
    }

    /// # Panics
    /// Unless `class` is among what is found.
    pub fn assert_finds(&self, class: Class) {
        let verdict = self.verdict();
        assert!(verdict.counts.contains_key(&class), "{:#?}", verdict.anomalies);
    }
}
