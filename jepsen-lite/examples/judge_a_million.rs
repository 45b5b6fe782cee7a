//! How long it takes to judge a long history, and how much memory: `cargo run --release -p jepsen-lite --example
//! judge_a_million [OPERATIONS]`. The history is what a right cluster of three nodes gives under faults: idempotent
//! producers with many writes under way, clients that follow, lookups of offsets, a group that commits, a final read.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // it measures

use jepsen_lite::checker;
use jepsen_lite::history::{
    Acks, Action, Answer, CommitOffset, CreateTopic, FaultKind, FaultNature, Fetch, FetchOffset, ListOffsets, Member,
    OffsetQuery, OperationId, Outcome, Process, Produce, Received, RecordId, Recorder, Sent, Session,
};
use model::{Offset, TopicPartition};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const PARTITIONS: usize = 12;
const PRODUCERS: usize = 8;
const UNDER_WAY: usize = 5;
const FOLLOWERS: usize = 3;
const GROUP: &str = "crew";

fn main() {
    let wanted = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number of operations"));
    let mut world = World::new();
    while world.operations < wanted {
        world.step();
    }
    let history = world.finish();
    let before = resident("VmRSS");
    let (began, worked) = (Instant::now(), processor_time());
    let verdict = checker::check(&history);
    let (took, worked) = (began.elapsed(), processor_time().saturating_sub(worked));
    print!("{}", checker::in_words(&history, &verdict));
    let most = resident("VmHWM");
    println!("judged in {took:.2?}, {worked:.2?} of a processor; {before} MB held the history, {most} MB with judging");
    assert!(verdict.is_clean(), "the history is a right one");
}

/// Megabytes, as the kernel counts them.
fn resident(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// What this thread has had of a processor: on a busy machine that is what a checker costs.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0))
}

struct Producer {
    session: u32,
    next: u32,
    under_way: VecDeque<(OperationId, usize, Sent)>,
}

struct World {
    recorder: Recorder,
    dice: u64,
    now: u64,
    operations: usize,
    logs: Vec<Vec<Received>>,
    producers: Vec<Producer>,
    positions: Vec<Offset>,
    committed: Vec<Option<(Offset, u64)>>,
    marks: u64,
}

fn partition(number: usize) -> TopicPartition {
    TopicPartition::new("t", number as i32)
}

impl World {
    fn new() -> World {
        let mut recorder = Recorder::new();
        recorder.members((1..=3).map(|node| Member { node, votes: true, rack: None }).collect());
        let session = |process| Session { process, idempotent: true, may_resend: true, producer: None };
        let producers = (0..PRODUCERS as Process).map(|process| Producer {
            session: recorder.session(session(process)),
            next: 0,
            under_way: VecDeque::new(),
        });
        let producers = producers.collect();
        let mut world = World {
            recorder,
            dice: 1,
            now: 0,
            operations: 0,
            logs: vec![Vec::new(); PARTITIONS],
            producers,
            positions: vec![0; FOLLOWERS * PARTITIONS],
            committed: vec![None; PARTITIONS],
            marks: 0,
        };
        for (topic, partitions) in [("t", PARTITIONS as i32), ("__consumer_offsets", 3)] {
            let configs = [("retention.ms", "-1"), ("min.insync.replicas", "2")];
            let configs = configs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let create = CreateTopic { topic: topic.to_owned(), partitions, replicas: 3, configs };
            world.did(99, Action::CreateTopic(create), Answer::Created { topic_id: None });
        }
        world
    }

    /// SplitMix64.
    fn below(&mut self, bound: usize) -> usize {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn at(&mut self) -> u64 {
        self.now += 100_000;
        self.now
    }

    fn invoke(&mut self, process: Process, action: Action) -> OperationId {
        self.operations += 1;
        let at = self.at();
        self.recorder.invoke(at, process, action)
    }

    fn did(&mut self, process: Process, action: Action, answer: Answer) {
        let operation = self.invoke(process, action);
        let at = self.at();
        self.recorder.complete(at, operation, Outcome::Ok(answer));
    }

    fn step(&mut self) {
        match self.below(5000) {
            0 => self.fault(),
            1..500 => self.look_up(),
            500..750 => self.commit(),
            750..1000 => self.ask_what_is_committed(),
            1000..3200 => self.follow(),
            _ => self.write(),
        }
    }

    fn fault(&mut self) {
        let kind = [FaultKind::ProcessCrash, FaultKind::Cut, FaultKind::Pause][self.below(3)];
        let node = 1 + self.below(3) as i32;
        let nature = FaultNature { kind, node, file: None, partition: None, detail: String::new() };
        let at = self.at();
        let fault = self.recorder.fault_begins(at, nature);
        let (ended, repaired) = (self.at(), self.at());
        self.recorder.fault_ends(ended, fault);
        self.recorder.fault_repaired(repaired, fault);
    }

    fn write(&mut self) {
        let which = self.below(PRODUCERS);
        if self.producers[which].under_way.len() == UNDER_WAY {
            self.resolve(which);
            return;
        }
        let to = self.below(PARTITIONS);
        let producer = &mut self.producers[which];
        let id = RecordId::new(producer.session, producer.next);
        producer.next += 1;
        let sent = Sent { id, content: id.0 * 7 % (1 << 52), timestamp: 1000, key: None };
        let (partition, records) = (partition(to), vec![sent]);
        let produce = Produce { partition, topic_id: None, acks: Acks::All, one_batch: true, records };
        let operation = self.invoke(which as Process, Action::Produce(produce));
        self.producers[which].under_way.push_back((operation, to, sent));
    }

    fn resolve(&mut self, which: usize) {
        let Some((operation, to, sent)) = self.producers[which].under_way.pop_front() else { return };
        let offset = self.logs[to].len() as Offset;
        let outcome = match self.below(100) {
            0 => return self.lost(operation, "no answer"),
            1 => Outcome::Unknown("no answer".into()),
            _ => Outcome::Ok(Answer::Produced { base_offset: Some(offset) }),
        };
        let Sent { id, content, timestamp, .. } = sent;
        self.logs[to].push(Received { offset, id, content, timestamp, epoch: 1 });
        let at = self.at();
        self.recorder.complete(at, operation, outcome);
    }

    fn lost(&mut self, operation: OperationId, why: &str) {
        let at = self.at();
        self.recorder.complete(at, operation, Outcome::Unknown(why.into()));
    }

    fn follow(&mut self) {
        let (follower, of) = (self.below(FOLLOWERS), self.below(PARTITIONS));
        let from = self.positions[follower * PARTITIONS + of];
        let most = 1 + self.below(12);
        let end = self.logs[of].len();
        let records: Vec<Received> = self.logs[of][from as usize..].iter().take(most).copied().collect();
        self.positions[follower * PARTITIONS + of] = from + records.len() as Offset;
        let fetch = Fetch {
            partition: partition(of),
            topic_id: None,
            from,
            continues: from > 0,
            node: Some(1),
            leader_epoch: None,
        };
        let answer = Answer::Fetched { records, high_watermark: end as Offset, log_start: 0 };
        self.did(20 + follower as Process, Action::Fetch(fetch), answer);
    }

    fn look_up(&mut self) {
        let of = self.below(PARTITIONS);
        let (query, offset) = match self.below(2) {
            0 => (OffsetQuery::Earliest, 0),
            _ => (OffsetQuery::Latest, self.logs[of].len() as Offset),
        };
        let list = ListOffsets { partition: partition(of), query };
        self.did(40, Action::ListOffsets(list), Answer::Offset { offset, timestamp: -1, epoch: 1 });
    }

    fn commit(&mut self) {
        let of = self.below(PARTITIONS);
        let offset = self.logs[of].len() as Offset;
        self.marks += 1;
        let mark = self.marks;
        let commit =
            CommitOffset { group: GROUP.to_owned(), by: None, partition: partition(of), offset, leader_epoch: 1, mark };
        self.did(50, Action::CommitOffset(commit), Answer::Committed { epoch: -1 });
        self.committed[of] = Some((offset, mark));
    }

    fn ask_what_is_committed(&mut self) {
        let of = self.below(PARTITIONS);
        let partition = partition(of);
        let fetch =
            FetchOffset { group: GROUP.to_owned(), partition, node: Some(1), may_be_old_ms: 3000, may_expire: false };
        let (offset, mark) = self.committed[of].map_or((-1, None), |(offset, mark)| (offset, Some(mark)));
        let leader_epoch = if mark.is_some() { 1 } else { -1 };
        self.did(51, Action::FetchOffset(fetch), Answer::CommittedOffset { offset, leader_epoch, mark });
    }

    fn finish(mut self) -> jepsen_lite::history::History {
        for which in 0..PRODUCERS {
            while !self.producers[which].under_way.is_empty() {
                self.resolve(which);
            }
        }
        let at = self.at();
        self.recorder.healed(at);
        for of in 0..PARTITIONS {
            let (end, records) = (self.logs[of].len() as Offset, self.logs[of].clone());
            let answer = Answer::Scanned { log_start: 0, end, records };
            self.did(98, Action::Scan { partition: partition(of) }, answer);
        }
        self.recorder.finish()
    }
}
