//! A member of a classic group: joins, is given partitions by the leader or leads itself, and keeps its place by
//! heartbeats.

use super::assignors::{Assignments, Assignor, Counts, Members, Subscription};
use super::requests;
use super::shared::{Owned, What};
use super::station::{Parting, Station};
use super::wish::{decode_assignment, decode_subscription, encode_assignment, encode_subscription};
use crate::error::{ClientError, Result};
use crate::metadata::{ClusterView, Wanted};
use bytes::Bytes;
use model::{ErrorCode, TopicPartition, Uuid};
use protocol::messages::join_group::JoinGroupRequestProtocol;
use protocol::messages::sync_group::SyncGroupRequestAssignment;
use protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest, SyncGroupResponse,
};
use runtime::time::Instant;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The task of a member.
pub(super) struct Classic {
    station: Station,
    /// Empty before the coordinator has given one.
    member_id: Arc<str>,
    /// The generation it is in, while it is a member.
    joined: Option<Joined>,
    /// What it was given last, and in which generation: sticky assignors want to know.
    last: (BTreeSet<TopicPartition>, i32),
    next_heartbeat: Instant,
    /// Why it joins; for whoever looks at the group (KIP-800).
    reason: String,
}

struct Joined {
    generation: i32,
    /// What it told that it wants.
    topics: BTreeSet<Arc<str>>,
    /// How many partitions the topics of all members had, if it leads.
    counts: Option<Counts>,
    /// Whether the coordinator said that the group rebalances.
    is_over: bool,
}

/// A round that was joined.
struct Round {
    answer: JoinGroupResponse,
    topics: BTreeSet<Arc<str>>,
}

type Go<T> = std::result::Result<T, Parting>;

impl Classic {
    pub fn new(station: Station) -> Classic {
        Classic {
            station,
            member_id: "".into(),
            joined: None,
            last: (BTreeSet::new(), -1),
            next_heartbeat: Instant::now(),
            reason: String::new(),
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
                    self.leave("the consumer is being closed or unsubscribes").await;
                    self.station.forget();
                    let _ = done.send(()); // whoever asked may have lost patience
                }
                Parting::Failed(error) => {
                    self.lose(true);
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
            self.prepare().await?;
            match self.rebalance().await? {
                Ok(given) => {
                    self.station.backoff.reset();
                    let owned: Owned = given.iter().map(|of| (of.clone(), Uuid::ZERO)).collect();
                    self.station.announce(What::Assigned(owned));
                }
                Err(error) => {
                    self.setback(error).await?;
                    continue;
                }
            }
            while !self.must_join() {
                self.step().await?;
            }
        }
    }

    /// Has the consumer let go of what it has to, while the place in the group is kept.
    async fn prepare(&mut self) -> Go<()> {
        let event = |is_member| if is_member { What::Prepare } else { What::Lost };
        let mut is_member = self.joined.is_some();
        let mut number = self.station.announce(event(is_member));
        while !self.station.is_done(number) {
            self.step().await?;
            if is_member && self.joined.is_none() {
                model::mark!("a member was lost while it prepared to rebalance");
                is_member = false;
                number = self.station.announce(event(false));
            }
        }
        Ok(())
    }

    fn must_join(&mut self) -> bool {
        let rejoin = self.station.take_rejoin();
        let Some(joined) = &self.joined else { return true };
        let view = self.station.cluster.view();
        let reason = if joined.is_over {
            "the group rebalances"
        } else if rejoin {
            "the member let go of partitions that others are to have"
        } else if joined.topics != self.station.topics() {
            "the member wants to read other topics"
        } else if joined.counts.as_ref().is_some_and(|counts| *counts != counts_now(counts, &view)) {
            "topics have changed"
        } else {
            return false;
        };
        self.reason = reason.to_owned();
        true
    }

    /// Waits for what comes next, and does it: a heartbeat, or leaving when the consumer does not poll.
    async fn step(&mut self) -> Go<()> {
        let deadline = self.joined.is_some().then(|| {
            let stuck = self.station.shared.poll_deadline();
            stuck.map_or(self.next_heartbeat, |stuck| stuck.min(self.next_heartbeat))
        });
        self.station.wait_until(deadline).await?;
        if self.joined.is_none() {
            return Ok(());
        }
        if self.station.is_stuck() {
            model::mark!("a member left because it was not polled");
            let within = self.station.shared.config.max_poll_interval;
            tracing::warn!("group {}: not polled within {within:?}, so it leaves", self.station.shared.config.group_id);
            self.station.announce(What::Lost); // before others can be given what it reads
            self.leave("it was not polled in time").await;
        } else if self.next_heartbeat <= Instant::now() {
            self.heartbeat().await?;
        }
        Ok(())
    }

    async fn heartbeat(&mut self) -> Go<()> {
        let Some(joined) = &self.joined else { return Ok(()) };
        let config = &self.station.shared.config;
        let request = HeartbeatRequest {
            group_id: config.group_id.as_str().into(),
            generation_id: joined.generation,
            member_id: (&*self.member_id).into(),
            group_instance_id: config.instance_id.as_deref().map(Into::into),
            ..Default::default()
        };
        self.next_heartbeat = Instant::now() + config.heartbeat_interval;
        let asked = requests::heartbeat(
            self.station.coordinator.clone(),
            self.station.apart.clone(),
            request,
            self.station.patience(),
        );
        match self.station.meanwhile(asked).await? {
            Ok(()) => self.station.backoff.reset(),
            Err(error) if error.error_code() == Some(ErrorCode::RebalanceInProgress) => {
                self.joined.as_mut().expect("it asked as a member").is_over = true;
            }
            Err(error) => {
                self.take_in(&error);
                if !matches!(error.error_code(), Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)) {
                    self.station.setback(error)?;
                    self.next_heartbeat = self.next_heartbeat.min(Instant::now() + self.station.backoff.next_wait());
                }
            }
        }
        Ok(())
    }

    /// What a refusal says of the membership.
    fn take_in(&mut self, error: &ClientError) {
        match error.error_code() {
            Some(ErrorCode::UnknownMemberId) => self.lose(true),
            // It is known still, so it keeps its id.
            Some(ErrorCode::IllegalGeneration) => self.lose(false),
            _ => {}
        }
    }

    async fn setback(&mut self, error: ClientError) -> Go<()> {
        self.take_in(&error);
        if !matches!(error.error_code(), Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)) {
            self.station.setback(error)?;
        }
        self.station.back_off().await
    }

    fn lose(&mut self, and_the_id: bool) {
        if self.joined.take().is_some() {
            self.station.shared.is_none();
        }
        if and_the_id {
            self.member_id = "".into();
        }
    }

    /// Joins the next round and takes part in it.
    async fn rebalance(&mut self) -> Go<Result<BTreeSet<TopicPartition>>> {
        if let Err(error) = self.station.know_topics().await? {
            return Ok(Err(error));
        }
        let round = match self.join().await? {
            Ok(round) => round,
            Err(error) => return Ok(Err(error)),
        };
        let generation = round.answer.generation_id;
        self.station.shared.is_member(&self.member_id, generation);
        self.joined = Some(Joined { generation, topics: round.topics.clone(), counts: None, is_over: false });
        self.next_heartbeat = Instant::now() + self.station.shared.config.heartbeat_interval;
        let assignments = match self.lead(&round).await? {
            Ok(assignments) => assignments,
            Err(error) => return Ok(Err(error)),
        };
        let given = self.sync(&round, assignments).await?.and_then(|answer| decode_assignment(&answer.assignment));
        if let Ok(given) = &given {
            self.last = (given.clone(), generation);
        }
        Ok(given)
    }

    async fn join(&mut self) -> Go<Result<Round>> {
        loop {
            let topics = self.station.topics();
            let request = match self.join_request(&topics) {
                Ok(request) => request,
                Err(error) => return Ok(Err(error)),
            };
            let asked = requests::join(
                self.station.coordinator.clone(),
                self.station.apart.clone(),
                request,
                self.station.join_patience(),
            );
            let answer = match self.station.meanwhile(asked).await? {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(error)),
            };
            if ErrorCode::from_wire(answer.error_code) == ErrorCode::MemberIdRequired {
                self.member_id = Arc::from(&*answer.member_id); // known now, should it be gone before it is in (KIP-394)
                continue;
            }
            if let Err(error) = self.refusal("joining", answer.error_code) {
                return Ok(Err(error));
            }
            self.member_id = Arc::from(&*answer.member_id);
            return Ok(Ok(Round { answer, topics }));
        }
    }

    fn join_request(&self, topics: &BTreeSet<Arc<str>>) -> Result<JoinGroupRequest> {
        let config = &self.station.shared.config;
        let nothing = BTreeSet::new();
        let owned = if config.is_cooperative() { self.station.reads() } else { &nothing };
        let mut protocols = Vec::new();
        for assignor in &config.assignors {
            let metadata = encode_subscription(topics, *assignor, owned, &self.last, &config.consumer.rack)?;
            protocols.push(JoinGroupRequestProtocol { name: assignor.name().into(), metadata, ..Default::default() });
        }
        Ok(JoinGroupRequest {
            group_id: config.group_id.as_str().into(),
            session_timeout_ms: crate::cluster::timeout_ms(config.session_timeout),
            rebalance_timeout_ms: crate::cluster::timeout_ms(config.max_poll_interval),
            member_id: (&*self.member_id).into(),
            group_instance_id: config.instance_id.as_deref().map(Into::into),
            protocol_type: "consumer".into(),
            protocols,
            reason: Some(self.reason.as_str()).filter(|reason| !reason.is_empty()).map(Into::into),
            ..Default::default()
        })
    }

    /// Decides for everybody, if it is the leader and if there is something to decide.
    async fn lead(&mut self, round: &Round) -> Go<Result<Assignments>> {
        if round.answer.leader != *self.member_id {
            return Ok(Ok(Assignments::new()));
        }
        let members = match members_of(&round.answer) {
            Ok(members) => members,
            Err(error) => return Ok(Err(error)),
        };
        let topics: Vec<Arc<str>> = wanted_by(&members).into_iter().collect();
        let cluster = self.station.cluster.clone();
        let known = async {
            let view = cluster.refresh(Wanted::Topics(&topics)).await?;
            Ok::<_, ClientError>(topics.iter().map(|topic| (topic.clone(), count_in(&view, topic))).collect::<Counts>())
        };
        let counts = match self.station.meanwhile(known).await? {
            Ok(counts) => counts,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(joined) = &mut self.joined {
            joined.counts = Some(counts.clone());
        }
        if round.answer.skip_assignment {
            return Ok(Ok(Assignments::new())); // a static member came back, and nothing changes (KIP-814)
        }
        let name = round.answer.protocol_name.as_deref().unwrap_or_default();
        let Some(assignor) = Assignor::of_name(name) else {
            let error = ErrorCode::InconsistentGroupProtocol;
            return Ok(Err(ClientError::refused(format!("leading with assignor '{name}'"), error, None)));
        };
        let counts = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        Ok(Ok(assignor.assign(&counts, &members)))
    }

    async fn sync(&mut self, round: &Round, assignments: Assignments) -> Go<Result<SyncGroupResponse>> {
        let config = &self.station.shared.config;
        let mut told = Vec::new();
        for (member, given) in &assignments {
            let assignment: Bytes = match encode_assignment(given) {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Err(error)),
            };
            let member_id = (&**member).into();
            told.push(SyncGroupRequestAssignment { member_id, assignment, ..Default::default() });
        }
        let request = SyncGroupRequest {
            group_id: config.group_id.as_str().into(),
            generation_id: round.answer.generation_id,
            member_id: (&*self.member_id).into(),
            group_instance_id: config.instance_id.as_deref().map(Into::into),
            protocol_type: Some("consumer".into()),
            protocol_name: round.answer.protocol_name.clone(),
            assignments: told,
            ..Default::default()
        };
        let asked = requests::sync(
            self.station.coordinator.clone(),
            self.station.apart.clone(),
            request,
            self.station.join_patience(),
        );
        let answer = self.station.meanwhile(asked).await?;
        Ok(answer.and_then(|answer| self.refusal("joining", answer.error_code).map(|()| answer)))
    }

    fn refusal(&self, doing: &str, code: i16) -> Result<()> {
        crate::error::check(|| format!("{doing} group {}", self.station.shared.config.group_id), code, None)
    }

    /// Tells the coordinator, as well as it can be told, that it is no member any more. A static member keeps its place
    /// unless it is to give it up.
    async fn leave(&mut self, why: &str) {
        let member_id = std::mem::replace(&mut self.member_id, "".into());
        self.lose(true);
        let config = &self.station.shared.config;
        let stays = config.instance_id.is_some() && !config.static_members_leave;
        if member_id.is_empty() || stays {
            return;
        }
        let request = LeaveGroupRequest {
            group_id: config.group_id.as_str().into(),
            member_id: (&*member_id).into(),
            ..Default::default()
        };
        // Not behind a join that is still to be answered.
        let left = requests::leave(
            self.station.coordinator.clone(),
            self.station.cluster.clone(),
            request,
            config.instance_id.clone(),
            why.to_owned(),
            self.station.patience(),
        );
        if let Err(error) = left.await {
            tracing::debug!("group {} was not told of a member that leaves: {error:#}", config.group_id);
        }
    }
}

fn members_of(answer: &JoinGroupResponse) -> Result<Members> {
    let member = |member: &protocol::messages::join_group::JoinGroupResponseMember| {
        let subscription = decode_subscription(&member.metadata, member.group_instance_id.as_deref())?;
        Ok((Arc::from(&*member.member_id), subscription))
    };
    answer.members.iter().map(member).collect()
}

fn wanted_by(members: &Members) -> BTreeSet<Arc<str>> {
    members.values().flat_map(|member: &Subscription| member.topics.iter().cloned()).collect()
}

fn count_in(view: &ClusterView, topic: &Arc<str>) -> i32 {
    view.partition_count(topic).unwrap_or(0)
}

/// The same topics as they are now. One of which nothing certain is known counts as unchanged.
fn counts_now(before: &Counts, view: &ClusterView) -> Counts {
    let now = |(topic, count): (&Arc<str>, &i32)| {
        let gone = view.missing.get(topic) == Some(&ErrorCode::UnknownTopicOrPartition);
        let count = view.partition_count(topic).unwrap_or(if gone { 0 } else { *count });
        (topic.clone(), count)
    };
    before.iter().map(now).collect()
}
