//! Whether configs may be set: on a topic when it is made or altered, on a broker at run time.

use super::key::{ConfigKey, Effect, Scope};
use super::registry::{lookup, unknown_key};
use super::resolve::Layers;
use super::topic_config::TopicConfig;
use super::value::parse_value;
use crate::ErrorCode;
use crate::metadata_image::Configs;
use std::fmt;

/// Why configs were refused. On the wire: `INVALID_CONFIG`, but `INVALID_REQUEST` for what a broker cannot be given at run
/// time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// The error on the wire.
    pub code: ErrorCode,
    /// A sentence: what, why, and how to fix it.
    pub message: String,
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidConfig {}

fn invalid(message: impl Into<String>) -> InvalidConfig {
    InvalidConfig { code: ErrorCode::InvalidConfig, message: message.into() }
}

/// Checks the whole set of configs that a topic would have, on a broker of these layers.
///
/// # Errors
/// `INVALID_CONFIG` for an unknown name, a bad value, values that contradict each other, and what would be a danger
/// to ignore.
pub fn validate_topic_configs(layers: &Layers<'_>, configs: &Configs) -> Result<(), InvalidConfig> {
    for (name, value) in configs {
        let key = lookup(Scope::Topic, name).ok_or_else(|| invalid(unknown_key(Scope::Topic, name)))?;
        check_one(key, value)?;
    }
    let config = TopicConfig::resolve(layers, configs);
    if config.min_compaction_lag_ms > config.max_compaction_lag_ms {
        return Err(invalid(format!(
            "min.compaction.lag.ms={} is above max.compaction.lag.ms={}; lower the first or raise the second",
            config.min_compaction_lag_ms, config.max_compaction_lag_ms
        )));
    }
    Ok(())
}

/// Checks the configs that a broker, or all of them, would be given at run time.
///
/// # Errors
/// `INVALID_CONFIG` for an unknown name; `INVALID_REQUEST`, unlike for topics, for a bad value (KAFKA-13609) and for a key
/// that is read only at start.
pub fn validate_broker_configs(configs: &Configs) -> Result<(), InvalidConfig> {
    for (name, value) in configs {
        let key = lookup(Scope::Broker, name).ok_or_else(|| invalid(unknown_key(Scope::Broker, name)))?;
        if !key.dynamic {
            let message =
                format!("{name} cannot change while the server runs; set it in server.properties and restart");
            return Err(InvalidConfig { code: ErrorCode::InvalidRequest, message });
        }
        check_one(key, value).map_err(|bad| InvalidConfig { code: ErrorCode::InvalidRequest, ..bad })?;
    }
    Ok(())
}

fn check_one(key: &ConfigKey, value: &str) -> Result<(), InvalidConfig> {
    parse_value(key, value).map_err(|bad| invalid(bad.to_string()))?;
    match key.effect {
        Effect::Refused(why) if key.default.unwrap_or("") != value.trim() => {
            Err(invalid(format!("{}: {why}", key.name)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;

    fn configs(pairs: &[(&str, &str)]) -> Configs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn topic(pairs: &[(&str, &str)]) -> Result<(), InvalidConfig> {
        let (server, nothing) = (ServerConfig::new(), Configs::new());
        let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
        validate_topic_configs(&layers, &configs(pairs))
    }

    #[test]
    fn what_kafka_takes_is_taken() {
        assert_eq!(topic(&[]), Ok(()));
        assert_eq!(topic(&[("cleanup.policy", "compact,delete"), ("retention.ms", "-1"), ("segment.ms", "1")]), Ok(()));
        assert_eq!(topic(&[("cleanup.policy", "")]), Ok(()));
        assert_eq!(topic(&[("remote.storage.enable", "false")]), Ok(()));
    }

    #[test]
    fn what_kafka_refuses_is_refused_with_invalid_config() {
        for (name, value) in [
            ("no.such.config", "1"),
            ("retention.ms", "never"),
            ("retention.ms", "-2"),
            ("segment.bytes", "1048575"),
            ("cleanup.policy", "squeeze"),
            ("max.message.bytes", "-1"),
            ("min.insync.replicas", "0"),
            ("remote.storage.enable", "true"),
        ] {
            let refusal = topic(&[(name, value)]).expect_err(name);
            assert_eq!(refusal.code, ErrorCode::InvalidConfig);
            assert!(refusal.message.contains(name), "{refusal}");
        }
    }

    #[test]
    fn values_that_contradict_each_other_are_refused() {
        let refusal = topic(&[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]).unwrap_err();
        assert!(refusal.message.contains("above max.compaction.lag.ms=5"), "{refusal}");
    }

    #[test]
    fn a_read_only_key_is_refused_with_invalid_request() {
        assert_eq!(validate_broker_configs(&configs(&[("log.cleaner.backoff.ms", "100")])), Ok(()));
        let refusal = validate_broker_configs(&configs(&[("process.roles", "broker")])).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        assert_eq!(validate_broker_configs(&configs(&[("nope", "1")])).unwrap_err().code, ErrorCode::InvalidConfig);
    }

    #[test]
    fn a_bad_value_for_a_broker_is_refused_with_invalid_request_unlike_one_for_a_topic() {
        for (name, value) in [("log.retention.ms", "soon"), ("leader.replication.throttled.rate", "-1")] {
            let refusal = validate_broker_configs(&configs(&[(name, value)])).expect_err(name);
            assert_eq!(refusal.code, ErrorCode::InvalidRequest);
            assert!(refusal.message.contains(name), "{refusal}");
        }
    }

    /// `kafka-reassign-partitions --throttle` could not set them, and gave up.
    #[test]
    fn the_rates_of_throttled_replication_can_be_set_at_run_time() {
        for name in [
            "leader.replication.throttled.rate",
            "follower.replication.throttled.rate",
            "replica.alter.log.dirs.io.max.bytes.per.second",
        ] {
            assert_eq!(validate_broker_configs(&configs(&[(name, "1000000")])), Ok(()));
        }
    }
}
