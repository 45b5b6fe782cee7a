//! The configs of a group: which there are, what they take, and which broker config each falls back to.

use crate::refusal::Refusal;
use model::ErrorCode;
use model::config::{ConfigType, Layers, Scope, Source, lookup};
use model::metadata_image::Configs;

/// One config that a group may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupKey {
    /// Such as `consumer.session.timeout.ms`.
    pub name: &'static str,
    /// What its values are.
    pub kind: ConfigType,
    /// The broker config that holds where the group sets nothing; none: `default`.
    pub broker_key: Option<&'static str>,
    /// The value where neither is set.
    pub default: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    valid: Valid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Valid {
    /// A number from the first broker config's value to the second's.
    Between(&'static str, &'static str),
    /// A number from 0 to the broker config's value.
    UpTo(&'static str),
    /// A number from 0 on.
    NotNegative,
    OneOf(&'static [&'static str]),
    /// `earliest`, `latest`, or `by_duration:` and an ISO 8601 duration.
    OffsetReset,
}

/// What a group's config is worth, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// The config.
    pub key: &'static GroupKey,
    /// Its value.
    pub value: String,
    /// DescribeConfigs' number of where it comes from; 8 for the group itself.
    pub source: i8,
}

/// DescribeConfigs' number for "set on the group".
pub const SOURCE_GROUP: i8 = 8;

const fn number(
    name: &'static str,
    broker_key: &'static str,
    default: &'static str,
    valid: Valid,
    doc: &'static str,
) -> GroupKey {
    GroupKey { name, kind: ConfigType::Int, broker_key: Some(broker_key), default, doc, valid }
}

/// Every config of a group, by name.
pub const KEYS: [GroupKey; 17] = [
    number(
        "consumer.assignment.interval.ms",
        "group.consumer.assignment.interval.ms",
        "1000",
        Valid::Between("group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"),
        "Assignments of a consumer group are computed once in this time at most.",
    ),
    number(
        "consumer.heartbeat.interval.ms",
        "group.consumer.heartbeat.interval.ms",
        "5000",
        Valid::Between("group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
        "How often members of a consumer group are asked to send heartbeats.",
    ),
    number(
        "consumer.session.timeout.ms",
        "group.consumer.session.timeout.ms",
        "45000",
        Valid::Between("group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
        "A member of a consumer group that is silent for this long is removed.",
    ),
    number(
        "share.assignment.interval.ms",
        "group.share.assignment.interval.ms",
        "1000",
        Valid::Between("group.share.min.assignment.interval.ms", "group.share.max.assignment.interval.ms"),
        "Assignments of a share group are computed once in this time at most.",
    ),
    GroupKey {
        name: "share.auto.offset.reset",
        kind: ConfigType::String,
        broker_key: None,
        default: "latest",
        doc: "Where a share group starts in a partition: earliest, latest, or by_duration:PnDTnHnMnS back from now.",
        valid: Valid::OffsetReset,
    },
    number(
        "share.delivery.count.limit",
        "group.share.delivery.count.limit",
        "5",
        Valid::Between("group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"),
        "How often a record is delivered to a share group before it is given up.",
    ),
    number(
        "share.heartbeat.interval.ms",
        "group.share.heartbeat.interval.ms",
        "5000",
        Valid::Between("group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"),
        "How often members of a share group are asked to send heartbeats.",
    ),
    GroupKey {
        name: "share.isolation.level",
        kind: ConfigType::String,
        broker_key: None,
        default: "read_uncommitted",
        doc: "Whether a share group reads records of transactions that are not committed.",
        valid: Valid::OneOf(&["read_committed", "read_uncommitted"]),
    },
    number(
        "share.partition.max.record.locks",
        "group.share.partition.max.record.locks",
        "2000",
        Valid::Between("group.share.min.partition.max.record.locks", "group.share.max.partition.max.record.locks"),
        "How many records of one partition a share group may have acquired at a time.",
    ),
    number(
        "share.record.lock.duration.ms",
        "group.share.record.lock.duration.ms",
        "30000",
        Valid::Between("group.share.min.record.lock.duration.ms", "group.share.max.record.lock.duration.ms"),
        "How long an acquired record stays with its member before it is delivered again.",
    ),
    GroupKey {
        name: "share.renew.acknowledge.enable",
        kind: ConfigType::Boolean,
        broker_key: None,
        default: "true",
        doc: "Whether members of a share group may prolong their hold on a record.",
        valid: Valid::OneOf(&["true", "false"]),
    },
    number(
        "share.session.timeout.ms",
        "group.share.session.timeout.ms",
        "45000",
        Valid::Between("group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"),
        "A member of a share group that is silent for this long is removed.",
    ),
    number(
        "streams.assignment.interval.ms",
        "group.streams.assignment.interval.ms",
        "1000",
        Valid::Between("group.streams.min.assignment.interval.ms", "group.streams.max.assignment.interval.ms"),
        "Assignments of a streams group are computed once in this time at most.",
    ),
    number(
        "streams.heartbeat.interval.ms",
        "group.streams.heartbeat.interval.ms",
        "5000",
        Valid::Between("group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"),
        "How often members of a streams group are asked to send heartbeats.",
    ),
    number(
        "streams.initial.rebalance.delay.ms",
        "group.streams.initial.rebalance.delay.ms",
        "3000",
        Valid::NotNegative,
        "How long the first assignment of an empty streams group waits for more members.",
    ),
    number(
        "streams.num.standby.replicas",
        "group.streams.num.standby.replicas",
        "0",
        Valid::UpTo("group.streams.max.standby.replicas"),
        "How many standby copies of a task's state a streams group keeps.",
    ),
    number(
        "streams.session.timeout.ms",
        "group.streams.session.timeout.ms",
        "45000",
        Valid::Between("group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"),
        "A member of a streams group that is silent for this long is removed.",
    ),
];

/// The config of that name.
pub fn key(name: &str) -> Option<&'static GroupKey> {
    const { &KEYS }.iter().find(|key| key.name == name)
}

/// Every config of a group that sets `overrides`, by name.
pub fn configs(layers: &Layers<'_>, overrides: &Configs) -> Vec<GroupConfig> {
    const { &KEYS }.iter().map(|key| config(layers, key, overrides)).collect()
}

/// One config of a group that sets `overrides`.
pub fn config(layers: &Layers<'_>, key: &'static GroupKey, overrides: &Configs) -> GroupConfig {
    if let Some(value) = overrides.get(key.name) {
        return GroupConfig { key, value: value.clone(), source: SOURCE_GROUP };
    }
    let of_broker = key.broker_key.and_then(|name| lookup(Scope::Broker, name)).map(|key| layers.broker_config(key));
    match of_broker.map(|resolved| (resolved.value, resolved.source)) {
        Some((Some(value), source)) => GroupConfig { key, value, source: source as i8 },
        _ => GroupConfig { key, value: key.default.to_owned(), source: Source::Default as i8 },
    }
}

/// Checks all that a group would set.
///
/// # Errors
/// `INVALID_CONFIG` for an unknown name, or a value that is not in the range that the broker's configs allow.
pub fn validate(layers: &Layers<'_>, configs: &Configs) -> Result<(), Refusal> {
    for (name, value) in configs {
        let invalid = |why: String| Refusal::new(ErrorCode::InvalidConfig, why);
        let key = key(name).ok_or_else(|| invalid(format!("unknown group config '{name}'")))?;
        check(layers, key, value.trim()).map_err(|why| invalid(format!("{name}={value}: {why}")))?;
    }
    let value = |name: &str| key(name).and_then(|key| config(layers, key, configs).value.parse::<i64>().ok());
    for kind in ["consumer", "share", "streams"] {
        let session = value(&format!("{kind}.session.timeout.ms"));
        let heartbeat = value(&format!("{kind}.heartbeat.interval.ms"));
        if session <= heartbeat {
            let message = format!("{kind}.session.timeout.ms must be above {kind}.heartbeat.interval.ms");
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
    }
    Ok(())
}

fn check(layers: &Layers<'_>, key: &GroupKey, value: &str) -> Result<(), String> {
    let bound = |name: &str| {
        let key = lookup(Scope::Broker, name);
        key.and_then(|key| layers.broker_config(key).value).and_then(|text| text.parse::<i32>().ok())
    };
    let (low, high) = match key.valid {
        Valid::Between(low, high) => (bound(low).unwrap_or(0), bound(high).unwrap_or(i32::MAX)),
        Valid::UpTo(high) => (0, bound(high).unwrap_or(i32::MAX)),
        Valid::NotNegative => (0, i32::MAX),
        Valid::OneOf(choices) if choices.contains(&value.to_ascii_lowercase().as_str()) => return Ok(()),
        Valid::OneOf(choices) => return Err(format!("use one of {}", choices.join(", "))),
        Valid::OffsetReset if is_offset_reset(value) => return Ok(()),
        Valid::OffsetReset => return Err("use earliest, latest, or by_duration: and a duration like P1DT2H".to_owned()),
    };
    match value.parse::<i32>() {
        Ok(number) if (low..=high).contains(&number) => Ok(()),
        _ => Err(format!("use a number from {low} to {high}")),
    }
}

fn is_offset_reset(value: &str) -> bool {
    match value.split_once(':') {
        None => value == "earliest" || value == "latest",
        Some(("by_duration", duration)) => is_duration(duration),
        Some(_) => false,
    }
}

/// Whether the text is an ISO 8601 duration of days, hours, minutes and seconds, such as `P1DT2H3M4.5S`.
fn is_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return false,
        Some((days, time)) => (days, time),
        None => (rest, ""),
    };
    !rest.is_empty() && has_units(days, "D") && has_units(time, "HMS")
}

/// Whether the text is numbers with these units, each at most once and in this order.
fn has_units(mut text: &str, mut units: &str) -> bool {
    while !text.is_empty() {
        let Some(at) = text.find(|c: char| c.is_ascii_alphabetic()) else { return false };
        let (number, unit) = (&text[..at], &text[at..=at]);
        let Some(place) = units.find(unit) else { return false };
        let is_number = if unit == "S" { number.parse::<f64>().is_ok() } else { number.parse::<u64>().is_ok() };
        if !is_number {
            return false;
        }
        units = &units[place + 1..];
        text = &text[at + 1..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::config::ServerConfig;

    fn with_server(properties: &str, check: impl Fn(&Layers<'_>)) {
        let mut server = ServerConfig::new();
        server.add_properties("server.properties", properties);
        let nothing = Configs::new();
        check(&Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing });
    }

    fn one(name: &str, value: &str) -> Configs {
        [(name.to_owned(), value.to_owned())].into()
    }

    #[test]
    fn every_fallback_is_a_broker_key_with_the_same_default() {
        for key in &KEYS {
            if let Some(name) = key.broker_key {
                let broker = lookup(Scope::Broker, name).unwrap_or_else(|| panic!("{name} is no broker key"));
                assert_eq!(broker.default, Some(key.default), "{name}");
            }
        }
    }

    #[test]
    fn a_group_falls_back_to_its_broker_and_then_to_the_default() {
        with_server("group.consumer.assignment.interval.ms=0", |layers| {
            let interval = config(layers, key("consumer.assignment.interval.ms").expect("a key"), &Configs::new());
            assert_eq!((interval.value.as_str(), interval.source), ("0", 4));
            let session = config(layers, key("consumer.session.timeout.ms").expect("a key"), &Configs::new());
            assert_eq!((session.value.as_str(), session.source), ("45000", 5));
            let set = one("consumer.heartbeat.interval.ms", "6000");
            let heartbeat = config(layers, key("consumer.heartbeat.interval.ms").expect("a key"), &set);
            assert_eq!((heartbeat.value.as_str(), heartbeat.source), ("6000", SOURCE_GROUP));
        });
    }

    #[test]
    fn values_stay_in_the_range_that_the_broker_gives() {
        with_server("", |layers| {
            assert_eq!(validate(layers, &one("consumer.session.timeout.ms", "60000")), Ok(()));
            for (name, value) in [
                ("consumer.session.timeout.ms", "1"),
                ("consumer.session.timeout.ms", "60001"),
                ("consumer.session.timeout.ms", "soon"),
                ("streams.num.standby.replicas", "3"),
                ("share.isolation.level", "serializable"),
                ("share.auto.offset.reset", "by_duration:soon"),
                ("no.such.config", "1"),
            ] {
                let refusal = validate(layers, &one(name, value)).expect_err(name);
                assert_eq!(refusal.error, ErrorCode::InvalidConfig);
            }
        });
    }

    #[test]
    fn durations_are_those_of_iso_8601() {
        for good in ["P1D", "PT1H", "P1DT2H3M4.5S", "pt90s", "P0D"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in ["", "P", "PT", "1D", "P1", "P1H", "PT1D", "PT2M1H", "P1DT", "P-1D"] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
