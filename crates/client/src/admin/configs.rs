//! Reading and changing configs of topics and brokers.

use super::Admin;
use crate::connection::Connection;
use crate::error::{ClientError, Result, check};
use crate::retries::Call;
use model::ErrorCode;
use protocol::messages::describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult};
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use std::fmt;

/// What has configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum ResourceKind {
    /// A topic, by name.
    Topic = 2,
    /// A broker, by number; the empty name is the default of all brokers.
    Broker = 4,
    /// A broker's loggers, by its number.
    BrokerLogger = 8,
    /// A client that sends metrics, by subscription.
    ClientMetrics = 16,
    /// A group, by name.
    Group = 32,
}

/// One thing that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// Which one.
    pub name: String,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: impl Into<String>) -> ConfigResource {
        ConfigResource { kind: ResourceKind::Topic, name: name.into() }
    }

    /// A broker.
    pub fn broker(node: model::NodeId) -> ConfigResource {
        ConfigResource { kind: ResourceKind::Broker, name: node.to_string() }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ResourceKind::Topic => "topic",
            ResourceKind::Broker => "broker",
            ResourceKind::BrokerLogger => "loggers of broker",
            ResourceKind::ClientMetrics => "client metrics",
            ResourceKind::Group => "group",
        };
        if self.name.is_empty() { write!(f, "all {kind}s") } else { write!(f, "{kind} {}", self.name) }
    }
}

/// A config as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its key.
    pub name: String,
    /// Its value; none for secrets.
    pub value: Option<String>,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Where the value comes from, by Kafka's number: 1 topic, 2 broker, 3 default of all brokers, 4 file, 5 default.
    pub source: i8,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// What else sets it, the strongest first, when asked for.
    pub synonyms: Vec<ConfigSynonym>,
    /// Its type by Kafka's number; 0 from an old broker.
    pub config_type: i8,
    /// What it is for, when asked for.
    pub documentation: Option<String>,
}

/// A place that sets a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key there.
    pub name: String,
    /// The value there.
    pub value: Option<String>,
    /// Which place, by the same numbers.
    pub source: i8,
}

/// A change of one config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key.
    pub name: String,
    /// What to do.
    pub operation: ConfigOperation,
}

/// What to do with a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Set it.
    Set(String),
    /// Let the default hold.
    Delete,
    /// Add to a list.
    Append(String),
    /// Take from a list.
    Subtract(String),
}

impl ConfigChange {
    /// Sets `name` to `value`.
    pub fn set(name: impl Into<String>, value: impl Into<String>) -> ConfigChange {
        ConfigChange { name: name.into(), operation: ConfigOperation::Set(value.into()) }
    }

    /// Lets the default of `name` hold.
    pub fn delete(name: impl Into<String>) -> ConfigChange {
        ConfigChange { name: name.into(), operation: ConfigOperation::Delete }
    }

    fn to_wire(&self) -> AlterableConfig {
        let (config_operation, value) = match &self.operation {
            ConfigOperation::Set(value) => (0, Some(value)),
            ConfigOperation::Delete => (1, None),
            ConfigOperation::Append(value) => (2, Some(value)),
            ConfigOperation::Subtract(value) => (3, Some(value)),
        };
        let value = value.map(|value| value.as_str().into());
        AlterableConfig { name: self.name.as_str().into(), config_operation, value, ..Default::default() }
    }
}

impl Admin {
    /// The configs of `resource`: those of `keys`, or all; with synonyms and documentation if `in_full`.
    ///
    /// # Errors
    /// No broker answered, or there is no such thing.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        keys: Option<&[&str]>,
        in_full: bool,
    ) -> Result<Vec<ConfigEntry>> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.kind as i8,
                resource_name: resource.name.as_str().into(),
                configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
                ..Default::default()
            }],
            include_synonyms: in_full,
            include_documentation: in_full,
            ..Default::default()
        };
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async {
                let connection = self.owner(resource).await?;
                // Versions below 3 have no documentation to ask for.
                let version = connection.version_of::<DescribeConfigsRequest>(i16::MAX)?;
                let include_documentation = in_full && version >= 3;
                let request = DescribeConfigsRequest { include_documentation, ..request.clone() };
                let answer = connection.start(&request, version)?.wait().await?;
                let what = || format!("describing configs of {resource}");
                let result = answer.results.into_iter().next().ok_or_else(|| left_out(what()))?;
                check(what, result.error_code, result.error_message.as_deref())?;
                Ok(result.configs.iter().map(entry).collect())
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Changes some configs of `resource` and leaves the others, all or nothing; or only checks whether it could be done
    /// (KIP-339). Not sent again once it may have been done.
    ///
    /// # Errors
    /// No broker answered, there is no such thing, or a change is refused.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<()> {
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.kind as i8,
                resource_name: resource.name.as_str().into(),
                configs: changes.iter().map(ConfigChange::to_wire).collect(),
                ..Default::default()
            }],
            validate_only,
            ..Default::default()
        };
        let mut retries = self.cluster.retries(Call::Once);
        loop {
            let attempt = async {
                let answer = self.owner(resource).await?.call(&request).await?;
                let what = || format!("changing configs of {resource}");
                let result = answer.responses.into_iter().next().ok_or_else(|| left_out(what()))?;
                self.learn(check(what, result.error_code, result.error_message.as_deref())).await
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// The broker to ask: a broker knows best about itself, for all else any will do.
    async fn owner(&self, resource: &ConfigResource) -> Result<Connection> {
        let own = matches!(resource.kind, ResourceKind::Broker | ResourceKind::BrokerLogger);
        match resource.name.parse() {
            Ok(node) if own => self.broker(node).await,
            _ => self.cluster.controller().await,
        }
    }
}

fn left_out(what: String) -> ClientError {
    ClientError::refused(what, ErrorCode::UnknownServerError, Some("the answer leaves it out"))
}

fn entry(config: &DescribeConfigsResourceResult) -> ConfigEntry {
    let synonyms = config.synonyms.iter().map(|synonym| ConfigSynonym {
        name: synonym.name.to_string(),
        value: synonym.value.as_deref().map(str::to_owned),
        source: synonym.source,
    });
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.as_deref().map(str::to_owned),
        read_only: config.read_only,
        source: config.config_source,
        is_sensitive: config.is_sensitive,
        synonyms: synonyms.collect(),
        config_type: config.config_type,
        documentation: config.documentation.as_deref().map(str::to_owned),
    }
}
