//! A member of a consumer group (KIP-848): the coordinator says what it is to read, it says what it does read.

use super::requests;
use super::shared::{Owned, What};
use super::station::{Parting, Station};
use super::wish::Wish;
use crate::error::ClientError;
use model::{ErrorCode, PartitionId, TopicPartition, Uuid};
use protocol::messages::consumer_group_heartbeat::TopicPartitions;
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use runtime::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The task of a member.
pub(super) struct Reconciled {
    station: Station,
    member_id: Arc<str>,
    /// Whether it is a member, or becomes one.
    lives: bool,
    /// 0 before the coordinator has let it in.
    epoch: i32,
    /// What the coordinator wants it to read.
    target: Ids,
    /// What it reads.
    reads: Ids,
    /// What the consumer was told to read, until it does.
    offered: Option<(u64, Ids)>,
    /// How often it has settled what it reads, or was told something else: what comes and goes is acknowledged, too.
    settled: u64,
    told: Told,
    /// Whether the coordinator may know it.
    was_heard: bool,
    interval: Duration,
    next_heartbeat: Instant,
    /// Nothing is told before, however urgent.
    not_before: Instant,
    /// When to ask next for names of topics that are known by their ids alone.
    ask_names_at: Instant,
}

type Ids = BTreeSet<(Uuid, PartitionId)>;

/// What the coordinator was told, and need not be told again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    wish: Option<ToldWish>,
    /// As of which settlement.
    reads: Option<(u64, Ids)>,
}

/// A pattern, and topics by name.
type ToldWish = (Option<Arc<str>>, BTreeSet<Arc<str>>);

/// The epoch of who leaves, and of a static member who will be back.
const LEAVES: i32 = -1;
const LEAVES_FOR_NOW: i32 = -2;

type Go<T> = std::result::Result<T, Parting>;

impl Reconciled {
    pub fn new(station: Station) -> Reconciled {
        let now = Instant::now();
        Reconciled {
            interval: station.shared.config.heartbeat_interval,
            station,
            member_id: Uuid::from_random_bits(runtime::rand::u64(), runtime::rand::u64()).to_string().into(),
            lives: false,
            epoch: 0,
            target: Ids::new(),
            reads: Ids::new(),
            offered: None,
            settled: 0,
            told: Told::default(),
            was_heard: false,
            next_heartbeat: now,
            not_before: now,
            ask_names_at: now,
        }
    }

    /// Is a member whenever there is something to be read, until the consumer is gone.
    pub async fn run(mut self) {
        loop {
            let parting = match self.live().await {
                Ok(never) => match never {},
                Err(parting) => parting,
            };
            match parting {
                Parting::Gone => break,
                Parting::Leave(done) => {
                    self.leave().await;
                    self.station.forget();
                    let _ = done.send(()); // whoever asked may have lost patience
                }
                Parting::Failed(error) => {
                    self.lose();
                    self.station.forget();
                    self.station.announce(What::Failed(error));
                }
            }
        }
        self.station.apart.disconnect();
    }

    async fn live(&mut self) -> Go<std::convert::Infallible> {
        loop {
            self.station.subscribed().await?;
            let number = self.station.announce(What::Lost);
            while !self.station.is_done(number) {
                self.station.wait_until(None).await?;
            }
            while let Err(error) = self.station.know_topics().await? {
                self.station.setback(error)?;
                self.station.back_off().await?;
            }
            self.lives = true;
            self.next_heartbeat = self.not_before;
            while self.lives {
                self.step().await?;
            }
        }
    }

    /// Waits for what comes next, and does it: a heartbeat, or leaving when the consumer does not poll.
    async fn step(&mut self) -> Go<()> {
        self.offer().await?;
        let now = Instant::now();
        if self.told != self.to_tell() {
            self.next_heartbeat = self.next_heartbeat.min(now.max(self.not_before));
        }
        if self.next_heartbeat <= now {
            return self.heartbeat().await;
        }
        let stuck = self.station.shared.poll_deadline();
        let names = Some(self.ask_names_at).filter(|_| self.offered.is_none() && self.target != self.reads);
        let deadline = [Some(self.next_heartbeat), stuck, names].into_iter().flatten().min();
        self.station.wait_until(deadline).await?;
        if self.station.is_stuck() {
            model::mark!("a member of a consumer group left because it was not polled");
            let within = self.station.shared.config.max_poll_interval;
            tracing::warn!("group {}: not polled within {within:?}, so it leaves", self.station.shared.config.group_id);
            self.station.announce(What::Lost); // before others can be given what it reads
            self.leave().await;
        }
        Ok(())
    }

    /// Sees to it that the consumer reads what it is to read.
    async fn offer(&mut self) -> Go<()> {
        if let Some((_, ids)) = self.offered.take_if(|(number, _)| self.station.is_done(*number)) {
            self.reads = ids;
            self.settled += 1;
        }
        if self.offered.is_some() || self.target == self.reads {
            return Ok(());
        }
        let (mut named, mut ids) = self.named();
        if ids != self.target && self.ask_names_at <= Instant::now() {
            self.ask_names_at = Instant::now() + self.station.cluster.config().retry_backoff.most;
            let (cluster, wish) = (self.station.cluster.clone(), self.station.wish().clone());
            let asked = async move { cluster.refresh(wish.wanted()).await };
            if let Err(error) = self.station.meanwhile(asked).await? {
                tracing::debug!("the names of assigned topics are not known yet: {error:#}");
            }
            (named, ids) = self.named();
        }
        if ids != self.reads {
            let number = self.station.announce(What::Assigned(named));
            self.offered = Some((number, ids));
        }
        Ok(())
    }

    /// What it is to read, as far as the names of the topics are known.
    fn named(&self) -> (Owned, Ids) {
        let view = self.station.cluster.view();
        let (mut named, mut ids) = (Owned::new(), Ids::new());
        for (id, partition) in &self.target {
            if let Some(topic) = view.topic_by_id(*id) {
                named.insert(TopicPartition::new(topic.name.clone(), *partition), *id);
                ids.insert((*id, *partition));
            }
        }
        (named, ids)
    }

    fn to_tell(&self) -> Told {
        let pattern = match self.station.wish() {
            Wish::Pattern { text, .. } => Some(text.clone()),
            Wish::Names(_) => None,
        };
        Told { wish: Some((pattern, self.station.topics())), reads: Some(self.may_read()) }
    }

    /// What the coordinator is to take for read here. While the consumer has been told what to read and has not answered,
    /// it may have begun: nobody else may be given that, and nothing is acknowledged that has not been yet.
    fn may_read(&self) -> (u64, Ids) {
        let reads = || (self.settled, self.reads.clone());
        match (&self.offered, &self.told.reads) {
            (None, _) => reads(),
            (Some(_), Some(told)) => told.clone(),
            (Some(_), None) if model::planted!("what was assigned and is not read yet is not told of") => reads(),
            (Some((_, offered)), None) => (self.settled, self.reads.union(offered).copied().collect()),
        }
    }

    async fn heartbeat(&mut self) -> Go<()> {
        let tells = self.to_tell();
        let request = self.request(&tells);
        let names = self.station.topics().iter().map(|topic| (&**topic).into()).collect();
        self.was_heard = true;
        let asked = requests::consumer_heartbeat(
            self.station.coordinator.clone(),
            self.station.apart.clone(),
            request,
            names,
            self.station.patience(),
        );
        let answer = self.station.meanwhile(asked).await;
        if answer.is_err() {
            self.told = Told::default(); // nobody waits for what it says
        }
        match answer? {
            Ok(answer) => {
                self.told = tells;
                self.heard(&answer);
            }
            Err(error) => self.refused(error)?,
        }
        Ok(())
    }

    fn request(&self, tells: &Told) -> ConsumerGroupHeartbeatRequest {
        let config = &self.station.shared.config;
        let begins = self.told == Told::default();
        let (pattern, topics) = tells.wish.as_ref().expect("it is always there to tell");
        let wish_changed = tells.wish != self.told.wish;
        let had_pattern = self.told.wish.as_ref().is_some_and(|(pattern, _)| pattern.is_some());
        let names = if pattern.is_some() { Vec::new() } else { topics.iter().map(|topic| (&**topic).into()).collect() };
        let pattern = pattern.as_deref().or(Some("").filter(|_| had_pattern));
        ConsumerGroupHeartbeatRequest {
            group_id: config.group_id.as_str().into(),
            member_id: (&*self.member_id).into(),
            member_epoch: self.epoch,
            instance_id: config.instance_id.as_deref().map(Into::into),
            rack_id: Some(config.consumer.rack.as_str()).filter(|rack| begins && !rack.is_empty()).map(Into::into),
            rebalance_timeout_ms: if begins { crate::cluster::timeout_ms(config.max_poll_interval) } else { -1 },
            subscribed_topic_names: wish_changed.then_some(names),
            subscribed_topic_regex: pattern.filter(|_| wish_changed).map(Into::into),
            server_assignor: config.remote_assignor.as_deref().filter(|_| begins).map(Into::into),
            topic_partitions: tells
                .reads
                .as_ref()
                .filter(|_| tells.reads != self.told.reads)
                .map(|(_, reads)| by_topic(reads)),
            ..Default::default()
        }
    }

    fn heard(&mut self, answer: &ConsumerGroupHeartbeatResponse) {
        self.station.backoff.reset();
        if let Some(id) = answer.member_id.as_deref().filter(|id| !id.is_empty() && **id != *self.member_id) {
            self.member_id = id.into();
        }
        self.epoch = answer.member_epoch;
        self.station.shared.is_member(&self.member_id, self.epoch);
        if answer.heartbeat_interval_ms > 0 {
            self.interval = Duration::from_millis(answer.heartbeat_interval_ms as u64);
        }
        self.next_heartbeat = Instant::now() + self.interval;
        if let Some(assignment) = &answer.assignment {
            let ids = |topic: &TopicPartitions| {
                let id = topic.topic_id;
                topic.partitions.clone().into_iter().map(move |partition| (id, partition))
            };
            let target = assignment.topic_partitions.iter().flat_map(ids).collect();
            if self.target != target {
                self.target = target;
                self.settled += u64::from(self.offered.is_none());
            }
        }
    }

    fn refused(&mut self, error: ClientError) -> Go<()> {
        self.told = Told::default();
        match error.error_code() {
            Some(ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId) => {
                model::mark!("a member of a consumer group was fenced");
                tracing::debug!("group {}: {error:#}", self.station.shared.config.group_id);
                self.lose();
            }
            // Removed while it was empty, or gone over to the classic protocol.
            Some(ErrorCode::GroupIdNotFound) if self.epoch > 0 => self.lose(),
            _ => self.station.setback(error)?,
        }
        self.not_before = Instant::now() + self.station.backoff.next_wait();
        self.next_heartbeat = self.not_before;
        Ok(())
    }

    fn lose(&mut self) {
        if std::mem::take(&mut self.epoch) > 0 {
            self.station.shared.is_none();
        }
        self.lives = false;
        self.target.clear();
        self.reads.clear();
        self.offered = None;
        self.told = Told::default();
    }

    /// Tells the coordinator, as well as it can be told, that it is no member any more, or, if it is a static one, not
    /// for now.
    async fn leave(&mut self) {
        self.lose();
        if !std::mem::take(&mut self.was_heard) {
            return;
        }
        let config = &self.station.shared.config;
        let returns = config.instance_id.is_some() && !config.static_members_leave;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: config.group_id.as_str().into(),
            member_id: (&*self.member_id).into(),
            member_epoch: if returns { LEAVES_FOR_NOW } else { LEAVES },
            instance_id: config.instance_id.as_deref().map(Into::into),
            ..Default::default()
        };
        // Behind a heartbeat that is on its way, or that would have it join again.
        let (coordinator, cluster) = (self.station.coordinator.clone(), self.station.apart.clone());
        let left = requests::consumer_heartbeat(coordinator, cluster, request, Vec::new(), self.station.patience());
        if let Err(error) = left.await {
            self.station.coordinator.learn(&error);
            tracing::debug!("group {} was not told of a member that leaves: {error:#}", config.group_id);
        }
    }
}

fn by_topic(ids: &Ids) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<PartitionId>> = BTreeMap::new();
    for (id, partition) in ids {
        topics.entry(*id).or_default().push(*partition);
    }
    let topic = |(topic_id, partitions)| TopicPartitions { topic_id, partitions, ..Default::default() };
    topics.into_iter().map(topic).collect()
}
