//! The reference page of all keys.

use super::key::{ConfigKey, Effect, Scope};
use super::keys;
use std::fmt::Write;

/// A page of Markdown that lists every key of servers and topics.
pub fn reference_page() -> String {
    let mut page = String::from(
        "# Configuration\n\nMade by `thalweg config reference`. The keys are those of Kafka 4.3; ours start with `thalweg.`.\n",
    );
    for (scope, title) in [(Scope::Broker, "Servers"), (Scope::Topic, "Topics")] {
        let _ =
            write!(page, "\n## {title}\n\n| key | type | default | changes | what it does |\n|---|---|---|---|---|\n");
        for key in keys(scope) {
            page.push_str(&row(key));
        }
    }
    page
}

fn row(key: &ConfigKey) -> String {
    let default = match key.default {
        Some("") => "(empty)",
        Some(text) => text,
        None => "(none)",
    };
    let changes = if key.dynamic { "while running" } else { "at start" };
    let effect = match key.effect {
        Effect::Works => String::new(),
        Effect::None(why) => format!(" Accepted without effect: {why}."),
        Effect::Later(what) => format!(" Accepted without effect until {what} are built."),
        Effect::Refused(why) => format!(" Only the default is accepted: {why}."),
    };
    let doc = format!("{}{effect}", key.doc).replace('|', "\\|");
    format!("| `{}` | {} | {} | {changes} | {doc} |\n", key.name, key.kind.name(), default.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_row() {
        let page = reference_page();
        for scope in [Scope::Broker, Scope::Topic] {
            for key in keys(scope) {
                assert!(page.contains(&format!("| `{}` |", key.name)), "{}", key.name);
            }
        }
    }
}
