//! The configs that groups depend on, as the broker that hosts the coordinator has them.

use crate::assignor::Assignor;
use model::config::{Layers, Scope, lookup};
use model::metadata_image::{ConfigResource, MetadataImage};
use std::sync::Arc;
use std::time::Duration;

/// Whether a group may change between the classic and the consumer protocol while it has members
/// (`group.consumer.migration.policy`, KIP-848).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Never.
    Disabled,
    /// Only from classic to consumer.
    Upgrade,
    /// Only from consumer to classic.
    Downgrade,
    /// Both ways.
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether a classic group may become a consumer group.
    pub fn may_upgrade(self) -> bool {
        matches!(self, MigrationPolicy::Upgrade | MigrationPolicy::Bidirectional)
    }

    /// Whether a consumer group may become a classic group.
    pub fn may_downgrade(self) -> bool {
        matches!(self, MigrationPolicy::Downgrade | MigrationPolicy::Bidirectional)
    }
}

/// The broker configs of groups and offsets, each under Kafka's name without its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.max.size`: members of one classic group.
    pub max_size: usize,
    /// Whether `group.coordinator.rebalance.protocols` has `consumer` (KIP-848).
    pub serves_consumer_protocol: bool,
    /// `group.consumer.assignors`: those that are served; the first is for members that name none.
    pub consumer_assignors: Arc<[Assignor]>,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval: Duration,
    /// `group.consumer.assignment.interval.ms`.
    pub consumer_assignment_interval: Duration,
    /// `group.consumer.max.size`.
    pub consumer_max_size: usize,
    /// `group.consumer.migration.policy`.
    pub consumer_migration_policy: MigrationPolicy,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub consumer_regex_refresh_interval: Duration,
    /// `offset.metadata.max.bytes`: compared with UTF-16 units, as Kafka does.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Duration,
}

impl Settings {
    /// The settings of a broker with these layers of configs.
    pub fn of(layers: &Layers<'_>) -> Settings {
        let text = |name: &str| text(layers, name);
        let number = |name: &str| text(name).trim().parse::<i64>().unwrap_or_default();
        let milliseconds = |name: &str| Duration::from_millis(u64::try_from(number(name)).unwrap_or(0));
        let int = |name: &str| i32::try_from(number(name)).unwrap_or(i32::MAX);
        let count = |name: &str| usize::try_from(number(name)).unwrap_or(0);
        let elements = |name: &str| {
            text(name).split(',').map(|element| element.trim().to_owned()).filter(|e| !e.is_empty()).collect::<Vec<_>>()
        };
        Settings {
            initial_rebalance_delay: milliseconds("group.initial.rebalance.delay.ms"),
            min_session_timeout_ms: int("group.min.session.timeout.ms"),
            max_session_timeout_ms: int("group.max.session.timeout.ms"),
            max_size: count("group.max.size"),
            serves_consumer_protocol: elements("group.coordinator.rebalance.protocols").iter().any(|p| p == "consumer"),
            consumer_assignors: assignors(&elements("group.consumer.assignors")),
            consumer_session_timeout: milliseconds("group.consumer.session.timeout.ms"),
            consumer_heartbeat_interval: milliseconds("group.consumer.heartbeat.interval.ms"),
            consumer_assignment_interval: milliseconds("group.consumer.assignment.interval.ms"),
            consumer_max_size: count("group.consumer.max.size"),
            consumer_migration_policy: migration_policy(&text("group.consumer.migration.policy")),
            consumer_regex_refresh_interval: milliseconds("group.consumer.regex.refresh.interval.ms"),
            offset_metadata_max_bytes: count("offset.metadata.max.bytes"),
            offsets_retention: Duration::from_secs(60) * u32::try_from(int("offsets.retention.minutes")).unwrap_or(0),
            offsets_retention_check_interval: milliseconds("offsets.retention.check.interval.ms"),
        }
    }

    /// How long a member of this group may be silent: the group's own config, else the broker's (KIP-848).
    pub fn consumer_session_timeout_of(&self, image: &MetadataImage, group: &str) -> Duration {
        of_group(image, group, "consumer.session.timeout.ms").unwrap_or(self.consumer_session_timeout)
    }

    /// How often members of this group are to send heartbeats.
    pub fn consumer_heartbeat_interval_of(&self, image: &MetadataImage, group: &str) -> Duration {
        of_group(image, group, "consumer.heartbeat.interval.ms").unwrap_or(self.consumer_heartbeat_interval)
    }

    /// The shortest time between two assignments of this group.
    pub fn consumer_assignment_interval_of(&self, image: &MetadataImage, group: &str) -> Duration {
        of_group(image, group, "consumer.assignment.interval.ms").unwrap_or(self.consumer_assignment_interval)
    }
}

fn text(layers: &Layers<'_>, name: &str) -> String {
    let key = lookup(Scope::Broker, name).unwrap_or_else(|| panic!("{name} is no broker key"));
    layers.broker_config(key).value.unwrap_or_default()
}

fn of_group(image: &MetadataImage, group: &str, name: &str) -> Option<Duration> {
    let configs = image.configs(&ConfigResource::Group(group.to_owned()))?;
    configs.get(name)?.trim().parse().ok().map(Duration::from_millis)
}

/// Names of Java classes and of assignors that are not there are left out.
fn assignors(names: &[String]) -> Arc<[Assignor]> {
    let known: Vec<Assignor> = names.iter().filter_map(|name| Assignor::named(name)).collect();
    if known.is_empty() { Arc::new([Assignor::Uniform, Assignor::Range]) } else { known.into() }
}

fn migration_policy(text: &str) -> MigrationPolicy {
    match text.to_ascii_uppercase().as_str() {
        "DISABLED" => MigrationPolicy::Disabled,
        "UPGRADE" => MigrationPolicy::Upgrade,
        "DOWNGRADE" => MigrationPolicy::Downgrade,
        _ => MigrationPolicy::Bidirectional,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::config::ServerConfig;
    use model::metadata_image::Configs;

    fn settings(properties: &str) -> Settings {
        let mut server = ServerConfig::new();
        server.add_properties("server.properties", properties);
        let nothing = Configs::new();
        Settings::of(&Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing })
    }

    #[test]
    fn what_nobody_sets_is_as_in_kafka() {
        let settings = settings("");
        assert_eq!(settings.initial_rebalance_delay, Duration::from_secs(3));
        assert_eq!((settings.min_session_timeout_ms, settings.max_session_timeout_ms), (6000, 1_800_000));
        assert_eq!(settings.max_size, i32::MAX as usize);
        assert_eq!(*settings.consumer_assignors, [Assignor::Uniform, Assignor::Range]);
        assert_eq!(settings.consumer_migration_policy, MigrationPolicy::Bidirectional);
        assert_eq!(settings.offsets_retention, Duration::from_secs(7 * 24 * 3600));
        assert!(settings.serves_consumer_protocol);
    }

    #[test]
    fn what_is_set_holds() {
        let settings = settings(
            "group.consumer.assignors=range\ngroup.consumer.migration.policy=upgrade\ngroup.max.size=3\n\
             group.coordinator.rebalance.protocols=classic",
        );
        assert_eq!(*settings.consumer_assignors, [Assignor::Range]);
        assert!(settings.consumer_migration_policy.may_upgrade());
        assert!(!settings.consumer_migration_policy.may_downgrade());
        assert_eq!(settings.max_size, 3);
        assert!(!settings.serves_consumer_protocol);
    }

    #[test]
    fn a_group_may_have_timeouts_of_its_own() {
        let settings = settings("");
        let mut image = MetadataImage::default();
        image.set_config(&ConfigResource::Group("g".into()), "consumer.session.timeout.ms", Some("50000"));
        assert_eq!(settings.consumer_session_timeout_of(&image, "g"), Duration::from_secs(50));
        assert_eq!(settings.consumer_session_timeout_of(&image, "h"), Duration::from_secs(45));
        assert_eq!(settings.consumer_heartbeat_interval_of(&image, "g"), Duration::from_secs(5));
    }
}
