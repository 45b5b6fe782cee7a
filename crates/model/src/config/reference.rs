//! The reference page of all keys, `docs/configuration.md`.

use super::key::{ConfigKey, Effect};
use super::value::values;
use super::{broker, topic};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

Made by `thalweg config reference`; do not edit.

The keys are those of Kafka 4.3, with Kafka's defaults but one: `flush.messages` is 1 here, so an acknowledged record is on stable storage. Keys of our
own start with `thalweg.`. A server reads them from a properties file (`-c`), then the environment (`KAFKA_LOG_RETENTION_HOURS` is
`log.retention.hours`; `___` is `-`, `__` is `_`), then `--set`; a later one wins. Times are in milliseconds and sizes in bytes where
the name says nothing else. What is marked ○ is accepted and has no effect here, or not yet; ● is refused unless it has its default.
";

/// A page of Markdown with every key of servers and topics.
pub fn reference_page() -> String {
    let mut page = String::from(INTRODUCTION);
    table(&mut page, "Topics: set with `thalweg topic create` and `alter`", topic::KEYS);
    for (title, keys) in broker::TABLES {
        table(&mut page, title, keys);
    }
    page
}

fn table(page: &mut String, title: &str, keys: &[ConfigKey]) {
    let _ = write!(page, "\n## {title}\n\n| key | type | default | what it does |\n|---|---|---|---|\n");
    for key in keys {
        page.push_str(&row(key));
    }
}

fn row(key: &ConfigKey) -> String {
    let default = match key.default {
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
        None => "none".to_owned(),
    };
    let mut text = key.doc.to_owned();
    if let Some(values) = values(key).filter(|_| key.kind != super::ConfigType::Boolean) {
        let _ = write!(text, " Takes {values}.");
    }
    if key.synonyms.iter().any(|synonym| synonym.name != key.name) {
        let names: Vec<String> = key.synonyms.iter().map(|synonym| format!("`{}`", synonym.name)).collect();
        let _ = write!(text, " For all topics of a server: {}.", names.join(", "));
    }
    if key.dynamic && key.synonyms.is_empty() && key.scope == super::Scope::Broker {
        text.push_str(" Can change while the server runs.");
    }
    match key.effect {
        Effect::Works => {}
        Effect::None(why) => _ = write!(text, " ○ {}.", sentence(why)),
        Effect::Later(what) => _ = write!(text, " ○ Not there yet: {what}."),
        Effect::Refused(why) => _ = write!(text, " ● {}.", sentence(why)),
    }
    format!("| `{}` | {} | {default} | {} |\n", key.name, key.kind.name(), text.replace('|', "\\|"))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Scope, keys};

    #[test]
    fn every_key_has_a_row() {
        let page = reference_page();
        for scope in [Scope::Broker, Scope::Topic] {
            for key in keys(scope) {
                assert!(page.contains(&format!("| `{}` |", key.name)), "{}", key.name);
            }
        }
    }

    #[test]
    fn the_page_in_the_repository_is_the_one_that_is_made() {
        let committed = include_str!("../../../../docs/configuration.md");
        assert!(committed == reference_page(), "run: thalweg config reference > docs/configuration.md");
    }
}
