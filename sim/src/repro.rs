//! `.repro` files: everything that a run did, as text that a person can read and cut down, one thing a line: a word, and
//! what it is in JSON. Taking lines away (faults, steps, clients) leaves a file that can be played.

use crate::plan::{ClientPlan, Plan};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Write;

/// A run to be played again.
#[derive(Clone, Debug, PartialEq)]
pub struct Repro {
    /// The commit it was found at.
    pub commit: String,
    /// The name of its profile.
    pub profile: String,
    /// The bug that was planted.
    pub planted: Option<String>,
    /// What was found, shortly.
    pub expected: String,
    /// What was done.
    pub plan: Plan,
}

/// What a client's habit is called whose steps come after its settings.
const WITH_SETTINGS: [&str; 5] = ["Producer", "Library", "Follower", "Member", "Committer"];
/// The lists of the plan that get a line for each entry.
const LISTS: [(&str, &str); 3] = [("nodes", "node"), ("topics", "topic"), ("faults", "fault")];

impl Repro {
    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = String::from("# Play it with: cargo sim replay THIS-FILE\n");
        line(&mut text, "commit", &self.commit);
        line(&mut text, "profile", &self.profile);
        line(&mut text, "planted", &self.planted);
        line(&mut text, "expected", &self.expected);
        let mut plan = value(&self.plan);
        let mut world = plan["world"].take();
        for (name, of) in LISTS {
            let whole = if world.get(name).is_some() { &mut world } else { &mut plan };
            for entry in taken(&mut whole[name]) {
                line(&mut text, of, &entry);
            }
        }
        for client in &self.plan.clients {
            let (settings, steps) = apart(client);
            line(&mut text, "client", &settings);
            steps.iter().for_each(|step| line(&mut text, "step", step));
        }
        for name in ["world", "clients", "faults"] {
            plan.as_object_mut().map(|plan| plan.remove(name));
        }
        line(&mut text, "network_us", &world["network_us"]);
        plan.as_object().into_iter().flatten().for_each(|(name, value)| line(&mut text, name, value));
        text
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line that is not understood, or what is missing.
    pub fn read(text: &str) -> Result<Repro, String> {
        let mut reading = Reading::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if !line.starts_with('#') {
                reading.line(line).map_err(|why| format!("line {}: {why}", number + 1))?;
            }
        }
        reading.finish()
    }
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).expect("a plan is plain data")
}

fn line(text: &mut String, word: &str, of: &impl Serialize) {
    let _ = writeln!(text, "{word} {}", value(of));
}

fn taken(list: &mut Value) -> Vec<Value> {
    list.as_array_mut().map(std::mem::take).unwrap_or_default()
}

/// A client's settings, and its steps.
fn apart(client: &ClientPlan) -> (Value, Vec<Value>) {
    let mut settings = value(client);
    let steps = steps_of(&mut settings).map(taken).unwrap_or_default();
    (settings, steps)
}

/// Where the steps are in a client as a value.
fn steps_of(client: &mut Value) -> Option<&mut Value> {
    let (name, inner) = client.get_mut("habit")?.as_object_mut()?.iter_mut().next()?;
    if WITH_SETTINGS.contains(&name.as_str()) { inner.get_mut(1) } else { Some(inner) }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    single: Map<String, Value>,
    lists: Map<String, Value>,
    clients: Vec<Value>,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, json) = line.split_once(' ').ok_or("no word and what it is")?;
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if let Some((list, _)) = LISTS.iter().find(|(_, of)| *of == word) {
            let list = self.lists.entry((*list).to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().ok_or("not a list")?.push(value);
        } else if word == "client" {
            self.clients.push(value);
        } else if word == "step" {
            let client = self.clients.last_mut().ok_or("a step before any client")?;
            let steps = steps_of(client).and_then(Value::as_array_mut).ok_or("a client that takes no steps")?;
            steps.push(value);
        } else {
            self.single.insert(word.to_owned(), value);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Repro, String> {
        let (commit, profile) = (self.take("commit")?, self.take("profile")?);
        let (planted, expected) = (self.take("planted")?, self.take("expected")?);
        let mut list = |name: &str| self.lists.remove(name).unwrap_or_else(|| Value::Array(Vec::new()));
        let (nodes, topics, faults) = (list("nodes"), list("topics"), list("faults"));
        let network_us: Value = self.take("network_us")?;
        let mut plan = self.single;
        plan.insert("world".into(), serde_json::json!({ "network_us": network_us, "nodes": nodes, "topics": topics }));
        plan.insert("faults".into(), faults);
        plan.insert("clients".into(), Value::Array(self.clients));
        let plan = serde_json::from_value(Value::Object(plan)).map_err(|error| error.to_string())?;
        Ok(Repro { commit, profile, planted, expected, plan })
    }

    fn take<T: DeserializeOwned>(&mut self, word: &str) -> Result<T, String> {
        let value = self.single.remove(word).ok_or_else(|| format!("nothing says what {word} is"))?;
        serde_json::from_value(value).map_err(|error| format!("{word}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    fn some_repro(seed: u64) -> Repro {
        let plan = Plan::draw(seed, Profile::named("cluster-smoke").unwrap());
        let (commit, profile) = ("abc".to_owned(), "cluster-smoke".to_owned());
        Repro { commit, profile, planted: None, expected: "lost-write".into(), plan }
    }

    #[test]
    fn a_file_reads_back_as_it_was_written() {
        for seed in 0..20 {
            let repro = some_repro(seed);
            assert_eq!(Repro::read(&repro.text()).unwrap(), repro, "seed {seed}");
        }
    }

    #[test]
    fn a_file_without_some_of_its_faults_and_steps_still_reads() {
        let repro = some_repro(3);
        let text = repro.text();
        let kept: Vec<&str> =
            text.lines().filter(|line| !line.starts_with("fault") || line.starts_with("faults_")).collect();
        let read = Repro::read(&kept.join("\n")).unwrap();
        assert!(read.plan.faults.is_empty());
        assert_eq!(read.plan.clients, repro.plan.clients);
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        assert!(Repro::read("commit \"a\"\nstep 1\n").unwrap_err().starts_with("line 2: a step before"));
        assert!(Repro::read("commit \"a\"\n").unwrap_err().contains("profile"));
    }
}
