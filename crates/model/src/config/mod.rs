//! Configuration: one registry of keys, which serves `server.properties`, `--set`, the environment, DescribeConfigs,
//! the checks of a topic's configs and the reference page.
//!
//! A key is data ([`ConfigKey`], in `broker/` and `topic.rs`). What was given at start is a [`ServerConfig`]; what a
//! config is worth at one moment, and where that comes from, is a [`Resolved`]; and what the code reads is a
//! [`BrokerConfig`] or a [`TopicConfig`], plain structs made of resolved values.

mod broker;
mod broker_config;
mod cluster_config;
mod environment;
mod key;
mod listeners;
mod properties;
mod reference;
mod registry;
mod resolve;
mod server;
mod topic;
mod topic_config;
mod validate;
mod value;

pub use broker_config::{BrokerConfig, CoordinatorTopic, GroupLimits, TransactionLimits};
pub use cluster_config::{ClusterConfig, QuorumVoter, ReplicationConfig};
pub use environment::config_name_of_variable;
pub use key::{ConfigKey, ConfigType, Effect, Scope, Synonym, Valid};
pub use listeners::{Listener, SecurityProtocol};
pub use properties::{Property, parse_properties};
pub use reference::reference_page;
pub use registry::{keys, listed_keys, lookup, suggest, unknown_key};
pub use resolve::{Layers, Resolved, Source, SynonymValue};
pub use server::{Notice, Origin, Problems, ServerConfig, Setting};
pub use topic_config::{CleanupPolicy, Compression, TimestampType, TopicConfig};
pub use validate::{InvalidConfig, validate_broker_configs, validate_topic_configs};
pub use value::{BadValue, Value, parse_value, values};
