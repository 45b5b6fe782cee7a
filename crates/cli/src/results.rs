//! What became of each of several things: told for all of them, even when one fails.

use crate::output::{self, Output};
use serde_json::{Value, json};

/// What became of each of them.
#[derive(Debug)]
pub struct Results {
    /// What they are, in a word.
    kind: &'static str,
    results: Vec<(String, anyhow::Result<&'static str>)>,
}

impl Results {
    /// Of topics, or whatever else they are.
    pub fn of(kind: &'static str) -> Results {
        Results { kind, results: Vec::new() }
    }

    /// `status` is what was done, in a word or two.
    pub fn push(&mut self, name: &str, result: anyhow::Result<&'static str>) {
        self.results.push((name.to_owned(), result));
    }

    /// Prints all of them, in the order in which they were `asked` for.
    ///
    /// # Errors
    /// Each that failed, a line each.
    pub fn print(mut self, asked: &[String], form: Output) -> anyhow::Result<()> {
        self.results.sort_by_key(|(name, _)| asked.iter().position(|asked| asked == name));
        match form {
            Output::Table => {
                let row = |(name, result): &(String, anyhow::Result<&str>)| {
                    vec![name.clone(), result.as_ref().map_or("failed", |status| status).to_owned()]
                };
                output::print(&output::table(&[self.kind, "status"], self.results.iter().map(row).collect()))?;
            }
            Output::Json => output::print_json(&self.results.iter().map(|result| json(self.kind, result)).collect())?,
        }
        let failures: Vec<String> = self
            .results
            .iter()
            .filter_map(|(_, result)| result.as_ref().err())
            .map(|error| format!("{error:#}"))
            .collect();
        if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(failures.join("\n"))) }
    }
}

fn json(kind: &str, (name, result): &(String, anyhow::Result<&str>)) -> Value {
    match result {
        Ok(status) => json!({kind: name, "status": status}),
        Err(error) => json!({kind: name, "status": "failed", "error": format!("{error:#}")}),
    }
}
