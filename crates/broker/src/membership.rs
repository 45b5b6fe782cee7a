//! This broker as a member of its cluster: it registers, says that it lives, and asks for its leaderships to be moved
//! before it stops.

use crate::broker::Broker;
use crate::found_logs::FoundLogs;
use crate::metadata::{AskError, Metadata};
use crate::partitions::Hosted;
use crate::repair;
use crate::start::StartError;
use controller::{Reply, Request};
use model::metadata_image::MetadataImage;
use model::{ErrorCode, NodeId, Offset, PartitionId, Uuid, mark};
use protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use protocol::messages::broker_registration::BrokerRegistrationRequest;
use runtime::sync::{select, watch};
use runtime::time::{Duration, Instant, sleep, timeout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rest before a registration or a heartbeat that was not answered is sent again.
const REST: Duration = Duration::from_millis(50);
/// How often a starting broker says how far it is.
const WHILE_STARTING: Duration = Duration::from_millis(20);
/// How often a stopping broker asks whether it may go.
const WHILE_STOPPING: Duration = Duration::from_millis(50);
/// How long a stopping broker waits for others to take over.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How long a stopping broker waits for a controller to be elected.
const ELECTION_PATIENCE: Duration = Duration::from_secs(2);
/// How long a heartbeat waits until this broker follows what was decided before its answer.
const NEWS_PATIENCE: Duration = Duration::from_secs(1);
/// Replicas that are reported for what they lack, at most.
const MAX_REPORTED: usize = 10_000;

/// Registers this life of the broker, and waits until the image here shows it. Returns its epoch.
///
/// # Errors
/// The cluster does not take it, or no controller answered within `patience`.
pub(crate) async fn register(
    metadata: &Metadata,
    request: BrokerRegistrationRequest,
    logs: &FoundLogs,
    image: &MetadataImage,
    patience: Duration,
) -> Result<Offset, StartError> {
    let deadline = Instant::now() + patience;
    let (id, incarnation) = (request.broker_id, request.incarnation_id);
    let (unusable, unsynced) = (logs.unusable(image), logs.unsynced());
    loop {
        let ask = Request::RegisterBroker {
            request: request.clone(),
            stop_was_clean: logs.are_clean(),
            unusable: unusable.clone(),
            unsynced: unsynced.clone(),
        };
        let error = match metadata.ask_within(ask, REST * 100).await {
            Ok(Reply::RegisterBroker(answer)) => ErrorCode::from_wire(answer.error_code),
            Ok(Reply::Rejected(error)) => error,
            Ok(other) => unreachable!("the controller answers a registration with its own reply, not {other:?}"),
            Err(error) => error.error_code(),
        };
        match error {
            ErrorCode::None => break,
            error if is_temporary(error) && Instant::now() < deadline => {
                tracing::debug!("broker {id} is not registered yet: {error}");
                sleep(REST).await;
            }
            error => return Err(StartError::Refused(why_not(id, error))),
        }
    }
    let mut images = metadata.images();
    let is_shown =
        |image: &Arc<MetadataImage>| image.broker(id).is_some_and(|broker| broker.incarnation == incarnation);
    match images.wait_for(is_shown).await {
        Ok(image) => Ok(image.broker(id).map_or(-1, |broker| broker.epoch)),
        Err(_) => Err(StartError::Refused("the metadata has stopped".to_owned())),
    }
}

fn is_temporary(error: ErrorCode) -> bool {
    use ErrorCode::*;
    matches!(error, NotController | RequestTimedOut | DuplicateBrokerRegistration | KafkaStorageError)
}

fn why_not(id: NodeId, error: ErrorCode) -> String {
    match error {
        ErrorCode::DuplicateBrokerRegistration => {
            format!("another broker with node.id={id} is running in this cluster; give this one another node.id, or stop that one")
        }
        ErrorCode::InconsistentClusterId => {
            "the data directory belongs to another cluster; choose another with log.dirs, or correct controller.quorum.voters".to_owned()
        }
        ErrorCode::NotController | ErrorCode::RequestTimedOut => {
            "no controller answered; are a majority of controller.quorum.voters running?".to_owned()
        }
        error => format!("the controller said {error}"),
    }
}

/// Tells the controller that this broker lives, until the broker stops.
pub(crate) async fn keep_alive(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let interval = Duration::from_millis(broker.config.cluster.heartbeat_interval_ms.unsigned_abs());
    let session_timeout = Duration::from_millis(broker.config.cluster.session_timeout_ms.unsigned_abs());
    let mut session = Session { timeout: session_timeout, heard: Instant::now(), lost: false };
    loop {
        let began = Instant::now();
        // One that is swallowed on its way leaves time for the next.
        let fenced = match heartbeat(&broker, false, session_timeout / 3).await {
            Ok((answer, end_offset)) => {
                session.renewed();
                let applied = broker.wait_until_applied(end_offset);
                if timeout(NEWS_PATIENCE.min(interval / 2), applied).await.is_ok() {
                    broker.heard.at(began.saturating_duration_since(broker.started));
                }
                answer.is_fenced
            }
            Err(error) => {
                session.missed(error);
                true
            }
        };
        // A broker that is fenced wants back as soon as it has caught up.
        let rest =
            if fenced { REST.min(interval) } else { interval.saturating_sub(began.elapsed()).max(WHILE_STARTING) };
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = broker.repairs.changed() => {}
            () = sleep(rest) => {}
        }
    }
}

/// When the last heartbeat was sent that the controller took, in nanoseconds after the broker's start. It counts once this
/// broker follows all that was decided before the answer: it may have been deposed while it heard nothing.
#[derive(Debug, Default)]
pub(crate) struct Heard(AtomicU64);

impl Heard {
    fn at(&self, sent: Duration) {
        self.0.store(u64::try_from(sent.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// How long ago that was, as of `now` after the start.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_nanos(self.0.load(Ordering::Acquire)))
    }
}

/// How long ago the controller was heard.
struct Session {
    timeout: Duration,
    heard: Instant,
    lost: bool,
}

impl Session {
    fn renewed(&mut self) {
        self.heard = Instant::now();
        if std::mem::take(&mut self.lost) {
            tracing::info!("the controller answers again");
        }
    }

    /// What is safe goes on; an operator should know that others may lead by now.
    fn missed(&mut self, error: ErrorCode) {
        tracing::debug!("the heartbeat was not answered: {error}");
        let silence = self.heard.elapsed();
        if !self.lost && silence >= self.timeout {
            self.lost = true;
            tracing::warn!(
                "no controller has answered for {} s ({error}): this broker goes on serving what it leads, and acks=all waits where its followers follow others by now; look at the network and at the controllers",
                silence.as_secs()
            );
        }
    }
}

/// Waits until this broker may lead.
pub(crate) async fn wait_until_unfenced(metadata: &Metadata, id: NodeId) {
    let _ = metadata.images().wait_for(|image| image.is_unfenced(id)).await; // an error means that it stops
}

/// Hands over what this broker leads, as far as there are others to take it, before it stops.
pub(crate) async fn leave(broker: &Broker) {
    let asking = async {
        loop {
            if no_controller_comes(&broker.metadata).await {
                return;
            }
            // No longer, or the last of nodes that stop together would ask for a controller that is gone.
            match heartbeat(broker, true, ELECTION_PATIENCE).await {
                Ok((answer, _)) if answer.should_shut_down => return,
                Ok(_) => sleep(WHILE_STOPPING).await,
                Err(ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered) => return,
                Err(_) => sleep(WHILE_STOPPING).await,
            }
        }
    };
    if timeout(STOP_PATIENCE, asking).await.is_err() {
        mark!("a broker stopped without the controller's leave");
        tracing::warn!(
            "the controller did not let this broker go within {} s: it stops all the same",
            STOP_PATIENCE.as_secs()
        );
    }
}

/// Where all nodes stop together the last ones need not wait for a controller that is gone.
async fn no_controller_comes(metadata: &Metadata) -> bool {
    let mut statuses = metadata.statuses();
    let known = statuses.wait_for(|status| status.leader.is_some());
    timeout(ELECTION_PATIENCE, known).await.is_err()
}

/// The controller's answer, and the end of the metadata that shows all that was decided before it.
async fn heartbeat(
    broker: &Broker,
    want_shut_down: bool,
    patience: Duration,
) -> Result<(BrokerHeartbeatResponse, Offset), ErrorCode> {
    let request = BrokerHeartbeatRequest {
        broker_id: broker.node_id,
        broker_epoch: broker.epoch,
        // What the hosted partitions follow, not what has only been read.
        current_metadata_offset: *broker.applied.borrow() - 1,
        want_fence: false,
        want_shut_down,
        offline_log_dirs: failed_directories(broker),
        ..Default::default()
    };
    let request = Request::BrokerHeartbeat { request, unusable: unusable(broker), full: full(broker) };
    match broker.heartbeats.ask_and_look(request, patience).await {
        Ok((Reply::BrokerHeartbeat(answer), end_offset)) => match ErrorCode::from_wire(answer.error_code) {
            ErrorCode::None => Ok((answer, end_offset)),
            error => Err(error),
        },
        Ok((Reply::Rejected(error), _)) => Err(error),
        Ok(_) => Err(ErrorCode::UnknownServerError),
        Err(AskError::NotController) => Err(ErrorCode::NotController),
        Err(AskError::Unknown) => Err(ErrorCode::RequestTimedOut),
    }
}

fn failed_directories(broker: &Broker) -> Vec<Uuid> {
    let failed = broker.directories.iter().filter(|directory| directory.failed().borrow().is_some());
    failed.map(storage::LogDirectory::directory_id).collect()
}

/// The replicas here whose disk has no space: others should lead, where others can.
fn full(broker: &Broker) -> Vec<(Uuid, PartitionId)> {
    let topics = broker.partitions.topics();
    let online = topics.iter().flat_map(|topic| topic.online().map(|partition| (topic.id, partition)));
    let full = online.filter(|(_, partition)| partition.is_full());
    full.map(|(id, partition)| (id, partition.topic_partition.partition)).take(MAX_REPORTED).collect()
}

/// The replicas here whose log is damaged: they may not lead, and are in sync with nobody.
pub(crate) fn unusable(broker: &Broker) -> Vec<(Uuid, PartitionId)> {
    let (mut unusable, image) = (Vec::new(), broker.metadata.image());
    for topic in broker.partitions.topics() {
        for (number, hosted) in &topic.partitions {
            let is_unusable = match hosted {
                Hosted::Online(partition) => {
                    partition.is_offline() || repair::is_unusable(partition, &image, broker.node_id)
                }
                Hosted::Offline(_) | Hosted::NotMade(_) => true,
            };
            if is_unusable && unusable.len() < MAX_REPORTED {
                unusable.push((topic.id, *number));
            }
        }
    }
    unusable
}
