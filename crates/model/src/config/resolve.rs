//! What a config is worth now, and where that comes from.

use super::key::{ConfigKey, Scope, Synonym, same};
use super::server::ServerConfig;
use super::value::{Value, parse_value};
use super::{keys, listed_keys, lookup};
use crate::metadata_image::Configs;

/// Where a value comes from, with the number DescribeConfigs gives it. The first that has a value wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum Source {
    /// Set on the topic.
    Topic = 1,
    /// Set on this broker at run time.
    DynamicBroker = 2,
    /// Set on all brokers at run time.
    DynamicDefaultBroker = 3,
    /// Given at start: file, environment or command line.
    StaticBroker = 4,
    /// Nobody set it.
    Default = 5,
}

/// What was set on a broker, layer by layer.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// Given at start.
    pub server: &'a ServerConfig,
    /// Set on this broker at run time.
    pub dynamic_broker: &'a Configs,
    /// Set on all brokers at run time.
    pub dynamic_default: &'a Configs,
}

/// One of the values that a config would take, for DescribeConfigs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynonymValue {
    /// The key it is set on.
    pub name: &'static str,
    /// The value, in the unit of that key; none when it is a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// What a config is worth, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The config.
    pub key: &'static ConfigKey,
    /// Its value as text in the form DescribeConfigs shows; none when it has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// All values in the order of preference, the first being the one in force.
    pub synonyms: Vec<SynonymValue>,
}

impl Resolved {
    /// The value to show: none for secrets.
    pub fn shown(&self) -> Option<&str> {
        if self.key.is_sensitive() { None } else { self.value.as_deref() }
    }
}

impl<'a> Layers<'a> {
    /// Every listed config of a topic, in the order of names.
    pub fn topic_configs(&self, overrides: &Configs) -> Vec<Resolved> {
        listed_keys(Scope::Topic).map(|key| self.topic_config(key, overrides)).collect()
    }

    /// One config of a topic.
    pub fn topic_config(&self, key: &'static ConfigKey, overrides: &Configs) -> Resolved {
        let mut chain = self.chain(key.synonyms);
        let of_broker = chain.first().map(|link| in_unit_of_topic(&link.value, link.scale));
        drop_defaults_of_other_names(&mut chain, key.synonyms.first().map(|synonym| synonym.name));
        let value = match overrides.get(key.name) {
            Some(text) => {
                let value = shown_form(key, text);
                chain.insert(0, Link { name: key.name, scale: 1, value: value.clone(), source: Source::Topic });
                Some(value)
            }
            None => of_broker.or_else(|| key.default.map(str::to_owned)),
        };
        resolved(key, value, chain)
    }

    /// Every listed config of this broker, in the order of names. A hidden one shows while it is set at run time: what
    /// somebody has set he must be able to find.
    pub fn broker_configs(&self) -> Vec<Resolved> {
        let is_set = |name: &str| self.dynamic_broker.contains_key(name) || self.dynamic_default.contains_key(name);
        let shown = keys(Scope::Broker).filter(|key| !key.hidden || is_set(key.name));
        shown.map(|key| self.broker_config(key)).collect()
    }

    /// One config of this broker.
    pub fn broker_config(&self, key: &'static ConfigKey) -> Resolved {
        let alone = [same(key.name)];
        let mut chain = self.chain(units_of_one_setting(key.name).unwrap_or(&alone));
        drop_until_name(&mut chain, key.name);
        let value = match chain.first() {
            Some(link) if link.name == key.name => Some(link.value.clone()),
            _ => key.default.map(str::to_owned),
        };
        resolved(key, value, chain)
    }

    /// What is set on all brokers at run time: the resource "broker with the empty name".
    pub fn default_broker_configs(&self) -> Vec<Resolved> {
        let of_default = |key: &'static ConfigKey| {
            let text = self.dynamic_default.get(key.name)?;
            let value = shown_form(key, text);
            let link = Link { name: key.name, scale: 1, value: value.clone(), source: Source::DynamicDefaultBroker };
            Some(resolved(key, Some(value), vec![link]))
        };
        keys(Scope::Broker).filter_map(of_default).collect()
    }

    /// The value in force of a broker key; none when it has none.
    pub(super) fn broker_value(&self, key: &'static ConfigKey) -> Option<Value> {
        let text = self.layers_of(key.name).next().map(|(text, _)| text).or(key.default)?;
        trusted(key, text)
    }

    /// The value in force of a topic key; none when it has none.
    pub(super) fn topic_value(&self, key: &'static ConfigKey, overrides: &Configs) -> Option<Value> {
        if let Some(text) = overrides.get(key.name) {
            return trusted(key, text);
        }
        match self.chain(key.synonyms).first() {
            Some(link) => trusted(key, &in_unit_of_topic(&link.value, link.scale)),
            None => key.default.and_then(|text| trusted(key, text)),
        }
    }

    /// Every value that one of `names` has: layer by layer, and within a layer in the order of `names`.
    fn chain(&self, names: &[Synonym]) -> Vec<Link> {
        let mut chain = Vec::new();
        for synonym in names {
            let key = lookup(Scope::Broker, synonym.name).expect("synonyms are broker keys");
            let set = self.layers_of(key.name).map(|(text, source)| (shown_form(key, text), source));
            let default = key.default.map(|text| (text.to_owned(), Source::Default));
            chain.extend(set.chain(default).map(|(value, source)| Link {
                name: key.name,
                scale: synonym.scale,
                value,
                source,
            }));
        }
        chain.sort_by_key(|link| link.source);
        chain
    }

    fn layers_of(&self, name: &str) -> impl Iterator<Item = (&'a str, Source)> + use<'a> {
        let dynamic = self.dynamic_broker.get(name).map(|text| (text.as_str(), Source::DynamicBroker));
        let default = self.dynamic_default.get(name).map(|text| (text.as_str(), Source::DynamicDefaultBroker));
        let given = self.server.get(name).map(|setting| (setting.value.as_str(), Source::StaticBroker));
        [dynamic, default, given].into_iter().flatten()
    }
}

/// One value in a chain of synonyms.
struct Link {
    name: &'static str,
    scale: i64,
    value: String,
    source: Source,
}

fn resolved(key: &'static ConfigKey, value: Option<String>, chain: Vec<Link>) -> Resolved {
    let source = chain.first().map_or(Source::Default, |link| link.source);
    let show = |link: Link| {
        let secret = lookup(Scope::Broker, link.name).is_some_and(ConfigKey::is_sensitive);
        SynonymValue { name: link.name, value: (!secret).then_some(link.value), source: link.source }
    };
    Resolved { key, value, source, synonyms: chain.into_iter().map(show).collect() }
}

/// Kafka lists no value of `log.retention.hours` that nobody set under `retention.ms`: only defaults of the nearest
/// synonym. What somebody did set is listed here whatever its name, so that one sees where the value comes from.
fn drop_defaults_of_other_names(chain: &mut Vec<Link>, nearest: Option<&str>) {
    while chain.first().is_some_and(|link| link.source == Source::Default && Some(link.name) != nearest) {
        chain.remove(0);
    }
}

fn drop_until_name(chain: &mut Vec<Link>, name: &str) {
    let first = chain.iter().position(|link| link.name == name).unwrap_or(chain.len());
    chain.drain(..first);
}

/// The broker keys that DescribeConfigs shows beside `name`: those that set the same thing in another unit.
fn units_of_one_setting(name: &str) -> Option<&'static [Synonym]> {
    keys(Scope::Topic)
        .map(|key| key.synonyms)
        .find(|synonyms| synonyms.len() > 1 && synonyms.iter().any(|synonym| synonym.name == name))
}

/// A value of a broker key as a topic key counts it. Any negative time means "without end", which is -1.
fn in_unit_of_topic(value: &str, scale: i64) -> String {
    match value.parse::<i64>() {
        Ok(number) if scale != 1 && number < 0 => "-1".to_owned(),
        Ok(number) if scale != 1 => number.saturating_mul(scale).to_string(),
        _ => value.to_owned(),
    }
}

fn shown_form(key: &ConfigKey, text: &str) -> String {
    match parse_value(key, text) {
        Ok(Value::Double(_)) | Err(_) => text.trim().to_owned(),
        Ok(value) => value.to_string(),
    }
}

/// A value that was checked when it was set. One that is wrong all the same (an older version took it) is not worth
/// an outage: the default stands in.
fn trusted(key: &ConfigKey, text: &str) -> Option<Value> {
    let default = || key.default.map(|text| parse_value(key, text).expect("defaults are checked by a test"));
    parse_value(key, text).ok().or_else(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Setup {
        server: ServerConfig,
        dynamic_broker: Configs,
        dynamic_default: Configs,
    }

    impl Setup {
        fn given(properties: &str) -> Setup {
            let mut server = ServerConfig::new();
            server.add_properties("server.properties", properties);
            server.check().expect("right configs");
            Setup { server, dynamic_broker: Configs::new(), dynamic_default: Configs::new() }
        }

        fn layers(&self) -> Layers<'_> {
            Layers {
                server: &self.server,
                dynamic_broker: &self.dynamic_broker,
                dynamic_default: &self.dynamic_default,
            }
        }

        fn topic(&self, name: &str, overrides: &[(&str, &str)]) -> Resolved {
            let key = lookup(Scope::Topic, name).expect("a known key");
            self.layers().topic_config(key, &configs(overrides))
        }

        fn broker(&self, name: &str) -> Resolved {
            self.layers().broker_config(lookup(Scope::Broker, name).expect("a known key"))
        }
    }

    fn configs(pairs: &[(&str, &str)]) -> Configs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn chain(resolved: &Resolved) -> Vec<(&'static str, &str, i8)> {
        resolved.synonyms.iter().map(|s| (s.name, s.value.as_deref().unwrap_or("-"), s.source as i8)).collect()
    }

    #[test]
    fn a_topic_that_sets_nothing_shows_the_default_of_its_broker_key() {
        let segment = Setup::given("").topic("segment.bytes", &[]);
        assert_eq!(segment.value.as_deref(), Some("1073741824"));
        assert_eq!(segment.source, Source::Default);
        assert_eq!(chain(&segment), [("log.segment.bytes", "1073741824", 5)]);
    }

    #[test]
    fn as_in_kafka_a_default_in_hours_is_not_listed_under_milliseconds() {
        for (name, value) in [("retention.ms", "604800000"), ("segment.ms", "604800000"), ("segment.jitter.ms", "0")] {
            let resolved = Setup::given("").topic(name, &[]);
            assert_eq!(resolved.value.as_deref(), Some(value), "{name}");
            assert_eq!((resolved.source, chain(&resolved)), (Source::Default, vec![]), "{name}");
        }
        assert_eq!(Setup::given("").topic("flush.ms", &[]).value.as_deref(), Some("9223372036854775807"));
    }

    #[test]
    fn hours_given_at_start_hold_and_show_until_a_nearer_unit_is_set() {
        let mut setup = Setup::given("log.retention.hours=24");
        let resolved = setup.topic("retention.ms", &[]);
        assert_eq!(resolved.value.as_deref(), Some("86400000"));
        assert_eq!(chain(&resolved), [("log.retention.hours", "24", 4), ("log.retention.hours", "168", 5)]);
        setup.dynamic_broker = configs(&[("log.retention.ms", "5000")]);
        let resolved = setup.topic("retention.ms", &[]);
        assert_eq!((resolved.value.as_deref(), resolved.source), (Some("5000"), Source::DynamicBroker));
        assert_eq!(setup.broker("log.retention.hours").value.as_deref(), Some("24"));
    }

    #[test]
    fn any_negative_retention_is_without_end() {
        assert_eq!(Setup::given("log.retention.minutes=-7").topic("retention.ms", &[]).value.as_deref(), Some("-1"));
    }

    #[test]
    fn the_nearest_layer_wins_and_all_are_listed() {
        let mut setup = Setup::given("message.max.bytes=1");
        setup.dynamic_default = configs(&[("message.max.bytes", "2")]);
        setup.dynamic_broker = configs(&[("message.max.bytes", "3")]);
        let resolved = setup.topic("max.message.bytes", &[("max.message.bytes", "4")]);
        assert_eq!((resolved.value.as_deref(), resolved.source), (Some("4"), Source::Topic));
        assert_eq!(
            chain(&resolved),
            [
                ("max.message.bytes", "4", 1),
                ("message.max.bytes", "3", 2),
                ("message.max.bytes", "2", 3),
                ("message.max.bytes", "1", 4),
                ("message.max.bytes", "1048588", 5),
            ]
        );
        assert_eq!(setup.topic("max.message.bytes", &[]).value.as_deref(), Some("3"));
        assert_eq!(setup.broker("message.max.bytes").source, Source::DynamicBroker);
        let defaults = setup.layers().default_broker_configs();
        assert_eq!(defaults.len(), 1);
        assert_eq!(chain(&defaults[0]), [("message.max.bytes", "2", 3)]);
    }

    #[test]
    fn a_retention_of_the_topic_has_only_itself_in_the_chain() {
        let resolved = Setup::given("").topic("retention.ms", &[("retention.ms", "3600000")]);
        assert_eq!(chain(&resolved)[0], ("retention.ms", "3600000", 1));
        assert_eq!(chain(&resolved).len(), 1);
    }

    #[test]
    fn secrets_have_no_value_to_show() {
        let resolved = Setup::given("ssl.keystore.password=hunter2").broker("ssl.keystore.password");
        assert_eq!(resolved.shown(), None);
        assert_eq!(chain(&resolved), [("ssl.keystore.password", "-", 4)]);
    }

    #[test]
    fn our_one_other_default_is_to_sync_before_the_acknowledgement() {
        let resolved = Setup::given("").topic("flush.messages", &[]);
        assert_eq!(resolved.value.as_deref(), Some("1"));
        assert_eq!(chain(&resolved), [("log.flush.interval.messages", "1", 5)]);
    }
}
