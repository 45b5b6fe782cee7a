//! A member of a group: the `client` crate's own, which joins, leaves, stops without a word, does not poll for a while, and
//! commits by hand or by itself.

use super::board::Reader;
use super::listener::Listener;
use super::witness::Witness;
use crate::clients::surroundings::{Client, Phase};
use crate::plan::{MemberDeed, MemberHabit, Pause, Speaks};
use client::group::assignors::Assignor;
use client::{
    ClientConfig, Cluster, ConsumerConfig, ConsumerRecord, GroupConfig, GroupConsumer, GroupProtocol, OffsetReset,
};
use jepsen_lite::history::{Action, Answer, CRASHED, Consume, Outcome, Received, content_of};
use jepsen_lite::workload::identify;
use model::{Offset, TopicPartition};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(100);
/// So many failures in a row, and the member begins anew.
const PATIENCE: u32 = 8;
/// Reads on for so long after all is healed without getting anything more, unless it is at the end before.
const CATCH_UP: Duration = Duration::from_secs(20);
/// At the end for so long, nothing more comes.
const QUIET: Duration = Duration::from_secs(3);

/// Does its deeds, is there when all is healed, and reads to the end.
pub async fn live(client: Client, habit: MemberHabit, deeds: Vec<(Pause, MemberDeed)>) {
    let mut member = Member::new(client.clone(), habit);
    for (pause, deed) in deeds {
        member.poll_until(Instant::now() + Duration::from_micros(u64::from(pause)), Phase::Faults).await;
        if client.is_past(Phase::Faults) {
            break;
        }
        member.act(deed).await;
    }
    member.topics = u8::MAX;
    member.subscribe();
    while !client.is_past(Phase::Drain) {
        member.join();
        member.poll().await;
    }
    member.catch_up().await;
    member.leave().await;
}

struct Member {
    client: Client,
    witness: Arc<Witness>,
    consumer: Option<GroupConsumer>,
    /// Which of its topics it reads.
    topics: u8,
    polls: u32,
    /// When its last poll ended.
    polled: Instant,
    failures: u32,
    /// Whether it has a place of its own: not after it has lost it to another.
    is_static: bool,
}

impl Member {
    fn new(client: Client, habit: MemberHabit) -> Member {
        let is_static = habit.instance.is_some();
        let witness = Arc::new(Witness::new(client.clone(), habit));
        let polled = Instant::now();
        Member { client, witness, consumer: None, topics: u8::MAX, polls: 0, polled, failures: 0, is_static }
    }

    async fn act(&mut self, deed: MemberDeed) {
        match deed {
            MemberDeed::Join => self.join(),
            MemberDeed::Leave => self.leave().await,
            MemberDeed::Crash(down_ms) => {
                self.crash();
                self.client.pause(down_ms * 1000, Phase::Faults).await;
                self.join();
            }
            MemberDeed::Sleep(lasts_ms) => {
                self.witness.is_at_fault(Duration::from_millis(u64::from(lasts_ms)));
                self.client.pause(lasts_ms * 1000, Phase::Faults).await;
            }
            MemberDeed::Subscribe(topics) => {
                self.topics = topics;
                self.subscribe();
            }
        }
    }

    /// The names of the topics that it reads now; never none.
    fn wanted(&self) -> Vec<String> {
        let all = &self.witness.habit.topics;
        let name = |topic: &u8| self.client.around.topics[usize::from(*topic)].name.clone();
        let some = all.iter().enumerate().filter(|(place, _)| self.topics >> (place % 8) & 1 == 1);
        let some: Vec<String> = some.map(|(_, topic)| name(topic)).collect();
        if some.is_empty() { all.iter().map(name).collect() } else { some }
    }

    fn subscribe(&mut self) {
        let wanted = self.wanted();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        if let Some(consumer) = &mut self.consumer {
            consumer.subscribe(&wanted);
        }
    }

    fn join(&mut self) {
        if self.consumer.is_some() {
            return;
        }
        let cluster = Cluster::new(settings(&self.client));
        let config = group_settings(&self.witness.habit, self.is_static);
        let mut consumer = GroupConsumer::new(&cluster, config).expect("the settings fit together");
        consumer.set_listener(Listener(self.witness.clone()));
        self.witness.joins();
        self.consumer = Some(consumer);
        (self.failures, self.polled) = (0, Instant::now());
        self.subscribe();
    }

    async fn leave(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            self.show_none();
            consumer.close().await;
            self.witness.ends(Outcome::Ok(Answer::Done));
        }
    }

    /// Is gone, and tells nobody.
    fn crash(&mut self) {
        if self.consumer.take().is_some() {
            self.show_none();
            let why = if self.has_left() { "it crashed, and had not polled" } else { CRASHED };
            self.witness.ends(Outcome::Unknown(why.into()));
        }
    }

    /// Whether it may have left by itself, as one does that is not polled.
    fn has_left(&self) -> bool {
        self.polled.elapsed() >= Duration::from_millis(u64::from(self.witness.habit.max_poll_ms))
    }

    async fn poll_until(&mut self, deadline: Instant, phase: Phase) {
        while Instant::now() < deadline && !self.client.is_past(phase) {
            self.poll().await;
        }
    }

    async fn poll(&mut self) {
        let has_left = self.has_left();
        let Some(consumer) = &mut self.consumer else {
            sleep(POLL).await;
            return;
        };
        if has_left {
            self.witness.is_at_fault(Duration::ZERO);
        }
        let polled = consumer.poll(POLL).await;
        self.polled = Instant::now();
        match polled {
            Ok(records) => {
                self.failures = 0;
                self.note(records);
                self.commit_by_hand().await;
            }
            Err(error) => {
                tracing::debug!("{}: {error:#}", self.client.name);
                self.failures += 1;
                self.client.back_off().await;
                if self.failures >= PATIENCE {
                    self.is_static = false; // another may have its place
                    self.crash();
                    self.join();
                }
            }
        }
        self.show();
    }

    /// Writes down what was delivered.
    fn note(&self, records: Vec<ConsumerRecord>) {
        let Some(consumer) = &self.consumer else { return };
        let mut by_partition: BTreeMap<TopicPartition, Vec<Received>> = BTreeMap::new();
        for record in records {
            let received = received(&record);
            by_partition.entry(record.topic_partition).or_default().push(received);
        }
        let (group, member) = (self.witness.habit.group.clone(), consumer.group_metadata().member_id);
        let chronicle = &self.client.around.chronicle;
        for (partition, records) in by_partition {
            let consume = Consume { group: group.clone(), member: member.clone(), partition };
            let operation = chronicle.invoke(self.client.process, Action::Consume(consume));
            let answer = Answer::Fetched { records, high_watermark: -1, log_start: -1 };
            chronicle.complete(operation, Outcome::Ok(answer));
        }
    }

    async fn commit_by_hand(&mut self) {
        let (Some(every), Some(consumer)) = (self.witness.habit.commits_every, &mut self.consumer) else { return };
        self.polls += 1;
        if !self.polls.is_multiple_of(u32::from(every)) {
            return;
        }
        match self.polls / u32::from(every) % 4 {
            0 => self.witness.start_commit(consumer),
            1 => self.witness.commit(consumer, true).await,
            _ => self.witness.commit(consumer, false).await,
        }
    }

    fn show(&self) {
        let Some(consumer) = &self.consumer else { return };
        let reads = consumer.assignment().map(|of| (of.clone(), consumer.position(of).is_some())).collect();
        let reader = Reader { topics: self.wanted().into_iter().collect(), reads };
        self.client.around.board.shows(&self.witness.habit.group, self.client.process, Some(reader));
    }

    fn show_none(&self) {
        self.client.around.board.shows(&self.witness.habit.group, self.client.process, None);
    }

    /// Reads to the end of what it is given, and commits it.
    async fn catch_up(&mut self) {
        let mut deadline = Instant::now() + CATCH_UP;
        let mut quiet_since = Instant::now();
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
        if let (Some(_), Some(consumer)) = (self.witness.habit.commits_every, &mut self.consumer) {
            self.witness.commit(consumer, false).await;
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

fn received(record: &ConsumerRecord) -> Received {
    let headers = || record.headers.iter().map(|header| (&header.key[..], header.value.as_deref()));
    Received {
        offset: record.offset,
        id: identify(record.value.as_deref(), headers()),
        content: content_of(record.key.as_deref(), record.value.as_deref(), headers()),
        timestamp: record.timestamp,
        epoch: record.leader_epoch,
    }
}

/// Less patience than people have: a run is a minute.
fn settings(client: &Client) -> ClientConfig {
    ClientConfig {
        client_id: client.name.clone(),
        request_timeout: Duration::from_secs(2),
        api_timeout: Duration::from_secs(4),
        connect_timeout: Duration::from_millis(1500),
        metadata_max_age: Duration::from_secs(10),
        ..ClientConfig::of(&client.around.nodes.join(","))
    }
}

fn group_settings(habit: &MemberHabit, is_static: bool) -> GroupConfig {
    let milliseconds = |count: u32| Duration::from_millis(u64::from(count));
    GroupConfig {
        protocol: match habit.speaks {
            Speaks::Classic => GroupProtocol::Classic,
            Speaks::Consumer => GroupProtocol::Consumer,
        },
        instance_id: habit.instance.clone().filter(|_| is_static),
        session_timeout: milliseconds(habit.session_ms),
        heartbeat_interval: milliseconds(habit.heartbeat_ms),
        max_poll_interval: milliseconds(habit.max_poll_ms),
        assignors: habit.assignors.iter().filter_map(|name| Assignor::of_name(name)).collect(),
        auto_commit: habit.auto_commit_ms.map(milliseconds),
        consumer: ConsumerConfig {
            offset_reset: OffsetReset::Earliest,
            max_poll_records: usize::from(habit.poll_records),
            fetch_max_wait: milliseconds(200),
            ..ConsumerConfig::default()
        },
        ..GroupConfig::of(habit.group.as_str())
    }
}
