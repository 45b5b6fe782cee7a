//! What the metadata log holds. The bytes of every struct and variant here are frozen: a field is never added, moved
//! or taken away, a new variant goes to the end. What must change gets a new variant; old logs stay readable for ever.
//! A whole resource is written rather than a difference where that is small, so that folding needs no arithmetic.

use model::{LeaderEpoch, NodeId, Offset, PartitionId, ProducerId};
use serde::{Deserialize, Serialize};

/// The level of this format; the first record of a log names the level its founder wrote.
pub const RECORD_LEVEL: u16 = 1;

/// One change of the cluster's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The cluster exists from here on. The first record of every log.
    Founded {
        /// The cluster's id, as text.
        cluster_id: String,
        /// [`RECORD_LEVEL`] of the founder.
        record_level: u16,
    },
    /// A feature has this level now; 0 takes it off.
    FeatureLevel {
        /// Such as `transaction.version`.
        name: String,
        /// From 0.
        level: i16,
    },
    /// A broker is there, in this life. When its incarnation is a new one, the leader epoch of every partition it
    /// leads rises by one: that follows from this record and needs no other.
    BrokerRegistered(BrokerRegistered),
    /// A broker may lead, or may not.
    BrokerFenced {
        /// Which.
        id: NodeId,
        /// The life that is meant; another one is left alone.
        epoch: Offset,
        /// It may not lead.
        fenced: bool,
        /// It asked for its leadership to be moved before it stops.
        in_controlled_shutdown: bool,
    },
    /// A broker is gone for good.
    BrokerUnregistered {
        /// Which.
        id: NodeId,
    },
    /// A topic without partitions yet.
    TopicCreated {
        /// Its name.
        name: String,
        /// Its id.
        topic_id: Id,
    },
    /// A partition is like this now: the next one of its topic, or one that is there.
    Partition(Partition),
    /// A topic is gone, with its partitions and configs.
    TopicDeleted {
        /// Which.
        topic_id: Id,
    },
    /// A config has this value now, or its default again.
    Config {
        /// On what.
        resource: Resource,
        /// Which.
        name: String,
        /// None returns it to its default.
        value: Option<String>,
    },
    /// Producer ids below `next` are given out.
    ProducerIds {
        /// Who asked.
        broker: NodeId,
        /// The first one that is free.
        next: ProducerId,
    },
}

/// The bytes of a [`model::Uuid`].
pub type Id = [u8; 16];

/// A broker's registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerRegistered {
    /// Its `node.id`.
    pub id: NodeId,
    /// None: the offset of this record. A snapshot names the one it had.
    pub epoch: Option<Offset>,
    /// Drawn anew at every start.
    pub incarnation: Id,
    /// Where it listens, the first first.
    pub endpoints: Vec<ListenerEndpoint>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Its log directories.
    pub directories: Vec<Id>,
    /// It may not lead yet.
    pub fenced: bool,
    /// It asked for its leadership to be moved before it stops.
    pub in_controlled_shutdown: bool,
}

/// One listener of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerEndpoint {
    /// Its name.
    pub listener: String,
    /// What clients connect to.
    pub host: String,
    /// The port beside it.
    pub port: u16,
    /// Kafka's number of it.
    pub security_protocol: i16,
}

/// The whole state of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its topic.
    pub topic_id: Id,
    /// Its number.
    pub partition: PartitionId,
    /// Who holds it.
    pub replicas: Vec<NodeId>,
    /// The log directory of each replica.
    pub directories: Vec<Id>,
    /// Who has all that is committed.
    pub isr: Vec<NodeId>,
    /// Eligible leaders outside the ISR (KIP-966).
    pub eligible_leaders: Vec<NodeId>,
    /// The last eligible leaders known (KIP-966).
    pub last_known_eligible_leaders: Vec<NodeId>,
    /// Replicas that are being added.
    pub adding: Vec<NodeId>,
    /// Replicas that are being taken away.
    pub removing: Vec<NodeId>,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Rises with the leader.
    pub leader_epoch: LeaderEpoch,
    /// Rises with every change.
    pub partition_epoch: i32,
}

/// What a config is set on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A topic by id, so that a late change never reaches a later topic of the same name.
    Topic(Id),
    /// One broker.
    Broker(NodeId),
    /// All brokers.
    AllBrokers,
    /// A group.
    Group(String),
    /// A subscription to client metrics.
    ClientMetrics(String),
}
