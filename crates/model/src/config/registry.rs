//! Finding a key by its name, and what a wrong name may have meant.

use super::key::{ConfigKey, Scope};
use super::{broker, topic};
use std::sync::LazyLock;

/// Every key, by scope and name. Computed once from the tables; never changes.
static SORTED: LazyLock<Vec<&'static ConfigKey>> = LazyLock::new(|| {
    let mut keys: Vec<&ConfigKey> = broker::TABLES.iter().flat_map(|(_, keys)| *keys).chain(topic::KEYS).collect();
    keys.sort_by_key(|key| (key.scope, key.name));
    keys
});

/// The key of that name.
pub fn lookup(scope: Scope, name: &str) -> Option<&'static ConfigKey> {
    let found = SORTED.binary_search_by_key(&(scope, name), |key| (key.scope, key.name)).ok()?;
    Some(SORTED[found])
}

/// Every key of a scope in the order of names, hidden ones too.
pub fn keys(scope: Scope) -> impl Iterator<Item = &'static ConfigKey> {
    SORTED.iter().copied().filter(move |key| key.scope == scope)
}

/// The keys that DescribeConfigs lists when it is asked for all, in the order of names.
pub fn listed_keys(scope: Scope) -> impl Iterator<Item = &'static ConfigKey> {
    keys(scope).filter(|key| !key.hidden)
}

/// The names that `name` was probably meant to be, best first; at most three.
pub fn suggest(scope: Scope, name: &str) -> Vec<&'static str> {
    let name = name.trim().to_ascii_lowercase().replace(['_', '-'], ".");
    let reach = 2 + name.len() / 8;
    let mut near: Vec<(usize, &'static str)> = Vec::new();
    for key in keys(scope) {
        let distance = edit_distance(&name, key.name);
        if distance <= reach {
            near.push((distance, key.name));
        }
    }
    near.sort_unstable();
    let best = near.first().map_or(0, |(distance, _)| *distance);
    near.into_iter().take_while(|(distance, _)| *distance <= best + 1).take(3).map(|(_, name)| name).collect()
}

/// Single-character insertions, deletions, replacements and swaps of neighbours that lead from one text to the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows = [vec![0; to.len() + 1], (0..=to.len()).collect(), vec![0; to.len() + 1]];
    for (i, a) in from.iter().enumerate() {
        rows[2][0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let mut cost = (rows[1][j] + usize::from(a != b)).min(rows[1][j + 1] + 1).min(rows[2][j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                cost = cost.min(rows[0][j - 1] + 1);
            }
            rows[2][j + 1] = cost;
        }
        rows.rotate_left(1);
    }
    rows[1][to.len()]
}

/// A sentence for a name that is no key, with what may have been meant.
pub fn unknown_key(scope: Scope, name: &str) -> String {
    let what = match scope {
        Scope::Broker => "server",
        Scope::Topic => "topic",
    };
    let other = match scope {
        Scope::Broker => Scope::Topic,
        Scope::Topic => Scope::Broker,
    };
    if lookup(other, name).is_some() {
        return wrong_scope(scope, name);
    }
    match suggest(scope, name).as_slice() {
        [] => format!("unknown {what} config '{name}'; `thalweg config reference` lists those there are"),
        [one] => format!("unknown {what} config '{name}'; did you mean {one}?"),
        [all @ .., last] => format!("unknown {what} config '{name}'; did you mean {} or {last}?", all.join(", ")),
    }
}

fn wrong_scope(scope: Scope, name: &str) -> String {
    match scope {
        Scope::Topic => {
            let topic_key = keys(Scope::Topic).find(|key| key.synonyms.iter().any(|synonym| synonym.name == name));
            match topic_key {
                Some(key) => format!("'{name}' is a config of servers; for a topic it is {}", key.name),
                None => format!("'{name}' is a config of servers, not of topics"),
            }
        }
        Scope::Broker => {
            let synonym = lookup(Scope::Topic, name).and_then(|key| key.synonyms.first());
            match synonym {
                Some(synonym) => {
                    format!("'{name}' is a config of topics; for all topics of a server it is {}", synonym.name)
                }
                None => format!("'{name}' is a config of topics, not of servers"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{parse_value, value::Value};

    #[test]
    fn every_key_is_there_once_with_a_doc_and_a_default_that_it_takes() {
        for pair in SORTED.windows(2) {
            assert!((pair[0].scope, pair[0].name) != (pair[1].scope, pair[1].name), "{} is there twice", pair[0].name);
        }
        for key in SORTED.iter() {
            assert!(key.doc.ends_with('.') && key.doc.len() > 15, "{} needs a sentence", key.name);
            if let Some(default) = key.default {
                let value = parse_value(key, default).unwrap_or_else(|bad| panic!("default of {bad}"));
                let text = if let Value::Double(_) = value { default.to_owned() } else { value.to_string() };
                assert_eq!(text, default, "{}", key.name);
            }
            for synonym in key.synonyms {
                let broker = lookup(Scope::Broker, synonym.name).expect("a synonym is a broker key");
                assert!(synonym.scale == 1 || broker.kind == crate::config::ConfigType::Int, "{}", broker.name);
            }
        }
    }

    #[test]
    fn a_slip_finds_what_was_meant() {
        assert_eq!(suggest(Scope::Broker, "log.retension.hours"), ["log.retention.hours"]);
        assert_eq!(suggest(Scope::Broker, "num.partition"), ["num.partitions"]);
        assert_eq!(suggest(Scope::Broker, "LOG_DIRS").first(), Some(&"log.dirs"));
        assert_eq!(suggest(Scope::Topic, "cleanup.polciy"), ["cleanup.policy"]);
        assert!(suggest(Scope::Broker, "confluent.balancer.enable").is_empty());
    }

    #[test]
    fn a_key_of_the_other_scope_is_explained() {
        assert_eq!(
            unknown_key(Scope::Topic, "log.retention.hours"),
            "'log.retention.hours' is a config of servers; for a topic it is retention.ms"
        );
        assert_eq!(
            unknown_key(Scope::Broker, "retention.ms"),
            "'retention.ms' is a config of topics; for all topics of a server it is log.retention.ms"
        );
    }
}
