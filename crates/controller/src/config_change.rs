//! Changing configs: what a request may name, what it may set, and the records of the difference.

use crate::features::ELIGIBLE_LEADER_REPLICAS;
use crate::group_config;
use crate::machine::View;
use crate::records::{Record, Resource};
use crate::refusal::Refusal;
use crate::topic_name;
use model::ErrorCode;
use model::config::{validate_broker_configs, validate_topic_configs};
use model::metadata_image::{ConfigResource, Configs};
use std::collections::BTreeMap;

/// The name of the config that says how many replicas must have what is committed.
pub(crate) const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

fn invalid_request<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

/// The resource that a request names, whether it exists or not.
///
/// # Errors
/// `INVALID_REQUEST` for a kind whose configs cannot be changed, or a name that none of the kind can have.
pub(crate) fn resource(kind: i8, name: &str) -> Result<ConfigResource, Refusal> {
    match (kind, name) {
        (2, "") => invalid_request("a topic's name may not be empty"),
        (2, name) => match topic_name::check(name) {
            Ok(()) => Ok(ConfigResource::Topic(name.to_owned())),
            Err(why) => Err(Refusal::new(ErrorCode::InvalidTopicException, why)),
        },
        (4, "") => Ok(ConfigResource::AllBrokers),
        (4, name) => match name.parse() {
            Ok(id) => Ok(ConfigResource::Broker(id)),
            Err(_) => {
                invalid_request(format!("'{name}' is no broker: name one by its number, or all by the empty name"))
            }
        },
        (8, _) => invalid_request("log levels of a broker cannot be changed at run time"),
        (16, _) => invalid_request("client metrics are not served"),
        (32, "") => invalid_request("a group's name may not be empty"),
        (32, name) => Ok(ConfigResource::Group(name.to_owned())),
        (kind, _) => invalid_request(format!("there is no kind of resource with the number {kind}")),
    }
}

/// Refuses every resource that a request names more than once: the order of changes would be anyone's guess.
pub(crate) fn mentions<'a>(resources: impl Iterator<Item = (i8, &'a str)>) -> BTreeMap<(i8, String), usize> {
    let mut times = BTreeMap::new();
    for (kind, name) in resources {
        *times.entry((kind, name.to_owned())).or_default() += 1;
    }
    times
}

/// Refuses a config that is named twice for one resource, and a value that is null where there must be one.
pub(crate) fn check_names<'a>(configs: impl Iterator<Item = (&'a str, bool)>) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for (name, has_value) in configs {
        if seen.contains(&name) {
            return invalid_request(format!("the config {name} is named twice"));
        }
        if !has_value {
            return invalid_request(format!("the config {name} has no value; delete it to have its default"));
        }
        seen.push(name);
    }
    Ok(())
}

impl View<'_> {
    /// What is set on the resource now.
    pub(crate) fn present_configs(&self, resource: &ConfigResource) -> Configs {
        self.hard.configs(resource).map(|configs| Configs::clone(configs)).unwrap_or_default()
    }

    /// Makes `wanted` all that is set on the resource, or refuses all of it.
    pub(crate) fn set_configs(&mut self, resource: &ConfigResource, wanted: &Configs) -> Result<(), Refusal> {
        self.check_configs(resource, wanted)?;
        let record = self.config_resource(resource)?;
        let present = self.present_configs(resource);
        let dropped = present.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name, None));
        let changed = wanted
            .iter()
            .filter(|(name, value)| present.get(*name) != Some(value))
            .map(|(name, value)| (name, Some(value.clone())));
        for (name, value) in dropped.chain(changed) {
            self.records.push(Record::Config { resource: record.clone(), name: name.clone(), value });
        }
        self.changed_configs.insert(resource.clone(), wanted.clone());
        Ok(())
    }

    /// What a request has changed takes effect, or none of it when it only asks whether it could.
    pub(crate) fn finish_config_changes(&mut self, validate_only: bool, records_before: usize) {
        if validate_only {
            self.records.truncate(records_before);
            self.changed_configs.clear();
        } else if !self.changed_configs.is_empty() {
            self.settle_where_claims_depend_on_configs();
        }
    }

    /// With another minimum of the ISR, fewer claims may hold beside it; and an unclean election may be allowed now.
    /// Both must stand in the entry that changes the config: leaders act on it at once.
    pub(crate) fn settle_where_claims_depend_on_configs(&mut self) {
        let hard = self.hard;
        for topic in hard.topics() {
            for (number, partition) in topic.numbered_partitions() {
                if partition.leader.is_none() || !partition.eligible_leaders.is_empty() {
                    self.draft((topic.id, number));
                }
            }
        }
    }

    fn check_configs(&self, resource: &ConfigResource, wanted: &Configs) -> Result<(), Refusal> {
        match resource {
            ConfigResource::Topic(_) => Ok(validate_topic_configs(&self.settings.layers(self.hard), wanted)?),
            ConfigResource::Broker(_) | ConfigResource::AllBrokers => {
                validate_broker_configs(wanted)?;
                self.check_min_insync_replicas(resource, wanted)
            }
            ConfigResource::Group(_) => group_config::validate(&self.settings.layers(self.hard), wanted),
            ConfigResource::ClientMetrics(_) => invalid_request("client metrics are not served"),
        }
    }

    /// Who may lead outside the ISR depends on it, so no broker may see another value than the rest (KIP-966).
    fn check_min_insync_replicas(&self, resource: &ConfigResource, wanted: &Configs) -> Result<(), Refusal> {
        if self.hard.feature(ELIGIBLE_LEADER_REPLICAS) == 0 {
            return Ok(());
        }
        let present = self.hard.configs(resource).is_some_and(|configs| configs.contains_key(MIN_INSYNC_REPLICAS));
        let set = wanted.contains_key(MIN_INSYNC_REPLICAS);
        let why = match resource {
            ConfigResource::Broker(_) if set => "set it for all brokers, not for one",
            ConfigResource::AllBrokers if present && !set => "set it to another value instead of deleting it",
            _ => return Ok(()),
        };
        let message = format!("{MIN_INSYNC_REPLICAS} must be the same on all brokers: {why}");
        Err(Refusal::new(ErrorCode::InvalidConfig, message))
    }

    fn config_resource(&self, resource: &ConfigResource) -> Result<Resource, Refusal> {
        match resource {
            ConfigResource::Topic(name) => match self.hard.topic(name) {
                Some(topic) => Ok(Resource::Topic(topic.id.0)),
                None => Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, format!("there is no topic '{name}'"))),
            },
            ConfigResource::Broker(id) if self.hard.broker(*id).is_none() => {
                invalid_request(format!("no broker {id} is registered"))
            }
            ConfigResource::Broker(id) => Ok(Resource::Broker(*id)),
            ConfigResource::AllBrokers => Ok(Resource::AllBrokers),
            ConfigResource::Group(name) => Ok(Resource::Group(name.clone())),
            ConfigResource::ClientMetrics(name) => Ok(Resource::ClientMetrics(name.clone())),
        }
    }
}
