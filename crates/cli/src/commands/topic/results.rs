//! What became of each of several topics: told for all of them, even when one fails.

use crate::output::{self, Output};
use serde_json::{Value, json};

/// What became of each topic.
#[derive(Debug, Default)]
pub struct Results(Vec<(String, anyhow::Result<&'static str>)>);

impl Results {
    /// `status` is what was done, in a word or two.
    pub fn push(&mut self, topic: &str, result: anyhow::Result<&'static str>) {
        self.0.push((topic.to_owned(), result));
    }

    /// Prints all of them, in the order in which they were `asked` for.
    ///
    /// # Errors
    /// Each that failed, a line each.
    pub fn print(mut self, asked: &[String], form: Output) -> anyhow::Result<()> {
        self.0.sort_by_key(|(topic, _)| asked.iter().position(|asked| asked == topic));
        match form {
            Output::Table => {
                let row = |(topic, result): &(String, anyhow::Result<&str>)| {
                    vec![topic.clone(), result.as_ref().map_or("failed", |status| status).to_owned()]
                };
                output::print(&output::table(&["topic", "status"], self.0.iter().map(row).collect()))?;
            }
            Output::Json => output::print_json(&self.0.iter().map(json).collect())?,
        }
        let failures: Vec<String> =
            self.0.iter().filter_map(|(_, result)| result.as_ref().err()).map(|error| format!("{error:#}")).collect();
        if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(failures.join("\n"))) }
    }
}

fn json((topic, result): &(String, anyhow::Result<&str>)) -> Value {
    match result {
        Ok(status) => json!({"topic": topic, "status": status}),
        Err(error) => json!({"topic": topic, "status": "failed", "error": format!("{error:#}")}),
    }
}
