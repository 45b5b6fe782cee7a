//! What a server was given at start: a file, the environment, `--set`, and everything that is wrong with it.

use super::broker::{is_plugin_key, removed_from_kafka};
use super::environment::config_name_of_variable;
use super::key::{ConfigKey, Effect, Scope};
use super::properties::parse_properties;
use super::registry::{lookup, unknown_key};
use super::value::parse_value;
use std::collections::BTreeMap;
use std::fmt;

/// Where a setting was given. A later one wins over those before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The program's own choice, such as that of the development server.
    Program,
    /// A file, at a line.
    File {
        /// As it was named.
        path: String,
        /// From 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// `--set`.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Program => f.write_str("built in"),
            Origin::File { path, line } => write!(f, "{path} line {line}"),
            Origin::Environment(variable) => write!(f, "environment variable {variable}"),
            Origin::CommandLine => f.write_str("--set"),
        }
    }
}

/// One config that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value, as text that its key takes.
    pub value: String,
    /// Where it was given.
    pub origin: Origin,
}

/// Something given that is accepted and does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The config.
    pub name: String,
    /// Why it does nothing.
    pub why: String,
    /// Where it was given.
    pub origin: Origin,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no effect: {} ({})", self.name, self.why, self.origin)
    }
}

/// Everything that is wrong with what was given, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The static configs of a server. What is not here has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerConfig {
    settings: BTreeMap<&'static str, Setting>,
    notices: Vec<Notice>,
    problems: Vec<String>,
}

impl ServerConfig {
    /// Nothing but defaults.
    pub fn new() -> ServerConfig {
        ServerConfig::default()
    }

    /// Adds the text of a properties file; `path` is for messages.
    pub fn add_properties(&mut self, path: &str, text: &str) {
        match parse_properties(text) {
            Ok(properties) => {
                for property in properties {
                    let origin = Origin::File { path: path.to_owned(), line: property.line };
                    self.add(&property.key, &property.value, origin);
                }
            }
            Err(why) => self.problems.push(format!("{path} {why}")),
        }
    }

    /// Adds the configs among environment variables, whose names start with `KAFKA_` or `THALWEG_`.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (variable, value) in variables {
            if let Some(name) = config_name_of_variable(&variable) {
                self.add(&name, &value, Origin::Environment(variable));
            }
        }
    }

    /// Adds one `key=value` of the command line.
    pub fn add_assignment(&mut self, assignment: &str) {
        match assignment.split_once('=') {
            Some((name, value)) => self.add(name.trim(), value, Origin::CommandLine),
            None => self.problems.push(format!("--set {assignment}: no value; write --set {assignment}=VALUE")),
        }
    }

    /// Adds one config, over what was given before.
    pub fn add(&mut self, name: &str, value: &str, origin: Origin) {
        match lookup(Scope::Broker, name) {
            Some(key) => self.add_known(key, value, origin),
            None => match why_without_effect(name) {
                Some(why) => self.notices.push(Notice { name: name.to_owned(), why: why.to_owned(), origin }),
                None => self.problems.push(format!("{} ({origin})", unknown_key(Scope::Broker, name))),
            },
        }
    }

    fn add_known(&mut self, key: &'static ConfigKey, value: &str, origin: Origin) {
        if let Err(bad) = parse_value(key, value) {
            self.problems.push(format!("{bad} ({origin})"));
            return;
        }
        let is_default = key.default.unwrap_or("") == value.trim();
        match key.effect {
            Effect::Refused(why) if !is_default => self.problems.push(format!("{}: {why} ({origin})", key.name)),
            Effect::None(why) => self.notice(key.name, why.to_owned(), &origin),
            Effect::Later(what) if !is_default => self.notice(key.name, format!("not there yet: {what}"), &origin),
            _ => {}
        }
        self.settings.insert(key.name, Setting { value: value.to_owned(), origin });
    }

    fn notice(&mut self, name: &str, why: String, origin: &Origin) {
        self.notices.retain(|notice| notice.name != name);
        self.notices.push(Notice { name: name.to_owned(), why, origin: origin.clone() });
    }

    /// What was given for a key.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }

    /// Everything given that a key takes, in the order of names.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.settings.iter().map(|(name, setting)| (*name, setting))
    }

    /// What was given and does nothing: a line each at start.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether all that was given is right.
    ///
    /// # Errors
    /// Everything that is wrong: unknown names, bad values, and what would be a danger to ignore.
    pub fn check(&self) -> Result<(), Problems> {
        if self.problems.is_empty() { Ok(()) } else { Err(Problems(self.problems.clone())) }
    }
}

fn why_without_effect(name: &str) -> Option<&'static str> {
    removed_from_kafka(name).or_else(|| is_plugin_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: &ServerConfig) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
        let mut config = ServerConfig::new();
        config.add_properties("server.properties", "num.partitions=1\nlog.retention.hours=24\nbackground.threads=4\n");
        config.add_environment([
            ("KAFKA_NUM_PARTITIONS".to_owned(), "2".to_owned()),
            ("KAFKA_LOG_RETENTION_HOURS".to_owned(), "48".to_owned()),
            ("KAFKA_HEAP_OPTS".to_owned(), "-Xmx1G".to_owned()),
        ]);
        config.add_assignment("num.partitions=3");
        assert_eq!(config.check(), Ok(()));
        let given = |name: &str| config.get(name).map(|s| (s.value.as_str(), s.origin.to_string()));
        assert_eq!(given("num.partitions"), Some(("3", "--set".to_owned())));
        let variable = "environment variable KAFKA_LOG_RETENTION_HOURS".to_owned();
        assert_eq!(given("log.retention.hours"), Some(("48", variable)));
        assert_eq!(given("background.threads"), Some(("4", "server.properties line 3".to_owned())));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_where() {
        let mut config = ServerConfig::new();
        config.add_properties("a.properties", "\nlog.retension.hours=3\nnum.partitions=none\n");
        config.add_assignment("log.dirs");
        assert_eq!(
            problems(&config).lines().collect::<Vec<_>>(),
            [
                "unknown server config 'log.retension.hours'; did you mean log.retention.hours? (a.properties line 2)",
                "num.partitions=none: not a whole number; use a number from 1 on, such as 1 (a.properties line 3)",
                "--set log.dirs: no value; write --set log.dirs=VALUE",
            ]
        );
    }

    #[test]
    fn what_means_nothing_here_is_accepted_with_a_notice() {
        let mut config = ServerConfig::new();
        config.add_properties(
            "k.properties",
            "zookeeper.connect=z:2181\nnum.network.threads=8\nlistener.name.internal.ssl.keystore.location=/k\n",
        );
        config.add_assignment("num.network.threads=9");
        assert_eq!(config.check(), Ok(()));
        let notices: Vec<String> = config.notices().iter().map(Notice::to_string).collect();
        assert_eq!(notices.len(), 3);
        assert!(notices[0].starts_with("zookeeper.connect has no effect: "), "{}", notices[0]);
        assert!(notices[2].ends_with("(--set)"), "{}", notices[2]);
    }

    #[test]
    fn what_would_be_a_danger_to_ignore_is_refused_but_for_its_default() {
        let mut config = ServerConfig::new();
        config.add_assignment("authorizer.class.name=");
        assert_eq!(config.check(), Ok(()));
        config.add_assignment("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer");
        assert!(problems(&config).starts_with("authorizer.class.name: "), "{}", problems(&config));
    }
}
