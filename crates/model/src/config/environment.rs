//! Configs in the environment: `KAFKA_LOG_RETENTION_HOURS=24` means `log.retention.hours=24`, as in Kafka's images.

use super::key::Scope;
use super::registry::lookup;

/// Variables that start with `KAFKA_` and are no configs: they belong to Kafka's start scripts and images.
const NOT_CONFIGS: &[&str] = &[
    "KAFKA_CLUSTER_ID",
    "KAFKA_DEBUG",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_CMD_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_MODE",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_USER",
    "KAFKA_VERSION",
    "SCALA_VERSION",
];

/// The config that an environment variable names; none when it is no config of ours.
///
/// `KAFKA_` goes (our own keys keep their `thalweg.`, and other variables of that prefix are none of ours); then `___`
/// is `-`, `__` is `_`, and `_` is `.`. Nothing is ambiguous this way: no key has an `_` or two dots in a row,
/// and the `-` occurs in SASL mechanisms only.
pub fn config_name_of_variable(variable: &str) -> Option<String> {
    if NOT_CONFIGS.contains(&variable) {
        return None;
    }
    let rest = match variable.strip_prefix("KAFKA_") {
        Some(rest) => rest,
        None if variable.starts_with("THALWEG_") => variable,
        None => return None,
    };
    if rest.is_empty() {
        return None;
    }
    let mut name = String::with_capacity(rest.len());
    let mut underscores = 0;
    for c in rest.chars() {
        if c == '_' {
            underscores += 1;
            continue;
        }
        push_underscores(&mut name, underscores);
        underscores = 0;
        name.push(c.to_ascii_lowercase());
    }
    push_underscores(&mut name, underscores);
    // A variable of ours that is no key may belong to a script of the user's.
    let is_ours = name.starts_with("thalweg.");
    (!is_ours || lookup(Scope::Broker, &name).is_some()).then_some(name)
}

fn push_underscores(name: &mut String, count: usize) {
    for _ in 0..count / 3 {
        name.push('-');
    }
    match count % 3 {
        1 => name.push('.'),
        2 => name.push('_'),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Scope, keys, lookup};

    #[test]
    fn every_key_can_be_given_by_the_environment() {
        for key in keys(Scope::Broker) {
            let upper = key.name.to_ascii_uppercase().replace('.', "_");
            let variable = if key.is_our_own() { upper } else { format!("KAFKA_{upper}") };
            assert_eq!(config_name_of_variable(&variable).as_deref(), Some(key.name));
        }
    }

    #[test]
    fn underscores_count() {
        assert_eq!(config_name_of_variable("KAFKA_LOG_RETENTION_HOURS").as_deref(), Some("log.retention.hours"));
        assert_eq!(
            config_name_of_variable("KAFKA_LISTENER_NAME_SASL__SSL_SCRAM___SHA___256_SASL_JAAS_CONFIG").as_deref(),
            Some("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config")
        );
    }

    #[test]
    fn what_belongs_to_start_scripts_and_to_others_is_no_config() {
        for variable in ["KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_HOME", "PATH", "KAFKA_", "KAFKAESQUE", "THALWEG_LOG"] {
            assert_eq!(config_name_of_variable(variable), None, "{variable}");
        }
        for variable in NOT_CONFIGS {
            let name = variable.trim_start_matches("KAFKA_").to_ascii_lowercase().replace('_', ".");
            assert_eq!(lookup(Scope::Broker, &name), None, "{variable} is ignored and must be no key");
        }
    }
}
