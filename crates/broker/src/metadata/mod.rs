//! The cluster's metadata on one node: its part in the quorum, the controller machine while it leads, and the image that
//! everybody reads.
//!
//! What a request decides is committed by the quorum before it is folded into the image, and the image is published
//! before the request is answered.

mod driver;
mod envelope;
mod fault;
mod files;
mod log;
mod one_node;
mod peers;
mod probe;
mod quorum_api;
mod quorum_requests;
mod serve;
mod state;
mod status;
mod to_controller;

pub use fault::MetadataFault;
pub(crate) use probe::is_refused;
pub(crate) use quorum_api::OfQuorum;
pub use quorum_requests::{QuorumReply, QuorumRequest};
pub(crate) use serve::serve_controller;
pub use status::QuorumStatus;
pub(crate) use status::address;

use crate::network::request_memory::RequestMemory;
use controller::{Founding, Reply, Request, Settings};
use driver::Driver;
use log::FoundLog;
use model::config::ClusterConfig;
use model::metadata_image::MetadataImage;
use model::state_machine::Instant;
use model::{ErrorCode, NodeId, Offset, Uuid};
use peers::Peers;
use raft::{Endpoint, Raft, ReplicaKey};
use runtime::disk::Disk;
use runtime::sync::{mpsc, oneshot, watch};
use runtime::time::{self, Duration, timeout};
use std::sync::Arc;
use storage::LogDirectory;
use to_controller::{ToController, ask_mailbox};

/// Bytes of the metadata log that are kept free for what a node has to learn while its disk is full: some ten thousand
/// changes of leaders.
const SPACE_AHEAD: u64 = 1 << 20;
/// A snapshot replaces the log whenever it grew by this many bytes.
const SNAPSHOT_AFTER: &str = "metadata.log.max.record.bytes.between.snapshots";
/// Requests that wait for the machine, at most.
const MAILBOX: usize = 64;
/// Messages of other nodes that wait, at most.
const EVENTS: usize = 256;
/// Bytes of messages of other nodes that are being received.
const PEER_MEMORY: usize = 64 << 20;
/// The most bytes of entries in one message.
const MESSAGE_BYTES: usize = 1 << 20;
/// How long a request to the controller may take, unless it says so itself.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long an answer waits for the image on this node to show what was done.
const IMAGE_PATIENCE: Duration = Duration::from_secs(1);

/// The metadata as it was found, before anything is changed.
#[derive(Debug)]
pub struct FoundMetadata {
    log: FoundLog,
    image: MetadataImage,
    /// The cluster that the directory belongs to, as `meta.properties` says.
    cluster_of_directory: Option<String>,
}

/// What a node is in the quorum.
#[derive(Clone, Debug)]
pub struct QuorumNode {
    /// `node.id`.
    pub id: NodeId,
    /// The directory's id, for a directory that has none yet.
    pub directory: Uuid,
    /// Where other nodes reach its controller.
    pub endpoint: Endpoint,
    /// Roles, voters and timeouts.
    pub cluster: ClusterConfig,
    /// What a new cluster starts with.
    pub founding: Founding,
}

impl FoundMetadata {
    /// Reads the metadata log on `disk`; none means a blank one.
    ///
    /// # Errors
    /// Another process has it, or it is damaged.
    pub async fn read(disk: &Disk) -> Result<FoundMetadata, MetadataFault> {
        let log = FoundLog::read(disk).await?;
        let image = log.image()?;
        let cluster_of_directory = LogDirectory::cluster_of(disk).await.ok().flatten(); // who opens the logs tells why not
        Ok(FoundMetadata { log, image, cluster_of_directory })
    }

    /// What it says, as far as this node knows: the end of it may not be committed, and then may yet change.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The directory's id in the quorum; none before the first start.
    pub fn directory(&self) -> Option<Uuid> {
        self.log.directory
    }

    /// Starts the task that takes part in the quorum.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn start(mut self, settings: Settings, node: QuorumNode) -> Result<Metadata, MetadataFault> {
        let directory = self.log.directory.unwrap_or(node.directory);
        let me = ReplicaKey { id: node.id, directory };
        if self.log.migrates() {
            self.log.found_by(me, node.endpoint.clone());
        }
        let durable = self.log.durable.clone();
        let committed = match &durable.snapshot {
            Some(snapshot) => log::image_of(snapshot)?,
            None => MetadataImage::default(),
        };
        let snapshot_after = settings.number(SNAPSHOT_AFTER).unsigned_abs();
        let log = self.log.ready(directory, SPACE_AHEAD.min(snapshot_after)).await?;
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        let (events, incoming) = mpsc::channel(EVENTS);
        let peers = Peers::new(me, events, RequestMemory::new(PEER_MEMORY));
        // At once: an observer with the addresses of another cluster's controllers would take over that cluster's log.
        if let Some(id) = committed.cluster_id().map(|id| id.to_string()).or(self.cluster_of_directory) {
            peers.set_cluster_id(&id);
        }
        let raft = Raft::new(raft_config(&node, me), Instant::default(), durable);
        let status = watch::Sender::new(QuorumStatus::of(&raft, false));
        let images = watch::Sender::new(Arc::new(committed.clone()));
        peers.dial(first_addresses(&node));
        let to_controller = ToController::new(mailbox.clone(), status.subscribe(), PATIENCE);
        let metadata = Metadata {
            mailbox,
            images: images.subscribe(),
            status: status.subscribe(),
            peers: peers.clone(),
            to_controller: Arc::new(to_controller),
        };
        let driver = Driver {
            raft,
            snapshot_at: log.length().max(snapshot_after),
            log,
            settings,
            founding: node.founding,
            published: committed.end_offset(),
            committed,
            images,
            status,
            peers,
            mailbox: metadata.mailbox.downgrade(),
            started: time::Instant::now(),
            snapshot_after,
            leading: None,
            changes: Vec::new(),
        };
        runtime::task::spawn("metadata", driver.run(requests, incoming));
        Ok(metadata)
    }
}

fn raft_config(node: &QuorumNode, me: ReplicaKey) -> raft::Config {
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let configured =
        node.cluster.voters.iter().map(|voter| (voter.id, Endpoint { host: voter.host.clone(), port: voter.port }));
    let mut configured: Vec<(NodeId, Endpoint)> = configured.collect();
    if configured.is_empty() && node.cluster.is_controller && founds_alone(node) {
        configured.push((node.id, node.endpoint.clone()));
    }
    raft::Config {
        me,
        endpoint: node.endpoint.clone(),
        configured,
        may_vote: node.cluster.is_controller,
        election_timeout: ms(node.cluster.election_timeout_ms),
        fetch_timeout: ms(node.cluster.fetch_timeout_ms),
        heartbeat_interval: ms(node.cluster.fetch_timeout_ms.min(node.cluster.election_timeout_ms) / 5).max(ms(1)),
        max_append_bytes: MESSAGE_BYTES,
        snapshot_chunk_bytes: MESSAGE_BYTES,
        seed: runtime::rand::u64(),
    }
}

/// A controller that is told of no other founds a cluster of its own.
fn founds_alone(node: &QuorumNode) -> bool {
    let own = status::address(&node.endpoint.host, node.endpoint.port);
    node.cluster.bootstrap_servers.iter().all(|server| *server == own)
}

fn first_addresses(node: &QuorumNode) -> Vec<String> {
    let own = status::address(&node.endpoint.host, node.endpoint.port);
    let voters = node.cluster.voters.iter().filter(|voter| voter.id != node.id);
    let voters = voters.map(|voter| status::address(&voter.host, voter.port));
    voters.chain(node.cluster.bootstrap_servers.iter().filter(|server| **server != own).cloned()).collect()
}

/// The way to the metadata. Clones share it.
#[derive(Clone, Debug)]
pub struct Metadata {
    mailbox: mpsc::Sender<Command>,
    images: watch::Receiver<Arc<MetadataImage>>,
    status: watch::Receiver<Arc<QuorumStatus>>,
    peers: Arc<Peers>,
    to_controller: Arc<ToController>,
}

/// Why the controller gave no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// Nothing was decided: this node is not the controller, or none was found in time.
    NotController,
    /// It may have been decided.
    Unknown,
}

impl AskError {
    /// What a client is told.
    pub fn error_code(self) -> ErrorCode {
        match self {
            AskError::NotController => ErrorCode::NotController,
            AskError::Unknown => ErrorCode::RequestTimedOut,
        }
    }
}

impl Metadata {
    /// The same, whose requests to the controller go their own way and do not wait behind those of others.
    #[must_use]
    pub fn apart(&self) -> Metadata {
        let to_controller = Arc::new(ToController::new(self.mailbox.clone(), self.status.clone(), PATIENCE));
        Metadata { to_controller, ..self.clone() }
    }

    /// The present image.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.images.borrow().clone()
    }

    /// The present image and those to come.
    pub fn images(&self) -> watch::Receiver<Arc<MetadataImage>> {
        self.images.clone()
    }

    /// The present state of the quorum.
    pub fn status(&self) -> Arc<QuorumStatus> {
        self.status.borrow().clone()
    }

    /// The present state of the quorum and those to come.
    pub fn statuses(&self) -> watch::Receiver<Arc<QuorumStatus>> {
        self.status.clone()
    }

    /// Whether there is a connection to this node's controller or from this node.
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.peers.is_connected(node)
    }

    /// Asks the controller, wherever it is; what it decided is committed, and most often in the image here, when the
    /// reply is here.
    ///
    /// # Errors
    /// `NOT_CONTROLLER` when nobody decided; `REQUEST_TIMED_OUT` when it is not known whether the request took effect.
    pub async fn ask(&self, request: Request) -> Result<Reply, ErrorCode> {
        self.ask_within(request, PATIENCE).await.map_err(AskError::error_code)
    }

    /// As [`Metadata::ask`], for so long at most.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_within(&self, request: Request, patience: Duration) -> Result<Reply, AskError> {
        let (reply, offset) = self.ask_and_look(request, patience).await?;
        self.wait_for(offset).await;
        Ok(reply)
    }

    /// As [`Metadata::ask_within`], without waiting for the image: the offset is that of its end which shows all that was
    /// decided before the reply.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_and_look(&self, request: Request, patience: Duration) -> Result<(Reply, Offset), AskError> {
        self.to_controller.ask(request, time::Instant::now() + patience).await
    }

    /// Asks the controller on this node alone.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_here(&self, request: Request) -> Result<(Reply, Offset), AskError> {
        ask_mailbox(&self.mailbox, request).await
    }

    async fn wait_for(&self, offset: Offset) {
        let mut images = self.images.clone();
        // An error means that the quorum is slow to tell this node, or that it stops.
        let _ = timeout(IMAGE_PATIENCE, images.wait_for(|image| image.end_offset() >= offset)).await;
    }

    /// Asks the quorum's machine on this node.
    ///
    /// # Errors
    /// `NOT_CONTROLLER` when it has stopped; `REQUEST_TIMED_OUT` when it is not known whether a change took effect.
    pub async fn quorum(&self, request: QuorumRequest) -> Result<QuorumReply, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(Command::Quorum(request, reply)).await.map_err(|_| ErrorCode::NotController)?;
        answer.await.map_err(|_| ErrorCode::RequestTimedOut)
    }

    /// Hands the quorum's leadership to another node; `false` when this one does not have it.
    pub async fn transfer_leadership(&self, to: NodeId) -> bool {
        quorum_api::transfer(self, to).await
    }

    /// Ends this node's part in the quorum and lets the log go; requests after this one are answered with
    /// `NOT_CONTROLLER`.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let _ = self.mailbox.send(Command::Close(done)).await; // an error means that it has ended
        let _ = closed.await;
    }
}

/// A reply, and the offset that the image must reach to show what was decided.
pub(crate) type Decided = Result<(Reply, Offset), AskError>;

pub(crate) enum Command {
    Ask(Box<Request>, oneshot::Sender<Decided>),
    Quorum(QuorumRequest, oneshot::Sender<QuorumReply>),
    /// There is positive evidence that this node's process is gone.
    PeerDied(NodeId),
    Close(oneshot::Sender<()>),
}

#[cfg(all(test, not(madsim)))] // on a real directory
mod tests {
    use super::*;
    use model::config::{BrokerConfig, Layers, ServerConfig};
    use model::metadata_image::Configs;

    fn node() -> QuorumNode {
        let (server, nothing) = (ServerConfig::new(), Configs::new());
        let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
        QuorumNode {
            id: 1,
            directory: Uuid([0x44; 16]),
            endpoint: Endpoint { host: "h".to_owned(), port: 9093 },
            cluster: BrokerConfig::resolve(&layers).expect("the defaults fit").cluster,
            founding: Founding::new("c"),
        }
    }

    async fn start(disk: &Disk) -> Metadata {
        let found = FoundMetadata::read(disk).await.expect("nothing is damaged");
        found.start(Settings { server: ServerConfig::new() }, node()).await.expect("a start")
    }

    /// Closed again before the directory goes: a node whose metadata log fails halts.
    async fn cluster_id_at_start(disk: &Disk) -> Option<String> {
        let metadata = start(disk).await;
        let id = metadata.peers.cluster_id();
        metadata.close().await;
        id
    }

    /// A node was restarted with the addresses of another cluster's controllers, said nothing of its own cluster, and
    /// took over what that one had.
    #[test]
    fn a_node_knows_its_cluster_from_the_moment_it_starts() {
        let story = async {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let disk = Disk::open(directory.path()).await.expect("a disk");
            let metadata = start(&disk).await;
            metadata.images().wait_for(|image| image.cluster_id().is_some()).await.expect("it founds a cluster");
            metadata.close().await;
            assert_eq!(cluster_id_at_start(&disk).await.as_deref(), Some("c"));
        };
        runtime::task::run(1, story).expect("a runtime");
    }

    #[test]
    fn a_node_whose_metadata_is_gone_knows_its_cluster_from_its_directory() {
        let story = async {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let properties = "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n";
            let disk = Disk::open(directory.path()).await.expect("a disk");
            let file = disk.open_file("meta.properties", runtime::disk::Open::New).await.expect("room");
            file.write_at(&[properties.into()], 0).await.expect("room");
            assert_eq!(cluster_id_at_start(&disk).await.as_deref(), Some("c"));
        };
        runtime::task::run(1, story).expect("a runtime");
    }
}
