//! From a configuration to a broker that serves, and back.
//!
//! Order: the metadata is read and this node takes its part in the quorum; when the cluster is known, founded if it is
//! new, the log directories are opened and recovered; this life of the broker is registered, which raises the leader
//! epoch of every partition it leads, durably; the partitions begin; and only when the controller lets it lead does
//! anybody get an answer.

use crate::broker::{Broker, Limits, Listener};
use crate::fetch_session::Sessions;
use crate::found_logs::FoundLogs;
use crate::groups::{self, Groups};
use crate::metadata::{FoundMetadata, Metadata, MetadataFault, QuorumNode, serve_controller};
use crate::network::connection_limits::ConnectionLimits;
use crate::network::listener;
use crate::network::request_memory::RequestMemory;
use crate::partition::Command;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::repair::{self, Repairs};
use crate::replication::{Fetchers, IsrChanges, isr_changes};
use crate::topic_rules::log_config;
use crate::{cleaner, directory_assignments, failures, lifecycle, membership};
use controller::{Founding, Settings};
use model::config::{BrokerConfig, Layers, Listener as ConfigListener, Problems, ServerConfig};
use model::metadata_image::{Configs, MetadataImage, is_internal_topic};
use model::{TopicPartition, Uuid};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, Listener as RegisteredListener};
use raft::Endpoint;
use runtime::disk::Disk;
use runtime::net::TcpListener;
use runtime::sync::watch;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use storage::{DirectoryOptions, Log, LogDirectory, Opened, StorageFault};
use thiserror::Error;

/// Bytes of requests that are received or worked on at most, where the config does not say.
const REQUEST_MEMORY: u64 = 256 << 20;

/// Why a broker does not start. Each is a sentence for an operator: what, why, and what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration does not fit together.
    #[error("{0}")]
    Config(#[from] Problems),
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}: {error}; choose another with log.dirs, or make it writable")]
    Directory {
        /// The directory.
        path: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// The metadata cannot be used.
    #[error("{0}")]
    Metadata(#[from] MetadataFault),
    /// The logs cannot be used.
    #[error("cannot open the logs: {0}")]
    Storage(#[from] StorageFault),
    /// The listener cannot be bound.
    #[error("cannot listen on {address}: {}", describe_bind(.error))]
    Listen {
        /// Where.
        address: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// The cluster does not take this broker.
    #[error("the broker cannot join its cluster: {0}")]
    Refused(String),
}

fn describe_bind(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process uses the port; stop it, or choose another with --set listeners=PLAINTEXT://HOST:PORT"
                .into()
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need more rights; choose a higher one".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => error.to_string(),
    }
}

/// A broker that serves. Dropped without [`RunningBroker::stop`] it leaves its directories as a crash would.
#[derive(Debug)]
pub struct RunningBroker {
    /// What its requests share.
    pub broker: Arc<Broker>,
    /// Where it listens, as bound.
    pub addresses: Vec<String>,
    stop: watch::Sender<bool>,
    /// Logs that nothing known has claimed, with the places of their directories: they are closed with the others.
    unclaimed: Vec<(usize, Log)>,
}

/// What a start may be given beside its configuration, for the case that it founds a cluster: what
/// `kafka-storage.sh format` is given.
#[derive(Clone, Debug, Default)]
pub struct FoundingOptions {
    /// The cluster's id; none for a random one. A cluster that exists must have this id.
    pub cluster_id: Option<String>,
    /// Levels of features, where not the newest.
    pub features: Vec<(String, i16)>,
}

/// Starts a broker of this configuration.
///
/// # Errors
/// See [`StartError`]; nothing is served then.
pub fn start(server_config: ServerConfig) -> Starting {
    start_or_found(server_config, FoundingOptions::default())
}

/// A broker on its way.
pub type Starting = Pin<Box<dyn Future<Output = Result<RunningBroker, StartError>> + Send>>;

/// As [`start`], with what a new cluster starts with.
///
/// # Errors
/// See [`StartError`]; nothing is served then.
pub fn start_or_found(server_config: ServerConfig, founding: FoundingOptions) -> Starting {
    // Boxed and not generic, so that no program compiles the server anew.
    Box::pin(start_in_order(server_config, founding))
}

async fn start_in_order(server_config: ServerConfig, founding: FoundingOptions) -> Result<RunningBroker, StartError> {
    server_config.check()?;
    let nothing = Configs::new();
    let layers = Layers { server: &server_config, dynamic_broker: &nothing, dynamic_default: &nothing };
    let config = BrokerConfig::resolve(&layers)?;
    let disks = open_disks(&config.log_dirs).await?;
    let found = FoundMetadata::read(&disks[0]).await?;
    let image = found.image().clone();
    let config = with_configs_of_run_time(config, &server_config, &image);
    let (sockets, listeners) = bind(&config).await?;
    let controller_sockets = bind_controllers(&config).await?;
    let known = known_cluster(&disks, &image, &founding).await?;
    let (stop, stopping) = watch::channel(false);
    let node = quorum_node(&config, &found, &known, &founding, &controller_sockets);
    let quorum_directory = found.directory().unwrap_or(node.directory);
    let metadata = found.start(Settings { server: server_config.clone() }, node).await?;
    let mut addresses = Vec::new();
    for socket in controller_sockets {
        if !config.cluster.is_broker {
            addresses.extend(socket.local_addr().map(|address| address.to_string()));
        }
        let serving = serve_controller(metadata.clone(), socket, stopping.clone());
        runtime::task::spawn("controller listener", serving);
    }
    let metadata_is_ours = image.cluster_id().is_some();
    let joining = Joining { config: &config, server_config: &server_config, listeners: &listeners };
    let Joined { directories, logs, epoch } =
        joining.join(&metadata, known.id.as_deref(), disks, quorum_directory).await?;
    let image = metadata.image();
    let (applied, applied_to) = watch::channel(image.end_offset());
    let (repairs, findings) = Repairs::new();
    let broker = Arc::new(Broker {
        node_id: config.node_id,
        epoch,
        limits: limits(&config),
        listeners: listeners.iter().map(|(listener, _)| listener.clone()).collect(),
        heartbeats: metadata.apart(),
        isr_changes: IsrChanges::new(config.node_id, epoch, &metadata),
        fetchers: Fetchers::new(&config, epoch, &metadata),
        repairs,
        groups: Groups::new(groups::world(&server_config, &image, config.node_id)),
        heard: membership::Heard::default(),
        started: Instant::now(),
        metadata,
        partitions: Partitions::default(),
        directories,
        applied: applied_to,
        sessions: Mutex::new(Sessions::new(config.fetch_session_slots)),
        producer_ids: ProducerIds::default(),
        request_memory: request_memory(&config),
        connections: ConnectionLimits::new(&config),
        config,
        server_config,
    });
    if broker.config.cluster.is_controller {
        runtime::task::spawn("failures", failures::watch(broker.clone(), stopping.clone()));
    }
    let mut unclaimed = Vec::new();
    if broker.config.cluster.is_broker {
        unclaimed = host_all(&broker, &image, logs, metadata_is_ours).await;
        runtime::task::spawn("repair", repair::run(broker.clone(), findings, stopping.clone()));
        spawn_tasks(&broker, image, applied, &stopping);
        wait_until_settled(&broker).await;
    }
    for (index, socket) in sockets {
        addresses.push(socket.local_addr().map_or_else(|_| String::new(), |address| address.to_string()));
        runtime::task::spawn("listener", listener::accept(broker.clone(), socket, index, stopping.clone()));
    }
    Ok(RunningBroker { broker, addresses, stop, unclaimed })
}

/// What a node brings to its cluster.
struct Joining<'a> {
    config: &'a BrokerConfig,
    server_config: &'a ServerConfig,
    listeners: &'a [(Listener, ConfigListener)],
}

/// What it is there. A controller of its own has no logs, and is registered as nothing.
struct Joined {
    directories: Vec<LogDirectory>,
    logs: FoundLogs,
    epoch: model::Offset,
}

impl Joining<'_> {
    /// Waits for the cluster; a broker then opens its logs, and registers.
    async fn join(
        &self,
        metadata: &Metadata,
        expected: Option<&str>,
        disks: Vec<Disk>,
        quorum_directory: Uuid,
    ) -> Result<Joined, StartError> {
        let (cluster_id, image) = join_cluster(metadata, expected).await?;
        if !self.config.cluster.is_broker {
            return Ok(Joined { directories: Vec::new(), logs: FoundLogs::default(), epoch: -1 });
        }
        let ids = (cluster_id.to_string(), quorum_directory);
        let (directories, logs) = open_directories(disks, self.config, self.server_config, &image, ids).await?;
        let request = registration(self.config, &cluster_id, &directories, self.listeners);
        let patience = Duration::from_millis(self.config.registration_timeout_ms.unsigned_abs());
        let epoch = membership::register(metadata, request, &logs, &image, patience).await?;
        Ok(Joined { directories, logs, epoch })
    }
}

fn spawn_tasks(
    broker: &Arc<Broker>,
    image: Arc<MetadataImage>,
    applied: watch::Sender<model::Offset>,
    stopping: &watch::Receiver<bool>,
) {
    runtime::task::spawn("lifecycle", lifecycle::follow(broker.clone(), image, applied, stopping.clone()));
    runtime::task::spawn("groups", groups::host(broker.clone(), stopping.clone()));
    runtime::task::spawn("heartbeats", membership::keep_alive(broker.clone(), stopping.clone()));
    runtime::task::spawn("lag", isr_changes::watch_lag(broker.clone(), stopping.clone()));
    if broker.directories.len() > 1 {
        runtime::task::spawn("directories", directory_assignments::tell(broker.clone(), stopping.clone()));
    }
    watch_directories(broker);
    runtime::task::spawn("scrubber", repair::scrubber::run(broker.clone(), stopping.clone()));
    runtime::task::spawn("cleaner", cleaner::run(broker.clone(), stopping.clone()));
    runtime::task::spawn("checkpoints", checkpoint(broker.clone(), stopping.clone()));
}

impl RunningBroker {
    /// Stops taking requests, and leaves the directories as Kafka leaves them after a clean stop.
    ///
    /// # Errors
    /// A disk refused, the first to do so: the next start finds in its directory what a crash would leave.
    pub async fn stop(self) -> Result<(), StorageFault> {
        let asks_first = self.broker.config.cluster.is_broker && self.broker.config.cluster.controlled_shutdown;
        if asks_first && !model::planted!("a broker stops without a word") {
            membership::leave(&self.broker).await;
        }
        self.stop.send_replace(true);
        self.broker.metadata.close().await;
        let mut logs: BTreeMap<usize, Vec<Log>> = BTreeMap::new();
        for topic in self.broker.partitions.topics() {
            for partition in topic.online() {
                if let Ok(log) = partition.ask(Command::Close).await {
                    logs.entry(partition.directory).or_default().push(log);
                }
            }
        }
        for (at, log) in self.unclaimed {
            logs.entry(at).or_default().push(log);
        }
        // All of them: what is wrong with one is no reason to recover the others at the next start.
        let mut result = Ok(());
        for (at, directory) in self.broker.directories.iter().enumerate() {
            let closed = directory.clone().close(logs.remove(&at).unwrap_or_default()).await;
            result = result.and(closed);
        }
        result
    }
}

/// What was set at run time holds over what is given at start, unless it does not fit with it: the server must start.
fn with_configs_of_run_time(given: BrokerConfig, server: &ServerConfig, image: &MetadataImage) -> BrokerConfig {
    BrokerConfig::resolve(&lifecycle::layers(server, image, given.node_id)).unwrap_or_else(|problems| {
        tracing::warn!("configs that were set at run time are left aside, for they do not fit: {problems}");
        given
    })
}

async fn open_disks(paths: &[String]) -> Result<Vec<Disk>, StartError> {
    let mut disks = Vec::new();
    for path in paths {
        let opened = Disk::open(path.as_str()).await;
        disks.push(opened.map_err(|error| StartError::Directory { path: path.clone(), error })?);
    }
    Ok(disks)
}

/// What is known of the cluster before it is joined.
struct KnownCluster {
    id: Option<String>,
}

/// The cluster's id as the metadata, the directories and the options say it: they must agree.
async fn known_cluster(
    disks: &[Disk],
    image: &MetadataImage,
    founding: &FoundingOptions,
) -> Result<KnownCluster, StartError> {
    let mut id = founding.cluster_id.clone();
    let mut from = "--cluster-id".to_owned();
    let mut agree = |said: String, by: String| match &id {
        Some(other) if *other != said => Err(StartError::Refused(format!(
            "{by} belongs to the cluster {said}, but {from} says {other}; take the id away, or choose another data directory with log.dirs"
        ))),
        _ => {
            (id, from) = (Some(said), by);
            Ok(())
        }
    };
    if let Some(said) = image.cluster_id() {
        agree(said.to_string(), "the metadata".to_owned())?;
    }
    for disk in disks {
        if let Some(said) = LogDirectory::cluster_of(disk).await? {
            agree(said, disk.root().display().to_string())?;
        }
    }
    Ok(KnownCluster { id })
}

fn quorum_node(
    config: &BrokerConfig,
    found: &FoundMetadata,
    known: &KnownCluster,
    founding: &FoundingOptions,
    sockets: &[TcpListener],
) -> QuorumNode {
    let cluster_id = known.id.clone().unwrap_or_else(|| LogDirectory::new_id().to_string());
    let features = founding.features.clone();
    QuorumNode {
        id: config.node_id,
        directory: found.directory().unwrap_or_else(LogDirectory::new_id),
        endpoint: controller_endpoint(config, sockets),
        cluster: config.cluster.clone(),
        founding: Founding { features, ..Founding::new(cluster_id) },
    }
}

/// Where other nodes reach this controller: as the list of voters says, else as it is advertised.
fn controller_endpoint(config: &BrokerConfig, sockets: &[TcpListener]) -> Endpoint {
    if let Some(voter) = config.cluster.voters.iter().find(|voter| voter.id == config.node_id) {
        return Endpoint { host: voter.host.clone(), port: voter.port };
    }
    let bound = sockets.first().and_then(|socket| socket.local_addr().ok()).map(|address| address.port());
    match config.advertised_controller_listeners.first() {
        Some(listener) => {
            let port = if listener.port == 0 { bound.unwrap_or(0) } else { listener.port };
            Endpoint { host: advertised_host(&listener.host).to_string(), port }
        }
        None => Endpoint { host: "localhost".to_owned(), port: 0 },
    }
}

/// Waits until this node knows its cluster, and says from time to time what that waits for.
async fn join_cluster(
    metadata: &Metadata,
    expected: Option<&str>,
) -> Result<(Arc<str>, Arc<MetadataImage>), StartError> {
    const SAY_AFTER: Duration = Duration::from_secs(3);
    let mut images = metadata.images();
    let (id, image) = loop {
        let known = timeout(SAY_AFTER, images.wait_for(|image| image.cluster_id().is_some())).await;
        match known {
            Ok(Ok(image)) => break (image.cluster_id().cloned().expect("waited for"), image.clone()),
            Ok(Err(_)) => return Err(StartError::Refused("the metadata has stopped".to_owned())),
            Err(_) => tracing::info!("waiting for a cluster: {}", what_is_missing(metadata)),
        }
    };
    match expected {
        Some(expected) if *expected != *id => Err(StartError::Refused(format!(
            "the controllers belong to the cluster {id}, and this node to {expected}; choose another data directory with log.dirs, or correct controller.quorum.voters"
        ))),
        _ => Ok((id, image)),
    }
}

fn what_is_missing(metadata: &Metadata) -> String {
    let status = metadata.status();
    match &status.waits_for {
        Some(why) if !why.is_empty() => why.clone(),
        _ if status.voters.is_empty() => {
            "no controller answers; are controller.quorum.voters or controller.quorum.bootstrap.servers right?"
                .to_owned()
        }
        _ => "no controller leads; are a majority of the voters running?".to_owned(),
    }
}

async fn open_directories(
    disks: Vec<Disk>,
    config: &BrokerConfig,
    server_config: &ServerConfig,
    image: &MetadataImage,
    (cluster_id, quorum_directory): (String, Uuid),
) -> Result<(Vec<LogDirectory>, FoundLogs), StartError> {
    let config_of = |topic_partition: &TopicPartition| {
        let topic = &*topic_partition.topic;
        let empty = Configs::new();
        let overrides = image.topic(topic).map_or(&empty, |topic| &*topic.configs);
        let resolved = lifecycle::topic_config(server_config, image, config.node_id, overrides);
        log_config(&resolved, is_internal_topic(topic))
    };
    let mut directories: Vec<LogDirectory> = Vec::new();
    let mut logs = FoundLogs::default();
    for (at, disk) in disks.into_iter().enumerate() {
        // The first directory has the metadata too, and one id for both.
        let directory_id = (at == 0).then_some(quorum_directory);
        let options = directory_options(config, cluster_id.clone(), directory_id);
        let Opened { directory, logs: opened, clean, lost } = LogDirectory::open(disk, options, &config_of).await?;
        logs.directory(clean, lost);
        opened.into_iter().for_each(|log| logs.add(at, clean, log));
        directories.push(directory);
    }
    Ok((directories, logs))
}

fn directory_options(config: &BrokerConfig, cluster_id: String, directory_id: Option<Uuid>) -> DirectoryOptions {
    let cluster_id = Some(cluster_id);
    let mut options =
        DirectoryOptions { node_id: config.node_id, cluster_id, directory_id, ..DirectoryOptions::default() };
    options.journal.file_bytes = config.journal_file_bytes;
    options.journal.max_bytes = config.journal_max_bytes;
    options.producer_id_expiration_ms = config.transactions.producer_id_expiration_ms;
    options
}

async fn bind_controllers(config: &BrokerConfig) -> Result<Vec<TcpListener>, StartError> {
    let mut sockets = Vec::new();
    for wanted in config.controller_listeners.iter().filter(|_| config.cluster.is_controller) {
        let address = wanted.address();
        sockets.push(TcpListener::bind(&address).await.map_err(|error| StartError::Listen { address, error })?);
    }
    Ok(sockets)
}

/// Binds every listener. `localhost`, our default, is both 127.0.0.1 and ::1, where the machine has both.
async fn bind(
    config: &BrokerConfig,
) -> Result<(Vec<(usize, TcpListener)>, Vec<(Listener, ConfigListener)>), StartError> {
    let mut sockets = Vec::new();
    let mut listeners = Vec::new();
    for (index, wanted) in config.listeners.iter().enumerate() {
        let address = wanted.address();
        let socket = TcpListener::bind(&address).await.map_err(|error| StartError::Listen { address, error })?;
        let port = socket.local_addr().map_or(wanted.port, |address| address.port());
        sockets.push((index, socket));
        if wanted.host == "localhost"
            && let Ok(second) = TcpListener::bind(&format!("[::1]:{port}")).await
        {
            sockets.push((index, second));
        }
        let advertised = &config.advertised_listeners[index];
        let listener = Listener {
            name: wanted.name.as_str().into(),
            advertised_host: advertised_host(&advertised.host),
            advertised_port: if advertised.port == 0 { port } else { advertised.port },
        };
        listeners.push((listener, wanted.clone()));
    }
    Ok((sockets, listeners))
}

/// An empty host means this machine.
fn advertised_host(host: &str) -> Arc<str> {
    if host.is_empty() { "localhost".into() } else { host.into() }
}

fn registration(
    config: &BrokerConfig,
    cluster_id: &str,
    directories: &[LogDirectory],
    listeners: &[(Listener, ConfigListener)],
) -> BrokerRegistrationRequest {
    BrokerRegistrationRequest {
        broker_id: config.node_id,
        cluster_id: cluster_id.into(),
        incarnation_id: Uuid::from_random_bits(runtime::rand::u64(), runtime::rand::u64()),
        listeners: listeners.iter().map(|(listener, wanted)| registered(listener, wanted)).collect(),
        rack: config.rack.as_deref().map(Into::into),
        log_dirs: directories.iter().map(LogDirectory::directory_id).collect(),
        ..Default::default()
    }
}

fn registered(listener: &Listener, wanted: &ConfigListener) -> RegisteredListener {
    RegisteredListener {
        name: (&*listener.name).into(),
        host: (&*listener.advertised_host).into(),
        port: listener.advertised_port,
        security_protocol: wanted.protocol as i16,
        ..Default::default()
    }
}

fn limits(config: &BrokerConfig) -> Limits {
    Limits {
        request_max_bytes: config.max_request_bytes as usize,
        max_idle: config.max_idle_ms.map(|ms| Duration::from_millis(ms.unsigned_abs())),
    }
}

fn request_memory(config: &BrokerConfig) -> RequestMemory {
    let bytes = config.max_queued_request_bytes.unwrap_or(REQUEST_MEMORY);
    RequestMemory::new(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Hosts what the metadata has. Gives what it has not, with the places of their directories.
async fn host_all(
    broker: &Arc<Broker>,
    image: &Arc<MetadataImage>,
    mut logs: FoundLogs,
    metadata_is_ours: bool,
) -> Vec<(usize, Log)> {
    logs.set_strays_aside(image, metadata_is_ours, broker.node_id, &broker.directories).await;
    for topic in image.topics() {
        lifecycle::host(broker, image, topic, &mut logs).await;
    }
    logs.unclaimed()
}

/// The first client is not told that nobody leads what this broker was just given to lead.
async fn wait_until_settled(broker: &Broker) {
    const PATIENCE: Duration = Duration::from_secs(2);
    membership::wait_until_unfenced(&broker.metadata, broker.node_id).await;
    broker.wait_until_applied(broker.metadata.image().end_offset()).await;
    let settling = async {
        for topic in broker.partitions.topics() {
            for partition in topic.online() {
                let _ = partition.ask(Command::Settled).await; // one that failed leads nothing
            }
        }
    };
    let _ = timeout(PATIENCE, settling).await; // a stalled disk keeps nobody else waiting
}

/// A directory that failed takes the process with it when it is the only one, as in Kafka.
fn watch_directories(broker: &Arc<Broker>) {
    let only = broker.directories.len() == 1;
    for directory in &broker.directories {
        let mut failed = directory.failed();
        runtime::task::spawn("watch directory", async move {
            let why = match failed.wait_for(Option::is_some).await {
                Ok(why) => why.clone().unwrap_or_default(),
                Err(_) => return,
            };
            tracing::error!("a log directory failed: {why}");
            if only {
                runtime::process::halt(&format!("the only log directory failed: {why}")).await;
            }
        });
    }
}

async fn checkpoint(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let interval = Duration::from_millis(broker.config.start_offset_checkpoint_interval_ms.unsigned_abs().max(1000));
    loop {
        runtime::sync::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(interval) => {}
        }
        for directory in &broker.directories {
            if let Err(fault) = directory.checkpoint().await {
                tracing::error!("cannot write the offset checkpoints: {fault}");
            }
        }
    }
}
