//! Follows partitions: reads on where the last read ended, with or without fetch sessions (KIP-227), from the leaders or
//! from replicas nearby (KIP-392). One fetch to one node at a time, each node in turn.

mod epochs;
mod lost;

use super::fetched::behind;
use super::routes::Routes;
use super::surroundings::{Client, Phase};
use crate::plan::{FollowerHabit, Pause, Place};
use epochs::{NamedEpochs, ReadEpochs, last_epoch};
use jepsen_lite::history::{Action, Answer, Fetch, OperationId, Outcome};
use model::{ErrorCode, NodeId, Offset, Uuid};
use protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic, PartitionData};
use protocol::messages::{FetchRequest, FetchResponse};
use runtime::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// The first version of Fetch that names topics by id.
pub const BY_ID: i16 = 13;
/// Follows on for so long after all is healed without getting anything more, unless it reaches the end before.
const CATCH_UP: Duration = Duration::from_secs(20);
/// Reads from a replica nearby for so long, as Kafka's clients do for `metadata.max.age.ms`.
const LEASE: Duration = Duration::from_secs(5);
/// A partition that nobody leads is asked for again after so long.
const LEADERLESS: Duration = Duration::from_secs(1);

/// Reads until the end of everything is reached after the last write, or time is over.
pub async fn live(client: Client, habit: FollowerHabit, pauses: Vec<Pause>) {
    let mut follower = Follower::new(client.clone(), habit);
    let mut pauses = pauses.into_iter().cycle();
    while !client.is_past(Phase::Drain) {
        client.pause(pauses.next().unwrap_or(10_000), Phase::Drain).await;
        follower.poll().await;
    }
    let mut deadline = Instant::now() + CATCH_UP;
    let mut quiet = 0;
    let mut quiet_since = Instant::now();
    let mut furthest = follower.progress();
    // A replica nearby hears of the end a little later than the leader knows it.
    let lag = if client.around.is_cluster() { Duration::from_secs(3) } else { Duration::ZERO };
    while (quiet < 3 * follower.sources.len().max(1) || quiet_since.elapsed() < lag) && Instant::now() < deadline {
        quiet = if follower.poll().await && follower.is_at_the_end() { quiet + 1 } else { 0 };
        if quiet == 0 {
            quiet_since = Instant::now();
        }
        if follower.progress() > furthest {
            furthest = follower.progress();
            deadline = Instant::now() + CATCH_UP;
        } else {
            client.back_off().await; // an error is answered at once
        }
    }
}

/// What a follower knows of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    next: Offset,
    /// Whether the next read goes on where the last one ended.
    continues: bool,
    /// What the session last told.
    high_watermark: Offset,
    log_start: Offset,
    /// The node, place, id and epochs a session was last told to read from.
    asked: Option<(NodeId, Offset, Option<Uuid>, NamedEpochs)>,
    /// What is known of the epochs of the log that was read.
    epochs: ReadEpochs,
    /// A replica nearby that the leader has named, and until when to read there before asking again.
    nearby: Option<(NodeId, Instant)>,
    /// Nobody led it: until then it is not asked for again, or a topic that is gone would hold the others up.
    leaderless_until: Option<Instant>,
    /// Where it is in the log is not known: look it up first.
    lost: bool,
    /// The life of the topic that the position belongs to, where it is known.
    life: Option<Uuid>,
}

/// A fetch session with one node.
#[derive(Default)]
struct FetchSession {
    id: i32,
    epoch: i32,
    members: BTreeSet<Place>,
}

struct Follower {
    client: Client,
    habit: FollowerHabit,
    positions: BTreeMap<Place, Position>,
    routes: Routes,
    sessions: BTreeMap<NodeId, FetchSession>,
    /// From whom each partition is read, as of the last look.
    sources: BTreeMap<NodeId, Vec<Place>>,
    turn: usize,
}

/// A read on its way.
struct Asked {
    place: Place,
    topic_id: Option<Uuid>,
    operation: OperationId,
    from: Offset,
    epochs: NamedEpochs,
}

impl Follower {
    fn new(client: Client, habit: FollowerHabit) -> Follower {
        let positions = habit.places.iter().map(|place| (*place, Position::default())).collect();
        let (routes, sessions) = (Routes::new(client.clone()), BTreeMap::new());
        Follower { client, habit, positions, routes, sessions, sources: BTreeMap::new(), turn: 0 }
    }

    fn is_at_the_end(&self) -> bool {
        self.positions.values().all(|position| !position.lost && position.next >= position.high_watermark)
    }

    /// Grows when something was read.
    fn progress(&self) -> Offset {
        self.positions.values().map(|position| position.next).sum()
    }

    /// One fetch from one node; whether it was answered.
    async fn poll(&mut self) -> bool {
        self.look_for_sources().await;
        let Some((node, places)) = self.next_source() else { return false };
        if self.routes.wire(node).await.is_none() {
            self.leave(node);
            return false;
        }
        self.notice_new_lives();
        let found = match self.find_lost(node, &places).await {
            Ok(()) => self.validate(node, &places).await,
            failed => failed,
        };
        if found.is_err() {
            self.disconnect(node);
            self.client.back_off().await;
            return false;
        }
        let places: Vec<Place> = places.into_iter().filter(|place| self.is_validated(node, *place)).collect();
        if places.is_empty() {
            self.client.back_off().await;
            return false;
        }
        let request = self.request(node, &places);
        let asked: Vec<Asked> = places.into_iter().map(|place| self.ask(node, place)).collect();
        let within = Duration::from_millis(u64::from(self.habit.max_wait_ms) + 2000);
        let Some(wire) = self.routes.wire(node).await else { return false };
        match wire.call(&request, self.habit.version, within).await {
            Ok(response) => self.answered(node, &asked, &response),
            Err(failure) => {
                for read in asked {
                    self.complete(&read, Outcome::Fail(failure.to_string()));
                }
                self.disconnect(node);
                self.client.back_off().await;
                false
            }
        }
    }

    /// Each node in turn; most turns go to those that are known to have more, since the others make us wait.
    fn next_source(&mut self) -> Option<(NodeId, Vec<Place>)> {
        self.turn += 1;
        let has_more = |places: &Vec<Place>| {
            places.iter().map(|place| &self.positions[place]).any(|position| position.next < position.high_watermark)
        };
        let ahead: Vec<_> = self.sources.iter().filter(|(_, places)| has_more(places)).collect();
        let all: Vec<_> = self.sources.iter().collect();
        let from = if ahead.is_empty() || self.turn.is_multiple_of(4) { all } else { ahead };
        let (node, places) = from.get(self.turn % from.len().max(1))?;
        Some((**node, (*places).clone()))
    }

    /// Finds out from whom to read each partition.
    async fn look_for_sources(&mut self) {
        let mut sources: BTreeMap<NodeId, Vec<Place>> = BTreeMap::new();
        for place in self.habit.places.clone() {
            if let Some(node) = self.source(place).await {
                sources.entry(node).or_default().push(place);
            }
        }
        self.sources = sources;
    }

    async fn source(&mut self, place: Place) -> Option<NodeId> {
        let Position { nearby, leaderless_until, .. } = self.positions[&place];
        if let Some((node, _)) = nearby.filter(|(_, until)| Instant::now() < *until) {
            return Some(node);
        }
        if leaderless_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let leader = self.routes.leader(place).await;
        let position = self.positions.get_mut(&place).expect("each place has a position");
        position.leaderless_until = leader.is_none().then(|| Instant::now() + LEADERLESS);
        leader
    }

    fn disconnect(&mut self, node: NodeId) {
        self.routes.drop_wire(node);
        self.leave(node);
    }

    /// Reads nothing more from a node until somebody sends it there again.
    fn leave(&mut self, node: NodeId) {
        self.forget_session(node);
        for position in self.positions.values_mut() {
            position.nearby = position.nearby.filter(|(nearby, _)| *nearby != node);
        }
    }

    fn forget_session(&mut self, node: NodeId) {
        self.sessions.remove(&node);
        let known = |position: &&mut Position| position.asked.is_some_and(|(asked, ..)| asked == node);
        self.positions.values_mut().filter(known).for_each(|position| position.asked = None);
    }

    /// The topic's id, where this follower's version names topics so.
    fn topic_id(&self, place: Place) -> Option<Uuid> {
        let topic = &self.client.around.topics[usize::from(place.topic)].name;
        (self.habit.version >= BY_ID).then(|| self.client.around.id_of(topic).unwrap_or(Uuid::ZERO))
    }

    /// A topic that was made anew is read from its start.
    fn notice_new_lives(&mut self) {
        for (place, position) in &mut self.positions {
            let topic = &self.client.around.topics[usize::from(place.topic)].name;
            let life = self.client.around.id_of(topic);
            if life.is_some() && position.life != life {
                *position = Position { life, asked: position.asked, nearby: position.nearby, ..Position::default() };
            }
        }
    }

    fn ask(&mut self, node: NodeId, place: Place) -> Asked {
        let position = self.positions[&place];
        let (partition, topic_id) = (self.client.partition(place), self.topic_id(place));
        let (from, continues) = (position.next, position.continues);
        let epochs = self.named_epochs(node, place);
        let (node, leader_epoch) = (self.client.around.noted(node), Some(epochs.leader).filter(|epoch| *epoch >= 0));
        let fetch = Fetch { partition, topic_id, from, continues, node, leader_epoch };
        let operation = self.client.around.chronicle.invoke(self.client.process, Action::Fetch(fetch));
        Asked { place, topic_id, operation, from: position.next, epochs }
    }

    fn complete(&self, read: &Asked, outcome: Outcome) {
        self.client.around.chronicle.complete(read.operation, outcome);
    }

    fn request(&mut self, node: NodeId, places: &[Place]) -> FetchRequest {
        let session = self.sessions.entry(node).or_default();
        let incremental = self.habit.session && session.epoch > 0;
        let (session_id, session_epoch) = (session.id, if self.habit.session { session.epoch } else { -1 });
        let left: Vec<Place> = session.members.iter().copied().filter(|place| !places.contains(place)).collect();
        session.members = places.iter().copied().collect();
        // Whoever comes back before another node was asked has to be named again (seed 196 of the cluster profile).
        left.iter().for_each(|place| self.positions.get_mut(place).expect("each place has a position").asked = None);
        let mut topics: Vec<FetchTopic> = Vec::new();
        for place in places {
            let topic_id = self.topic_id(*place);
            let epochs = self.named_epochs(node, *place);
            let position = self.positions.get_mut(place).expect("each place has a position");
            let asks = (node, position.next, topic_id, epochs);
            if incremental && position.asked == Some(asks) {
                continue; // the session knows
            }
            position.asked = Some(asks);
            let partition = FetchPartition {
                partition: i32::from(place.partition),
                current_leader_epoch: epochs.leader,
                fetch_offset: position.next,
                last_fetched_epoch: epochs.last_fetched,
                partition_max_bytes: self.max_bytes() as i32,
                ..Default::default()
            };
            let topic = &*self.client.around.topics[usize::from(place.topic)].name;
            match topics.iter_mut().find(|known| &*known.topic == topic) {
                Some(known) => known.partitions.push(partition),
                None => topics.push(FetchTopic {
                    topic: topic.into(),
                    topic_id: topic_id.unwrap_or(Uuid::ZERO),
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        let forgotten =
            if incremental { left.iter().map(|place| self.forgotten(*place)).collect() } else { Vec::new() };
        FetchRequest {
            max_wait_ms: self.max_wait_ms() as i32,
            min_bytes: 1,
            max_bytes: self.max_bytes() as i32,
            session_id,
            session_epoch,
            topics,
            forgotten_topics_data: forgotten,
            rack_id: self.habit.rack.as_deref().unwrap_or_default().into(),
            ..Default::default()
        }
    }

    /// In the end nobody writes any more, so that waiting at one node would only keep us from the others.
    fn max_wait_ms(&self) -> u32 {
        if self.client.is_past(Phase::Drain) { self.habit.max_wait_ms.min(10) } else { self.habit.max_wait_ms }
    }

    /// In the end all that there is has to be read, for which a batch at a time may take longer than the run.
    fn max_bytes(&self) -> u32 {
        if self.client.is_past(Phase::Drain) { self.habit.max_bytes.max(50_000) } else { self.habit.max_bytes }
    }

    fn forgotten(&self, place: Place) -> ForgottenTopic {
        ForgottenTopic {
            topic: self.client.around.topics[usize::from(place.topic)].name.as_str().into(),
            topic_id: self.topic_id(place).unwrap_or(Uuid::ZERO),
            partitions: vec![i32::from(place.partition)],
            ..Default::default()
        }
    }

    /// Whether the response was one to the fetch as a whole.
    fn answered(&mut self, node: NodeId, asked: &[Asked], response: &FetchResponse) -> bool {
        let error = ErrorCode::from_wire(response.error_code);
        if !error.is_none() {
            asked.iter().for_each(|read| self.complete(read, Outcome::Fail(error.name().to_owned())));
            self.forget_session(node);
            return false;
        }
        if self.habit.session && self.habit.version >= 7 {
            let session = self.sessions.entry(node).or_default();
            session.id = response.session_id;
            // Without a session (its cache is full) every fetch is a whole one.
            session.epoch = if response.session_id == 0 { 0 } else { session.epoch + 1 };
        }
        for read in asked {
            let data = self.data_of(read, response);
            self.take(node, read, data);
        }
        true
    }

    /// A topic may be named more than once.
    fn data_of<'r>(&self, read: &Asked, response: &'r FetchResponse) -> Option<&'r PartitionData> {
        let name = &*self.client.around.topics[usize::from(read.place.topic)].name;
        let topics = response.responses.iter().filter(|topic| match read.topic_id {
            Some(id) => topic.topic_id == id,
            None => &*topic.topic == name,
        });
        let number = i32::from(read.place.partition);
        topics.flat_map(|topic| &topic.partitions).find(|data| data.partition_index == number)
    }

    /// What came for one partition; nothing means that nothing is new in the session.
    fn take(&mut self, node: NodeId, read: &Asked, data: Option<&PartitionData>) {
        let in_session = self.sessions.get(&node).is_some_and(|session| session.id != 0);
        let position = self.positions.get_mut(&read.place).expect("each place has a position");
        let Some(data) = data else {
            let (high_watermark, log_start) = (position.high_watermark, position.log_start);
            let nothing_new = Answer::Fetched { records: Vec::new(), high_watermark, log_start };
            let known = read.topic_id.is_none_or(|id| id != Uuid::ZERO);
            let right = known && in_session && read.from == position.next;
            let outcome = if right { Outcome::Ok(nothing_new) } else { Outcome::Fail("not answered".into()) };
            return self.complete(read, outcome);
        };
        let error = ErrorCode::from_wire(data.error_code);
        if !error.is_none() {
            return self.refused(node, read, error);
        }
        if data.diverging_epoch.end_offset >= 0 {
            return self.diverges(read, data.diverging_epoch.end_offset);
        }
        let answer = self.client.around.read(data, read.from);
        if let Answer::Fetched { records, high_watermark, log_start } = &answer {
            position.next = behind(data, read.from);
            position.epochs.read(last_epoch(data));
            (position.high_watermark, position.log_start, position.continues) = (*high_watermark, *log_start, true);
            if data.preferred_read_replica >= 0 && records.is_empty() {
                position.nearby = Some((data.preferred_read_replica, Instant::now() + LEASE));
            }
            self.client.around.learn(read.place, *log_start, *high_watermark);
        }
        self.complete(read, Outcome::Ok(answer));
    }

    /// A session goes on with the partition after an error, as Kafka's client does; in a cluster somebody else may be the
    /// one to ask.
    fn refused(&mut self, node: NodeId, read: &Asked, error: ErrorCode) {
        let position = self.positions.get_mut(&read.place).expect("each place has a position");
        let from_nearby = position.nearby.take().is_some_and(|(nearby, _)| nearby == node);
        position.lost = error == ErrorCode::OffsetOutOfRange && !from_nearby;
        if self.client.around.is_cluster() && !position.lost {
            self.routes.forget(read.place);
        }
        self.complete(read, Outcome::Fail(error.name().to_owned()));
    }
}
