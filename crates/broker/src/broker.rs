//! What all requests of one broker share.

use crate::fetch_session::Sessions;
use crate::groups::{Comparison, Groups};
use crate::lifecycle::layers;
use crate::membership::Heard;
use crate::metadata::Metadata;
use crate::network::connection_limits::ConnectionLimits;
use crate::network::request_memory::RequestMemory;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::repair::Repairs;
use crate::replication::{Fetchers, IsrChanges};
use model::config::{BrokerConfig, ServerConfig};
use model::metadata_image::MetadataImage;
use model::{NodeId, PartitionId, Uuid, mark};
use runtime::sync::watch;
use runtime::time::{Duration, Instant, timeout};
use std::sync::{Arc, Mutex};
use storage::LogDirectory;

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    /// `node.id`.
    pub node_id: NodeId,
    /// The epoch of this life's registration; -1 on a node that is no broker.
    pub epoch: model::Offset,
    /// The static configuration, as typed values.
    pub config: BrokerConfig,
    /// The static configuration with the origin of each value, for DescribeConfigs.
    pub server_config: ServerConfig,
    /// The listeners in the order of `listeners`, with what clients are told to connect to.
    pub listeners: Vec<Listener>,
    /// Bounds of the network side.
    pub limits: Limits,
    /// The cluster's metadata and the way to change it.
    pub metadata: Metadata,
    /// The partitions hosted here.
    pub partitions: Partitions,
    /// The log directories, in the order of `log.dirs`.
    pub directories: Vec<LogDirectory>,
    /// How far the hosted partitions follow the metadata.
    pub applied: watch::Receiver<model::Offset>,
    /// The same metadata; its requests do not wait behind others.
    pub(crate) heartbeats: Metadata,
    /// What monotonic time counts from.
    pub(crate) started: Instant,
    pub(crate) isr_changes: IsrChanges,
    pub(crate) fetchers: Fetchers,
    pub(crate) repairs: Repairs,
    pub(crate) groups: Groups,
    pub(crate) heard: Heard,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) request_memory: RequestMemory,
    pub(crate) connections: ConnectionLimits,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, such as `PLAINTEXT`.
    pub name: Arc<str>,
    /// The host that clients are told to connect to.
    pub advertised_host: Arc<str>,
    /// The port beside it.
    pub advertised_port: u16,
}

/// Bounds of the network side, in bytes and counts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `socket.request.max.bytes`.
    pub request_max_bytes: usize,
    /// `connections.max.idle.ms`; none for ever.
    pub max_idle: Option<Duration>,
}

impl Broker {
    /// The places of the log directories, the one with the fewest partitions first.
    pub(crate) fn directories_by_load(&self) -> Vec<usize> {
        let mut load = vec![0usize; self.directories.len()];
        if load.len() > 1 {
            for topic in self.partitions.topics() {
                for partition in topic.online() {
                    load[partition.directory] += 1;
                }
            }
        }
        let mut places: Vec<usize> = (0..load.len()).collect();
        places.sort_by_key(|at| load[*at]);
        places
    }

    /// Follows configs that were set at run time, those that are not of topics.
    pub(crate) fn reconfigure(&self, image: &MetadataImage) {
        match BrokerConfig::resolve(&layers(&self.server_config, image, self.node_id)) {
            Ok(config) => self.connections.set(&config),
            Err(problems) => tracing::warn!("configs set at run time do not fit, so the old ones hold on: {problems}"),
        }
    }

    /// How long ago the last heartbeat was sent that the controller took, and what it had decided by then followed here.
    pub fn last_heard(&self) -> Duration {
        self.heard.age(self.started.elapsed())
    }

    /// Has each group coordinator on this node compare itself with its log. For tests.
    pub async fn replay_check(&self) -> Vec<(PartitionId, Comparison)> {
        let mut found = Vec::new();
        for partition in self.groups.hosted() {
            found.push((partition, self.groups.replay_check(partition).await));
        }
        found
    }

    /// Waits for one of `topics`, by name and id, that the metadata has but that is not set up here yet: a client that
    /// heard of it from another broker a moment ago is not sent away. At most half a second.
    pub(crate) async fn wait_for_new<'a>(&self, mut topics: impl Iterator<Item = (&'a str, Uuid)>) {
        const PATIENCE: Duration = Duration::from_millis(500);
        let image = self.metadata.image();
        if *self.applied.borrow() >= image.end_offset() {
            return;
        }
        let is_new = |(name, id): (&str, Uuid)| match id.is_zero() {
            true => image.topic(name).is_some() && self.partitions.topic(name).is_none(),
            false => image.topic_by_id(id).is_some() && self.partitions.topic_by_id(id).is_none(),
        };
        if topics.any(is_new) {
            mark!("a request waits for its topic to be set up");
            let _ = timeout(PATIENCE, self.wait_until_applied(image.end_offset())).await; // then it is told so
        }
    }

    /// Waits until the hosted partitions follow the metadata up to `end_offset`, at most until the broker stops.
    pub async fn wait_until_applied(&self, end_offset: model::Offset) {
        let mut applied = self.applied.clone();
        let _ = applied.wait_for(|offset| *offset >= end_offset).await; // an error means that the broker stops
    }
}
