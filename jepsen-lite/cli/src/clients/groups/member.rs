//! A member of a group: it reads, commits, and now and then leaves, or is gone without a word and comes back.

use super::Crew;
use super::listener::Listener;
use super::witness::{SESSION, Witness};
use crate::clients::{Phase, received};
use client::group::assignors::Assignor;
use client::{ConsumerConfig, ConsumerRecord, GroupConfig, GroupConsumer, OffsetReset};
use jepsen_lite::history::{Action, Answer, CRASHED, Consume, Outcome, Process, Received};
use model::{Offset, TopicPartition};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::sync::Arc;

const POLL: Duration = Duration::from_millis(100);
/// Who does not poll for so long leaves by itself.
const MAX_POLL: Duration = Duration::from_secs(20);
/// Between two commits.
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// So many failures in a row, and the member begins anew.
const PATIENCE: u32 = 8;
/// Reads on for so long after all is well without getting anything more, unless it is at the end before.
const CATCH_UP: Duration = Duration::from_secs(30);
/// At the end for so long, nothing more comes.
const QUIET: Duration = Duration::from_secs(3);

/// Is a member until the run is over, and reads to the end.
pub async fn live(crew: Crew, process: Process) {
    let around = crew.around.clone();
    let mut member = Member::new(crew, process);
    member.join();
    while !around.is_past(Phase::Faults) {
        let until = Instant::now() + Duration::from_millis(8000 + runtime::rand::below(12_000));
        while Instant::now() < until && !around.is_past(Phase::Faults) {
            member.poll().await;
        }
        if around.is_past(Phase::Faults) {
            break;
        }
        match runtime::rand::below(4) {
            0 => member.leave().await,
            1 | 2 => member.crash(),
            _ => continue,
        }
        around.pause(Duration::from_millis(runtime::rand::below(3000)), Phase::Faults).await;
        member.join();
    }
    member.join();
    while !around.is_past(Phase::Drain) {
        member.poll().await;
    }
    member.catch_up().await;
    member.leave().await;
}

struct Member {
    witness: Arc<Witness>,
    consumer: Option<GroupConsumer>,
    /// When its last poll ended.
    polled: Instant,
    committed: Instant,
    commits: u32,
    failures: u32,
}

impl Member {
    fn new(crew: Crew, process: Process) -> Member {
        let (witness, now) = (Arc::new(Witness::new(crew, process)), Instant::now());
        Member { witness, consumer: None, polled: now, committed: now, commits: 0, failures: 0 }
    }

    fn join(&mut self) {
        if self.consumer.is_some() {
            return;
        }
        let crew = &self.witness.crew;
        let cluster = crew.around.connect(&format!("member-{}", self.witness.process));
        let config = GroupConfig {
            protocol: crew.protocol,
            session_timeout: SESSION,
            heartbeat_interval: SESSION / 6,
            max_poll_interval: MAX_POLL,
            assignors: vec![Assignor::CooperativeSticky],
            auto_commit: None,
            consumer: ConsumerConfig {
                offset_reset: OffsetReset::Earliest,
                fetch_max_wait: Duration::from_millis(200),
                ..ConsumerConfig::default()
            },
            ..GroupConfig::of(crew.name.as_str())
        };
        let mut consumer = GroupConsumer::new(&cluster, config).expect("the settings fit together");
        consumer.set_listener(Listener(self.witness.clone()));
        let topics: Vec<&str> =
            crew.around.topics.iter().filter(|topic| !topic.is_internal()).map(|topic| topic.name.as_str()).collect();
        consumer.subscribe(&topics);
        self.witness.joins();
        self.consumer = Some(consumer);
        (self.failures, self.polled) = (0, Instant::now());
    }

    async fn leave(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            self.shows();
            consumer.close().await;
            self.witness.ends(Outcome::Ok(Answer::Done));
        }
    }

    /// Is gone, and tells nobody.
    fn crash(&mut self) {
        if self.consumer.take().is_some() {
            self.shows();
            let why = if self.has_left() { "it crashed, and had not polled" } else { CRASHED };
            self.witness.ends(Outcome::Unknown(why.into()));
        }
    }

    /// Whether it may have left by itself, as one does that is not polled.
    fn has_left(&self) -> bool {
        self.polled.elapsed() >= MAX_POLL
    }

    async fn poll(&mut self) {
        let has_left = self.has_left();
        let Some(consumer) = &mut self.consumer else {
            sleep(POLL).await;
            return;
        };
        if has_left {
            self.witness.is_at_fault();
        }
        let polled = consumer.poll(POLL).await;
        self.polled = Instant::now();
        match polled {
            Ok(records) => {
                self.failures = 0;
                self.note(records);
                self.commit_when_due().await;
            }
            Err(error) => {
                tracing::debug!("member {}: {error:#}", self.witness.process);
                self.failures += 1;
                sleep(POLL).await;
                if self.failures >= PATIENCE {
                    self.crash();
                    self.join();
                }
            }
        }
        self.shows();
    }

    /// Writes down what was delivered.
    fn note(&self, records: Vec<ConsumerRecord>) {
        let Some(consumer) = &self.consumer else { return };
        let mut by_partition: BTreeMap<TopicPartition, Vec<Received>> = BTreeMap::new();
        for record in records {
            let received = received(&record);
            by_partition.entry(record.topic_partition).or_default().push(received);
        }
        let (group, member) = (&self.witness.crew.name, consumer.group_metadata().member_id);
        let chronicle = &self.witness.crew.around.chronicle;
        for (partition, records) in by_partition {
            let consume = Consume { group: group.clone(), member: member.clone(), partition };
            let operation = chronicle.invoke(self.witness.process, Action::Consume(consume));
            let answer = Answer::Fetched { records, high_watermark: -1, log_start: -1 };
            chronicle.complete(operation, Outcome::Ok(answer));
        }
    }

    async fn commit_when_due(&mut self) {
        let Some(consumer) = self.consumer.as_mut().filter(|_| self.committed.elapsed() >= COMMIT_EVERY) else {
            return;
        };
        self.commits += 1;
        if self.commits.is_multiple_of(3) {
            self.witness.start_commit(consumer);
        } else {
            self.witness.commit(consumer).await;
        }
        self.committed = Instant::now();
    }

    fn shows(&self) {
        let reads = |consumer: &GroupConsumer| {
            consumer.assignment().map(|of| (of.clone(), consumer.position(of).is_some())).collect()
        };
        let crew = &self.witness.crew;
        crew.board.shows(&crew.name, self.witness.process, self.consumer.as_ref().map(reads).unwrap_or_default());
    }

    /// Reads to the end of what it is given, and commits it.
    async fn catch_up(&mut self) {
        let (mut deadline, mut quiet_since) = (Instant::now() + CATCH_UP, Instant::now());
        let mut furthest = self.progress();
        while quiet_since.elapsed() < QUIET && Instant::now() < deadline {
            self.poll().await;
            if !self.is_at_the_end() {
                quiet_since = Instant::now();
            }
            if self.progress() > furthest {
                furthest = self.progress();
                deadline = Instant::now() + CATCH_UP;
            }
        }
        if let Some(consumer) = &mut self.consumer {
            self.witness.commit(consumer).await;
        }
    }

    /// Grows when something was read.
    fn progress(&self) -> Offset {
        let Some(consumer) = &self.consumer else { return 0 };
        consumer.assignment().filter_map(|of| consumer.position(of)).sum()
    }

    fn is_at_the_end(&self) -> bool {
        let Some(consumer) = &self.consumer else { return true };
        consumer.assignment().all(|of| {
            consumer.position(of).zip(consumer.high_watermark(of)).is_some_and(|(position, end)| position >= end)
        })
    }
}
