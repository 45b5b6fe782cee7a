//! From a configuration to a broker that serves, and back.
//!
//! Order: the metadata is read; the log directories are opened and recovered; the cluster is founded if it is new; this
//! life of the broker is registered, which raises the leader epoch of every partition it leads, durably; the
//! partitions begin; and only then does anybody get an answer.

use crate::broker::{Broker, Limits, Listener};
use crate::fetch_session::Sessions;
use crate::found_logs::FoundLogs;
use crate::lifecycle;
use crate::metadata::{FoundMetadata, Metadata, MetadataFault};
use crate::network::connection_limits::ConnectionLimits;
use crate::network::listener;
use crate::network::request_memory::RequestMemory;
use crate::partition::Command;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::topic_rules::log_config;
use controller::{Founding, Reply, Request, Settings};
use model::config::{BrokerConfig, Layers, Listener as ConfigListener, Problems, ServerConfig};
use model::metadata_image::{Configs, MetadataImage, is_internal_topic};
use model::{NodeId, TopicPartition, Uuid};
use protocol::messages::broker_heartbeat::BrokerHeartbeatRequest;
use protocol::messages::broker_registration::{BrokerRegistrationRequest, Listener as RegisteredListener};
use runtime::disk::Disk;
use runtime::net::TcpListener;
use runtime::sync::watch;
use runtime::time::{Duration, sleep};
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
}

/// Starts a broker of this configuration.
///
/// # Errors
/// See [`StartError`]; nothing is served then.
pub fn start(server_config: ServerConfig) -> Pin<Box<dyn Future<Output = Result<RunningBroker, StartError>> + Send>> {
    // Boxed and not generic, so that no program compiles the server anew.
    Box::pin(start_in_order(server_config))
}

async fn start_in_order(server_config: ServerConfig) -> Result<RunningBroker, StartError> {
    server_config.check()?;
    let nothing = Configs::new();
    let layers = Layers { server: &server_config, dynamic_broker: &nothing, dynamic_default: &nothing };
    let config = BrokerConfig::resolve(&layers)?;
    let disks = open_disks(&config.log_dirs).await?;
    let found = FoundMetadata::read(&disks[0]).await?;
    let image = found.image().clone();
    let config = with_configs_of_run_time(config, &server_config, &image);
    let (directories, logs) = open_directories(disks, &config, &server_config, &image).await?;
    let metadata = found.start(Settings { server: server_config.clone() }).await?;
    let (sockets, listeners) = bind(&config).await?;
    join(&metadata, &config, &directories, &listeners).await?;
    let (stop, stopping) = watch::channel(false);
    let (applied, applied_to) = watch::channel(0);
    let broker = Arc::new(Broker {
        node_id: config.node_id,
        limits: limits(&config),
        listeners: listeners.iter().map(|(listener, _)| listener.clone()).collect(),
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
    host_all(&broker, logs, image.cluster_id().is_some()).await;
    applied.send_replace(broker.metadata.image().end_offset());
    runtime::task::spawn("lifecycle", lifecycle::follow(broker.clone(), applied, stopping.clone()));
    watch_directories(&broker);
    runtime::task::spawn("checkpoints", checkpoint(broker.clone(), stopping.clone()));
    let mut addresses = Vec::new();
    for (index, socket) in sockets {
        addresses.push(socket.local_addr().map_or_else(|_| String::new(), |address| address.to_string()));
        runtime::task::spawn("listener", listener::accept(broker.clone(), socket, index, stopping.clone()));
    }
    Ok(RunningBroker { broker, addresses, stop })
}

impl RunningBroker {
    /// Stops taking requests, and leaves the directories as Kafka leaves them after a clean stop.
    ///
    /// # Errors
    /// The disk refused: the next start finds what a crash would leave.
    pub async fn stop(self) -> Result<(), StorageFault> {
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
        for (at, directory) in self.broker.directories.iter().enumerate() {
            directory.clone().close(logs.remove(&at).unwrap_or_default()).await?;
        }
        Ok(())
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

async fn open_directories(
    disks: Vec<Disk>,
    config: &BrokerConfig,
    server_config: &ServerConfig,
    image: &MetadataImage,
) -> Result<(Vec<LogDirectory>, FoundLogs), StartError> {
    let config_of = |topic_partition: &TopicPartition| {
        let topic = &*topic_partition.topic;
        let empty = Configs::new();
        let overrides = image.topic(topic).map_or(&empty, |topic| &*topic.configs);
        let resolved = lifecycle::topic_config(server_config, image, config.node_id, overrides);
        log_config(&resolved, is_internal_topic(topic))
    };
    let mut cluster_id = image.cluster_id().map(|id| id.to_string());
    let mut directories: Vec<LogDirectory> = Vec::new();
    let mut logs = FoundLogs::default();
    for (at, disk) in disks.into_iter().enumerate() {
        let options = directory_options(config, cluster_id.clone());
        let Opened { directory, logs: opened, clean } = LogDirectory::open(disk, options, &config_of).await?;
        cluster_id.get_or_insert_with(|| directory.cluster_id().to_owned());
        opened.into_iter().for_each(|log| logs.add(at, clean, log));
        directories.push(directory);
    }
    Ok((directories, logs))
}

fn directory_options(config: &BrokerConfig, cluster_id: Option<String>) -> DirectoryOptions {
    let mut options = DirectoryOptions { node_id: config.node_id, cluster_id, ..DirectoryOptions::default() };
    options.journal.file_bytes = config.journal_file_bytes;
    options.journal.max_bytes = config.journal_max_bytes;
    options.producer_id_expiration_ms = config.transactions.producer_id_expiration_ms;
    options
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

/// Founds the cluster if it is new, and registers this life of the broker in it.
async fn join(
    metadata: &Metadata,
    config: &BrokerConfig,
    directories: &[LogDirectory],
    listeners: &[(Listener, ConfigListener)],
) -> Result<(), StartError> {
    let refused = |why: String| StartError::Refused(why);
    let cluster_id = directories[0].cluster_id().to_owned();
    let founding = Request::Found(Founding::new(cluster_id.clone()));
    metadata.ask(founding).await.map_err(|error| refused(error.to_string()))?;
    let request = BrokerRegistrationRequest {
        broker_id: config.node_id,
        cluster_id: cluster_id.into(),
        incarnation_id: Uuid::from_random_bits(runtime::rand::u64(), runtime::rand::u64()),
        listeners: listeners.iter().map(|(listener, wanted)| registered(listener, wanted)).collect(),
        rack: config.rack.as_deref().map(Into::into),
        log_dirs: directories.iter().map(LogDirectory::directory_id).collect(),
        ..Default::default()
    };
    let epoch = match metadata.ask(Request::RegisterBroker(request)).await {
        Ok(Reply::RegisterBroker(answer)) if answer.error_code == 0 => answer.broker_epoch,
        other => return Err(refused(format!("{other:?}"))),
    };
    unfence(metadata, config.node_id, epoch).await.map_err(refused)
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

/// A node that is its own controller has caught up as soon as it is registered.
async fn unfence(metadata: &Metadata, broker_id: NodeId, broker_epoch: i64) -> Result<(), String> {
    let request = BrokerHeartbeatRequest {
        broker_id,
        broker_epoch,
        current_metadata_offset: metadata.image().end_offset(),
        want_fence: false,
        want_shut_down: false,
        ..Default::default()
    };
    match metadata.ask(Request::BrokerHeartbeat(request)).await {
        Ok(Reply::BrokerHeartbeat(answer)) if answer.error_code == 0 && !answer.is_fenced => Ok(()),
        other => Err(format!("{other:?}")),
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

/// Hosts what the metadata has.
async fn host_all(broker: &Arc<Broker>, mut logs: FoundLogs, metadata_is_ours: bool) {
    let image = broker.metadata.image();
    logs.set_strays_aside(&image, metadata_is_ours, &broker.directories).await;
    for topic in image.topics() {
        lifecycle::host(broker, &image, topic, &mut logs).await;
    }
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
