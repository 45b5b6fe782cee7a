//! Histories made by hand, for the tests of the checkers: one group `g`, one topic `t`, one operation at a time, each of
//! them two milliseconds long.

use crate::checker::{Class, Verdict, check};
use crate::history::{
    Acks, Action, Answer, CRASHED, CommitOffset, Consume, CreateTopic, FaultKind, FaultNature, FetchOffset,
    GroupMember, GroupProtocol, History, Key, LOST, OperationId, Outcome, Own, PartitionText, Process, Produce,
    Received, RecordId, Recorder, Sent, Session,
};
use model::{Offset, PartitionId, TopicPartition};
use std::collections::BTreeMap;

/// A history in the making.
pub struct Story {
    recorder: Recorder,
    now: u64,
    written: u32,
}

pub fn classic(id: &str, epoch: i32) -> GroupMember {
    GroupMember { id: id.to_owned(), instance: None, epoch, protocol: GroupProtocol::Classic }
}

pub fn consumer(id: &str, epoch: i32) -> GroupMember {
    GroupMember { protocol: GroupProtocol::Consumer, ..classic(id, epoch) }
}

/// The same in a place of its own.
pub fn fixed(member: GroupMember) -> GroupMember {
    GroupMember { instance: Some("place".to_owned()), ..member }
}

pub fn partition(number: PartitionId) -> TopicPartition {
    TopicPartition::new("t", number)
}

/// The leader epoch that commits of a story name.
const EPOCH: i32 = 2;

impl Story {
    pub fn new() -> Story {
        Story::with_offsets_topic(&[])
    }

    /// The configs are those of `__consumer_offsets`.
    pub fn with_offsets_topic(pairs: &[(&str, &str)]) -> Story {
        Story::with_topics(pairs, &[("retention.ms", "-1")])
    }

    /// The configs are those of `t`.
    pub fn with_topic(pairs: &[(&str, &str)]) -> Story {
        Story::with_topics(&[], pairs)
    }

    /// Nobody is known to have made any topic.
    pub fn without_topics() -> Story {
        let mut recorder = Recorder::new();
        recorder.session(Session { process: 0, idempotent: true, may_resend: true, producer: Some((5, 0)) });
        Story { recorder, now: 0, written: 0 }
    }

    fn with_topics(offsets: &[(&str, &str)], own: &[(&str, &str)]) -> Story {
        let mut story = Story::without_topics();
        let configs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        story.create("__consumer_offsets", configs(offsets));
        story.create("t", configs(own));
        story
    }

    fn create(&mut self, topic: &str, configs: BTreeMap<String, String>) {
        let create = CreateTopic { topic: topic.into(), partitions: 3, replicas: 1, configs };
        self.did(9, Action::CreateTopic(create), Answer::Created { topic_id: None });
    }

    fn at(&mut self) -> u64 {
        self.now += 1_000_000;
        self.now
    }

    /// Lets nanoseconds pass.
    pub fn pass(&mut self, time: u64) {
        self.now += time;
    }

    fn invoke(&mut self, process: Process, action: Action) -> OperationId {
        let at = self.at();
        self.recorder.invoke(at, process, action)
    }

    pub fn complete(&mut self, id: OperationId, outcome: Outcome) {
        let at = self.at();
        self.recorder.complete(at, id, outcome);
    }

    fn did(&mut self, process: Process, action: Action, answer: Answer) -> OperationId {
        let id = self.invoke(process, action);
        self.complete(id, Outcome::Ok(answer));
        id
    }

    pub fn joins(&mut self, protocol: GroupProtocol) {
        self.did(1, Action::JoinGroup { group: "g".into(), protocol }, Answer::Done);
    }

    pub fn moves_leader(&mut self, topic: &str) {
        let partition = TopicPartition::new(topic, 0);
        self.did(0, Action::ElectPreferred { partition }, Answer::Done);
    }

    /// The same, and nobody hears whether it is done.
    pub fn moves_leader_in_vain(&mut self, topic: &str) {
        let partition = TopicPartition::new(topic, 0);
        let id = self.invoke(0, Action::ElectPreferred { partition });
        self.complete(id, Outcome::Unknown("timed out".into()));
    }

    pub fn owns(&mut self, by: &GroupMember, partitions: &[PartitionId]) -> OperationId {
        self.owns_with(by, partitions, false, true)
    }

    pub fn owns_with(
        &mut self,
        by: &GroupMember,
        partitions: &[PartitionId],
        commits_itself: bool,
        from_start: bool,
    ) -> OperationId {
        let partitions = partitions.iter().map(|number| PartitionText(partition(*number))).collect();
        let (group, by, session_ms) = ("g".to_owned(), by.clone(), 5000);
        self.invoke(1, Action::Own(Own { group, by, partitions, session_ms, commits_itself, from_start }))
    }

    pub fn gives_up(&mut self, own: OperationId) {
        // What follows is at the next event, as where a member is told at one moment.
        self.complete(own, Outcome::Ok(Answer::Done));
    }

    pub fn loses(&mut self, own: OperationId) {
        self.complete(own, Outcome::Unknown(LOST.into()));
    }

    pub fn crashes(&mut self, own: OperationId) {
        self.complete(own, Outcome::Unknown(CRASHED.into()));
    }

    pub fn commit(&mut self, by: Option<&GroupMember>, number: PartitionId, offset: Offset, mark: u64) -> OperationId {
        let (group, partition) = ("g".to_owned(), partition(number));
        let commit = CommitOffset { group, by: by.cloned(), partition, offset, leader_epoch: EPOCH, mark };
        self.invoke(2, Action::CommitOffset(commit))
    }

    pub fn resent(&mut self, commit: OperationId) {
        self.recorder.resent(commit);
    }

    pub fn takes(&mut self, commit: OperationId, epoch: i32) {
        self.complete(commit, Outcome::Ok(Answer::Committed { epoch }));
    }

    pub fn committed(&mut self, by: Option<&GroupMember>, number: PartitionId, offset: Offset, mark: u64) {
        let id = self.commit(by, number, offset, mark);
        self.takes(id, by.map_or(-1, |by| by.epoch));
    }

    pub fn commit_refused(&mut self, by: Option<&GroupMember>, number: PartitionId, offset: Offset, mark: u64) {
        let id = self.commit(by, number, offset, mark);
        self.complete(id, Outcome::Fail("ILLEGAL_GENERATION".into()));
    }

    pub fn looked_up(&mut self, number: PartitionId, offset: Offset, mark: Option<u64>) {
        self.looked_up_at_old(number, offset, mark, 0);
    }

    pub fn looked_up_at_old(&mut self, number: PartitionId, offset: Offset, mark: Option<u64>, may_be_old_ms: u32) {
        let leader_epoch = if mark.is_some() { EPOCH } else { -1 };
        self.looked_up_answered(number, Answer::CommittedOffset { offset, leader_epoch, mark }, may_be_old_ms);
    }

    pub fn looked_up_answered(&mut self, number: PartitionId, answer: Answer, may_be_old_ms: u32) {
        let (group, partition) = ("g".to_owned(), partition(number));
        let fetch = FetchOffset { group, partition, node: None, may_be_old_ms, may_expire: false };
        self.did(3, Action::FetchOffset(fetch), answer);
    }

    pub fn looked_up_where_offsets_expire(&mut self, number: PartitionId, offset: Offset, mark: Option<u64>) {
        let (group, partition) = ("g".to_owned(), partition(number));
        let fetch = FetchOffset { group, partition, node: None, may_be_old_ms: 0, may_expire: true };
        self.did(3, Action::FetchOffset(fetch), Answer::CommittedOffset { offset, leader_epoch: -1, mark });
    }

    pub fn deleted(&mut self, number: PartitionId) {
        self.did(4, Action::DeleteOffset { group: "g".into(), partition: partition(number) }, Answer::Done);
    }

    pub fn deletes_group(&mut self) {
        self.did(4, Action::DeleteGroup { group: "g".into() }, Answer::Done);
    }

    pub fn awaited(&mut self, outcome: Outcome) {
        let id = self.invoke(5, Action::AwaitGroup { group: "g".into() });
        self.complete(id, outcome);
    }

    /// Records 0 to `count - 1` are written, at offsets of the same numbers.
    pub fn written(&mut self, count: u32) {
        (0..count).for_each(|_| self.writes(None));
    }

    /// The next record is written.
    pub fn writes(&mut self, key: Option<Key>) {
        let number = self.written;
        self.written += 1;
        let records = vec![Sent { key, ..sent(number) }];
        let (partition, acks) = (partition(0), Acks::All);
        let produce = Produce { partition, topic_id: None, acks, one_batch: true, records };
        let base_offset = Some(Offset::from(number));
        self.did(0, Action::Produce(produce), Answer::Produced { base_offset });
    }

    pub fn consumed(&mut self, member: &str, number: PartitionId, offsets: &[u32]) {
        let consume = Consume { group: "g".into(), member: member.into(), partition: partition(number) };
        let records = offsets.iter().map(|offset| received(*offset)).collect();
        self.did(1, Action::Consume(consume), Answer::Fetched { records, high_watermark: -1, log_start: -1 });
    }

    /// The final log has the first `count` records.
    pub fn scan(&mut self, count: u32) {
        let records = (0..count).map(received).collect();
        let answer = Answer::Scanned { log_start: 0, end: Offset::from(count), records };
        self.did(7, Action::Scan { partition: partition(0) }, answer);
    }

    /// A fault that is over at once.
    pub fn fault(&mut self, kind: FaultKind) {
        let nature = FaultNature { kind, node: 1, file: None, partition: None, detail: String::new() };
        let at = self.at();
        let fault = self.recorder.fault_begins(at, nature);
        self.recorder.fault_ends(at, fault);
    }

    /// A fault that is over at once, and whose node is in sync again some time later.
    pub fn fault_repaired_after(&mut self, kind: FaultKind, time: u64) {
        self.fault(kind);
        self.pass(time);
        let (at, last) = (self.at(), self.history().faults.len() - 1);
        self.recorder.fault_repaired(at, last);
    }

    pub fn healed(&mut self) {
        let at = self.at();
        self.recorder.healed(at);
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
    }

    /// # Panics
    /// Unless `class` is among what is found.
    pub fn assert_finds(&self, class: Class) {
        let verdict = self.verdict();
        assert!(verdict.counts.contains_key(&class), "{:#?}", verdict.anomalies);
    }
}

fn sent(number: u32) -> Sent {
    Sent {
        id: RecordId::new(0, number),
        content: u64::from(100 + number),
        timestamp: i64::from(1000 + number),
        key: None,
    }
}

fn received(number: u32) -> Received {
    let Sent { id, content, timestamp, .. } = sent(number);
    Received { offset: Offset::from(number), id, content, timestamp, epoch: 0 }
}
