//! Fetch: records out of partitions, at once or when there are enough (KIP-227 sessions, KIP-320 epochs).

use super::Context;
use crate::broker::Broker;
use crate::endpoints::{Endpoint, endpoints};
use crate::fetch_session::{FetchPartition, Told, next_epoch};
use crate::partition::{FetchWait, Partition};
use crate::replication::{DURABLE_END, PARTITION_EPOCH};
use bytes::Bytes;
use model::metadata_image::MetadataImage;
use model::state_machine::Instant as MachineInstant;
use model::{ErrorCode, NodeId, Offset, PartitionId, Uuid};
use protocol::messages::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use protocol::wire::Text;
use replication::{FetchCheck, FollowerFetch};
use runtime::sync::select;
use runtime::time::{Duration, Instant, timeout_at};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage::ReadError;

/// Answers when `min_bytes` are there, when there is an error to tell, or when `max_wait_ms` have passed.
pub async fn handle(broker: &Broker, context: &Context, request: FetchRequest) -> FetchResponse {
    broker.wait_for_new(request.topics.iter().map(|topic| (&*topic.topic, topic.topic_id))).await;
    let terms = Terms::of(broker, context, &request);
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let session = match Plan::of(broker, &request, context.version) {
        Ok(plan) => plan,
        Err(error) => return FetchResponse { error_code: error.code(), ..Default::default() },
    };
    let mut reads = match terms.replica {
        Some(replica) => read_for_replica(broker, &terms, (replica, sent_after(context)), &session.partitions).await,
        None => read_all(broker, &terms, &session.partitions, |_| Ok(None)).await,
    };
    if !reads.is_empty() && terms.min_bytes > 0 {
        let waiting = wait_for_more(broker, &terms, &session.partitions, &mut reads, deadline);
        match terms.replica {
            // Whatever a replica sends behind its fetch is news of what it wants, for which it needs this answer first.
            Some(_) => unless_hurried(context, waiting).await,
            None => waiting.await,
        }
    }
    if terms.replica.is_some() {
        let now = broker.started.elapsed().as_nanos();
        context.answered_fetch.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    answer(broker, context, &terms, session, reads)
}

/// A moment before a replica's fetch was sent: it has had the answer to the one before.
fn sent_after(context: &Context) -> Option<MachineInstant> {
    let nanoseconds = Some(context.answered_fetch.load(Ordering::Relaxed)).filter(|at| *at > 0)?;
    Some(MachineInstant::after_start(Duration::from_nanos(nanoseconds)))
}

/// What holds for all partitions of a request.
struct Terms {
    min_bytes: usize,
    max_bytes: usize,
    committed: bool,
    /// The broker that fetches for its replica; none for a consumer.
    replica: Option<FetchingReplica>,
    by_id: bool,
    /// The client's rack, where the nearest replica may serve it (KIP-392).
    rack: Option<Text>,
    /// The client may read from a follower (version 11 up).
    from_followers: bool,
    image: Arc<MetadataImage>,
}

/// Which life of which broker fetches.
#[derive(Clone, Copy)]
struct FetchingReplica {
    id: NodeId,
    broker_epoch: Offset,
}

impl Terms {
    fn of(broker: &Broker, context: &Context, request: &FetchRequest) -> Terms {
        let state = &request.replica_state;
        let (id, broker_epoch) =
            if context.version >= 15 { (state.replica_id, state.replica_epoch) } else { (request.replica_id, -1) };
        let rack = (broker.config.cluster.replication.rack_aware_reads && !request.rack_id.is_empty())
            .then(|| request.rack_id.detached());
        let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        Terms {
            min_bytes: size(request.min_bytes),
            max_bytes: size(request.max_bytes).min(broker.config.fetch_max_bytes as usize),
            committed: request.isolation_level == 1,
            replica: (id >= 0).then_some(FetchingReplica { id, broker_epoch }),
            by_id: context.version >= 13,
            rack,
            from_followers: context.version >= 11,
            image: broker.metadata.image(),
        }
    }
}

/// Which partitions a request means, and how its answer is told.
struct Plan {
    partitions: Vec<FetchPartition>,
    session_id: i32,
    incremental: bool,
}

impl Plan {
    /// Makes, goes on with, or ends a session, as the request's epoch says.
    fn of(broker: &Broker, request: &FetchRequest, version: i16) -> Result<Plan, ErrorCode> {
        let named = named_partitions(request);
        let by_id = version >= 13;
        let mut sessions = broker.sessions.lock().expect("no panic inside");
        let now = Instant::now();
        match request.session_epoch {
            -1 => {
                sessions.remove(request.session_id);
                Ok(Plan { partitions: named, session_id: 0, incremental: false })
            }
            0 => {
                sessions.remove(request.session_id);
                let Some((session_id, session)) = sessions.create(by_id, now, runtime::rand::u64) else {
                    return Ok(Plan { partitions: named, session_id: 0, incremental: false });
                };
                session.update(named, &[]);
                Ok(Plan { partitions: session.partitions(), session_id, incremental: false })
            }
            epoch => {
                let session = sessions.get(request.session_id, now).ok_or(ErrorCode::FetchSessionIdNotFound)?;
                if session.next_epoch != epoch {
                    return Err(ErrorCode::InvalidFetchSessionEpoch);
                }
                if session.uses_topic_ids != by_id {
                    return Err(ErrorCode::FetchSessionTopicIdError);
                }
                session.next_epoch = next_epoch(epoch);
                session.update(named, &forgotten(request));
                if session.is_empty() {
                    // Nothing is left to remember. What the request itself names is read all the same.
                    sessions.remove(request.session_id);
                    return Ok(Plan { partitions: named_partitions(request), session_id: 0, incremental: false });
                }
                Ok(Plan { partitions: session.partitions(), session_id: request.session_id, incremental: true })
            }
        }
    }
}

fn named_partitions(request: &FetchRequest) -> Vec<FetchPartition> {
    let mut named = Vec::new();
    for topic in &request.topics {
        // The session may outlive the request's frame.
        let name = topic.topic.detached();
        named.extend(topic.partitions.iter().map(|partition| FetchPartition {
            topic: name.clone(),
            topic_id: topic.topic_id,
            partition: partition.partition,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
            fetch_offset: partition.fetch_offset,
            log_start_offset: partition.log_start_offset,
            durable_end: durable_end(partition),
            partition_epoch: partition_epoch(partition),
            max_bytes: partition.partition_max_bytes,
        }));
    }
    named
}

/// Up to where a follower's log is on stable storage, as it says in a tagged field of ours.
fn durable_end(partition: &protocol::messages::fetch::FetchPartition) -> Option<Offset> {
    let bytes = partition.unknown_tagged_fields.get(DURABLE_END)?;
    bytes[..].try_into().ok().map(Offset::from_be_bytes)
}

/// In which assignment a follower fetches, as it says in a tagged field of ours.
fn partition_epoch(partition: &protocol::messages::fetch::FetchPartition) -> Option<i32> {
    let bytes = partition.unknown_tagged_fields.get(PARTITION_EPOCH)?;
    bytes[..].try_into().ok().map(i32::from_be_bytes)
}

fn forgotten(request: &FetchRequest) -> Vec<(Uuid, Text, PartitionId)> {
    let topics = request.forgotten_topics_data.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|p| (topic.topic_id, topic.topic.clone(), *p))).collect()
}

/// What reading one partition gave.
struct Read {
    outcome: Result<Data, Failure>,
    partition: Option<Arc<Partition>>,
}

#[derive(Default)]
struct Data {
    records: Bytes,
    high_watermark: Offset,
    last_stable_offset: Offset,
    log_start_offset: Offset,
    /// Where the log ended when it was read.
    log_end_offset: Offset,
    diverging: Option<(i32, Offset)>,
    read_replica: Option<NodeId>,
    /// For a replica that has nothing but what was deleted here.
    deleted: bool,
}

struct Failure {
    error: ErrorCode,
    /// For a replica that is out of range: where this log starts, and where it ends.
    range: Option<(Offset, i32, Offset)>,
    /// The partition is not known at all: Kafka then names an empty list of aborted transactions.
    unknown: bool,
}

impl Failure {
    fn known(error: ErrorCode) -> Failure {
        Failure { error, range: None, unknown: false }
    }
}

impl Read {
    fn bytes(&self) -> usize {
        self.outcome.as_ref().map_or(0, |data| data.records.len())
    }

    /// Nothing is gained by waiting: there is something to tell.
    fn is_urgent(&self) -> bool {
        let is_urgent = |data: &Data| data.diverging.is_some() || data.read_replica.is_some() || data.deleted;
        let is_offline = self.partition.as_ref().is_some_and(|partition| partition.is_offline());
        is_offline || self.outcome.as_ref().map_or(true, is_urgent)
    }
}

/// Counts the progress of a follower's replicas, once for each fetch, and reads on where the logs match.
async fn read_for_replica(
    broker: &Broker,
    terms: &Terms,
    (replica, sent_after): (FetchingReplica, Option<MachineInstant>),
    wanted: &[FetchPartition],
) -> Vec<Read> {
    read_all(broker, terms, wanted, |wanted| {
        let partition = find(broker, terms, wanted)?;
        let fetch = FollowerFetch {
            replica: replica.id,
            broker_epoch: replica.broker_epoch,
            current_leader_epoch: wanted.current_leader_epoch,
            fetch_offset: wanted.fetch_offset,
            last_fetched_epoch: wanted.last_fetched_epoch,
            log_start_offset: wanted.log_start_offset,
            durable_end: wanted.durable_end,
            sent_after,
        };
        match partition.fetched(fetch, wanted.partition_epoch).map_err(Failure::known)? {
            FetchCheck::Matches => Ok(None),
            FetchCheck::Diverging(end) => Ok(Some(Data {
                high_watermark: partition.high_watermark(),
                log_start_offset: partition.log_start_offset(),
                diverging: Some((end.epoch, end.end_offset)),
                ..Data::default()
            })),
            FetchCheck::Deleted => Ok(Some(Data {
                high_watermark: partition.high_watermark(),
                log_start_offset: partition.log_start_offset(),
                deleted: true,
                ..Data::default()
            })),
            FetchCheck::OutOfRange { log_start_offset, latest } => Err(Failure {
                range: Some((log_start_offset, latest.epoch, latest.end_offset)),
                ..Failure::known(ErrorCode::OffsetOutOfRange)
            }),
        }
    })
    .await
}

/// Reads each partition, but where `before` has the answer already.
async fn read_all(
    broker: &Broker,
    terms: &Terms,
    wanted: &[FetchPartition],
    before: impl Fn(&FetchPartition) -> Result<Option<Data>, Failure>,
) -> Vec<Read> {
    let mut left = terms.max_bytes;
    let mut any = false;
    let mut reads = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let read = match before(wanted) {
            Ok(None) => read_one(broker, terms, wanted, left, !any).await,
            Ok(Some(data)) => Read { outcome: Ok(data), partition: None },
            Err(failure) => Read { outcome: Err(failure), partition: None },
        };
        any |= read.bytes() > 0;
        left = left.saturating_sub(read.bytes());
        reads.push(read);
    }
    reads
}

async fn read_one(broker: &Broker, terms: &Terms, wanted: &FetchPartition, left: usize, first: bool) -> Read {
    let partition = match find(broker, terms, wanted) {
        Ok(partition) => partition,
        Err(failure) => return Read { outcome: Err(failure), partition: None },
    };
    let outcome = read_partition(terms, &partition, wanted, left, first).await;
    Read { outcome: outcome.map_err(Failure::known), partition: Some(partition) }
}

fn find(broker: &Broker, terms: &Terms, wanted: &FetchPartition) -> Result<Arc<Partition>, Failure> {
    let unknown = |error| Failure { unknown: true, ..Failure::known(error) };
    let topic = if terms.by_id {
        broker.partitions.topic_by_id(wanted.topic_id).ok_or_else(|| unknown(unknown_id(broker, wanted.topic_id)))?
    } else {
        broker.partitions.topic(&wanted.topic).ok_or_else(|| unknown(ErrorCode::UnknownTopicOrPartition))?
    };
    match topic.partition(wanted.partition) {
        Ok(partition) => Ok(partition.clone()),
        Err(error) => Err(Failure { unknown: error == ErrorCode::UnknownTopicOrPartition, ..Failure::known(error) }),
    }
}

/// An id that the metadata still has is only not hosted here yet.
fn unknown_id(broker: &Broker, id: Uuid) -> ErrorCode {
    match broker.metadata.image().topic_by_id(id) {
        Some(_) => ErrorCode::NotLeaderOrFollower,
        None => ErrorCode::UnknownTopicId,
    }
}

async fn read_partition(
    terms: &Terms,
    partition: &Arc<Partition>,
    wanted: &FetchPartition,
    left: usize,
    first: bool,
) -> Result<Data, ErrorCode> {
    partition.check_leader_epoch(wanted.current_leader_epoch)?;
    let leads = partition.leads();
    if !leads && (terms.replica.is_some() || !terms.from_followers) {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    let epoch = partition.leader_epoch();
    let high_watermark = partition.high_watermark();
    let last_stable_offset = partition.last_stable_offset();
    let bounds = partition.reader.bounds();
    let log_start_offset = bounds.log_start_offset;
    let log_end_offset = bounds.log_end_offset;
    let mut data = Data { high_watermark, last_stable_offset, log_start_offset, log_end_offset, ..Data::default() };
    if terms.replica.is_none() {
        if let Some(diverging) = diverging(partition, wanted)? {
            data.diverging = Some(diverging);
            return Ok(data);
        }
        let behind = (!leads && model::planted!("out of range above the follower's high watermark"))
            || (leads && model::planted!("out of range above the leader's high watermark"));
        let end = if behind { high_watermark } else { bounds.log_end_offset };
        if wanted.fetch_offset < log_start_offset || wanted.fetch_offset > end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if let Some(rack) = terms.rack.as_deref().filter(|_| leads) {
            data.read_replica = partition.read_replica(rack, &terms.image, wanted.fetch_offset);
            if data.read_replica.is_some() {
                return Ok(data);
            }
        }
    }
    let end = match (terms.replica, terms.committed) {
        (Some(_), _) => bounds.log_end_offset,
        (None, true) => last_stable_offset,
        (None, false) => high_watermark,
    };
    let limit = usize::try_from(wanted.max_bytes).unwrap_or(0).min(left);
    if wanted.fetch_offset < end && (limit > 0 || first) {
        let read = partition.reader.read(wanted.fetch_offset, end, limit, first).await;
        data.records = read.map_err(|error| {
            if !matches!(error, ReadError::OffsetOutOfRange) {
                model::mark!("a fetch could not read");
                tracing::error!("{}: cannot read at {}: {error}", partition.topic_partition, wanted.fetch_offset);
            }
            cannot_read(partition, wanted.fetch_offset, &error)
        })?;
    }
    // What was read may be of another leader's log since.
    if partition.leader_epoch() != epoch && !model::planted!("what was read is not checked against the epoch") {
        model::mark!("the leader epoch changed during a read");
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    Ok(data)
}

/// Where the client's log and ours part, when its last record is of an epoch that ended earlier here (KIP-595).
fn diverging(partition: &Partition, wanted: &FetchPartition) -> Result<Option<(i32, Offset)>, ErrorCode> {
    if wanted.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let (epoch, end) = partition.reader.end_offset_of_epoch(wanted.last_fetched_epoch);
    if epoch < 0 || end < 0 {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let parts = epoch < wanted.last_fetched_epoch || end < wanted.fetch_offset;
    Ok(parts.then_some((epoch, end)))
}

/// Has a look taken at what may be damaged. Where there are other replicas, one of them leads soon and has the records: the
/// client asks again. Where there are none it is told the truth.
fn cannot_read(partition: &Arc<Partition>, offset: Offset, error: &ReadError) -> ErrorCode {
    if !matches!(error, ReadError::Corrupt(_)) {
        return error_of_read(error);
    }
    partition.suspect(offset);
    if partition.has_peers() { ErrorCode::KafkaStorageError } else { error_of_read(error) }
}

/// What a client is told when its records cannot be read.
pub(crate) fn error_of_read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OffsetOutOfRange => ErrorCode::OffsetOutOfRange,
        ReadError::Corrupt(_) => ErrorCode::CorruptMessage,
        ReadError::Fault(_) => ErrorCode::KafkaStorageError,
    }
}

async fn unless_hurried(context: &Context, waiting: impl Future<Output = ()>) {
    select! {
        () = waiting => {}
        () = context.next_request.notified() => model::mark!("a replica's fetch does not wait for its end"),
    }
}

/// Reads again what becomes ready, until there is enough.
async fn wait_for_more(
    broker: &Broker,
    terms: &Terms,
    wanted: &[FetchPartition],
    reads: &mut [Read],
    deadline: Instant,
) {
    let wait = Arc::new(FetchWait::default());
    let mut total: usize = reads.iter().map(Read::bytes).sum();
    for slot in 0..reads.len() {
        register(terms, &wait, slot, &wanted[slot], &reads[slot]);
    }
    while total < terms.min_bytes && total < terms.max_bytes && !reads.iter().any(Read::is_urgent) {
        let Ok(ready) = timeout_at(deadline, wait.next()).await else { return };
        for slot in ready {
            let others = total - reads[slot].bytes();
            let left = terms.max_bytes.saturating_sub(others);
            reads[slot] = read_one(broker, terms, &wanted[slot], left, others == 0).await;
            total = others + reads[slot].bytes();
            register(terms, &wait, slot, &wanted[slot], &reads[slot]);
        }
    }
}

/// Wakes the fetch when more than what was read can be read.
fn register(terms: &Terms, wait: &Arc<FetchWait>, slot: usize, wanted: &FetchPartition, read: &Read) {
    let (Some(partition), Ok(data)) = (&read.partition, &read.outcome) else { return };
    if data.records.len() >= usize::try_from(wanted.max_bytes).unwrap_or(0) && !data.records.is_empty() {
        return;
    }
    match terms.replica {
        // Not from where it reads: what is there may be less than is asked for, or nothing that a cleaner has left.
        Some(_) => partition.wake_when_appended(wait, slot, data.log_end_offset.max(wanted.fetch_offset)),
        None => partition.wake_when_committed(wait, slot, data.high_watermark.max(wanted.fetch_offset)),
    }
}

fn answer(broker: &Broker, context: &Context, terms: &Terms, plan: Plan, reads: Vec<Read>) -> FetchResponse {
    let mut response = FetchResponse { session_id: plan.session_id, ..Default::default() };
    let mut sessions = broker.sessions.lock().expect("no panic inside");
    let mut session = sessions.get(plan.session_id, Instant::now());
    let mut leaders: Vec<NodeId> = Vec::new();
    for (wanted, read) in plan.partitions.iter().zip(reads) {
        let has_data = read.bytes() > 0;
        let mut data = partition_data(broker, context, wanted, read, &mut leaders);
        if let Some(session) = &mut session {
            if plan.incremental && data.error_code == ErrorCode::UnknownTopicId.code() && session.knew(wanted) {
                // The topic was there when the session began: it was deleted since.
                data.error_code = ErrorCode::UnknownTopicOrPartition.code();
            }
            let told = Told {
                high_watermark: data.high_watermark,
                log_start_offset: data.log_start_offset,
                error: data.error_code != 0 || data.diverging_epoch != EpochEndOffset::default(),
                sent_away: data.preferred_read_replica >= 0,
            };
            // A replica that has not taken the log start over may have been told by a leader before this one.
            let starts_before = (0..data.log_start_offset).contains(&wanted.log_start_offset);
            let news = session.is_news(wanted, told, has_data) || starts_before;
            if plan.incremental && !news {
                continue;
            }
        }
        push(&mut response, wanted, data);
    }
    drop(sessions);
    // Replicas know where their leaders are.
    if context.version >= 16 && terms.replica.is_none() && !leaders.is_empty() {
        response.node_endpoints = node_endpoints(broker, context, &mut leaders);
    }
    response
}

fn push(response: &mut FetchResponse, wanted: &FetchPartition, data: PartitionData) {
    let last = response.responses.last_mut();
    match last.filter(|topic| topic.topic == wanted.topic && topic.topic_id == wanted.topic_id) {
        Some(topic) => topic.partitions.push(data),
        None => response.responses.push(FetchableTopicResponse {
            topic: wanted.topic.clone(),
            topic_id: wanted.topic_id,
            partitions: vec![data],
            ..Default::default()
        }),
    }
}

fn partition_data(
    broker: &Broker,
    context: &Context,
    wanted: &FetchPartition,
    read: Read,
    leaders: &mut Vec<NodeId>,
) -> PartitionData {
    let mut answer = PartitionData {
        partition_index: wanted.partition,
        records: Some(Bytes::new()),
        aborted_transactions: None,
        ..Default::default()
    };
    match read.outcome {
        Ok(data) => {
            answer.high_watermark = data.high_watermark;
            answer.last_stable_offset = data.last_stable_offset;
            answer.log_start_offset = data.log_start_offset;
            answer.records = Some(data.records);
            answer.preferred_read_replica = data.read_replica.unwrap_or(-1);
            if let Some((epoch, end_offset)) = data.diverging {
                answer.diverging_epoch = EpochEndOffset { epoch, end_offset, ..Default::default() };
            }
        }
        Err(failure) => {
            answer.error_code = failure.error.code();
            answer.high_watermark = -1;
            if let Some((log_start_offset, epoch, end_offset)) = failure.range {
                answer.log_start_offset = log_start_offset;
                answer.diverging_epoch = EpochEndOffset { epoch, end_offset, ..Default::default() };
            }
            answer.aborted_transactions = failure.unknown.then(Vec::new);
            if failure.error == ErrorCode::NotLeaderOrFollower && context.version >= 16 {
                name_leader(broker, wanted, &mut answer, leaders);
            }
        }
    }
    answer
}

fn name_leader(broker: &Broker, wanted: &FetchPartition, answer: &mut PartitionData, leaders: &mut Vec<NodeId>) {
    let image = broker.metadata.image();
    let told = image.topic_by_id(wanted.topic_id).and_then(|topic| topic.partition(wanted.partition));
    if let Some((leader_id, leader_epoch)) = told.and_then(|told| Some((told.leader?, told.leader_epoch))) {
        answer.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
        leaders.push(leader_id);
    }
}

fn node_endpoints(
    broker: &Broker,
    context: &Context,
    leaders: &mut Vec<NodeId>,
) -> Vec<protocol::messages::fetch::NodeEndpoint> {
    leaders.sort_unstable();
    leaders.dedup();
    let image = broker.metadata.image();
    endpoints(broker, &image, context.listener, leaders)
        .into_iter()
        .map(|Endpoint { node_id, host, port, rack }| protocol::messages::fetch::NodeEndpoint {
            node_id,
            host,
            port,
            rack,
            ..Default::default()
        })
        .collect()
}
