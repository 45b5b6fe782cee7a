//! The topics of a run, and how the history says they were made.

use super::{FOUNDER, Surroundings};
use crate::command_line::{Run, System, Workload};
use anyhow::Context;
use client::Admin;
use client::admin::NewTopic;
use jepsen_lite::history::{Action, Answer, CreateTopic, Outcome};
use model::TopicPartition;
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;

/// The topic that groups are kept in.
const OFFSETS: &str = "__consumer_offsets";
/// Partitions of a topic.
const PARTITIONS: i32 = 4;
/// A cluster that has just come together may need a moment.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// One topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    partitions: i32,
    replicas: i16,
    configs: BTreeMap<String, String>,
}

impl Topic {
    /// Whether it is a server's own.
    pub fn is_internal(&self) -> bool {
        self.name == OFFSETS
    }

    /// Its partitions.
    pub fn partitions(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        (0..self.partitions).map(|number| TopicPartition::new(self.name.as_str(), number))
    }
}

/// The topics that a run is about. Servers elsewhere may have topics of such names: those get a name of this run.
pub fn topics(run: &Run) -> Vec<Topic> {
    let elsewhere = matches!(run.system, System::Addresses(_));
    let nodes = i16::try_from(run.nodes).unwrap_or(i16::MAX);
    let replicas = nodes.min(3);
    let topic = |name: &str, partitions, flush: &str, more: &[(&str, &str)]| {
        let in_sync = if replicas < 3 { "1" } else { "2" };
        let configs = [("flush.messages", flush), ("min.insync.replicas", in_sync)];
        let configs = configs.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Topic { name: name.to_owned(), partitions, replicas, configs }
    };
    let kept: &[(&str, &str)] = &[("retention.ms", "-1"), ("segment.bytes", "4194304")];
    let named = |name: &str| match elsewhere {
        true => format!("jepsen-lite-{name}-{}", runtime::clock::now()),
        false => name.to_owned(),
    };
    // What is not promised to survive a power failure, as Kafka does it; and what is.
    let mut topics = vec![topic(&named("cached"), PARTITIONS, &i64::MAX.to_string(), kept)];
    if run.system == System::Thalweg {
        topics.push(topic("durable", PARTITIONS, "1", kept));
    }
    if run.workload == Workload::Group && !elsewhere {
        let flush = if run.system == System::Thalweg { "1" } else { &i64::MAX.to_string() };
        topics.push(topic(OFFSETS, 3, flush, &[("cleanup.policy", "compact")]));
    }
    topics
}

/// Makes the topics.
///
/// # Errors
/// One cannot be made.
pub async fn create_topics(around: &Surroundings) -> anyhow::Result<()> {
    let admin = Admin::new(&around.connect("founder"));
    for topic in &*around.topics {
        let Topic { name, partitions, replicas, configs } = topic.clone();
        let action = CreateTopic { topic: name, partitions, replicas, configs };
        let operation = around.chronicle.invoke(FOUNDER, Action::CreateTopic(action));
        create(&admin, topic).await.with_context(|| format!("cannot make topic {}", topic.name))?;
        // Its id is left out: a library names it for its readers.
        around.chronicle.complete(operation, Outcome::Ok(Answer::Created { topic_id: None }));
    }
    Ok(())
}

async fn create(admin: &Admin, topic: &Topic) -> anyhow::Result<()> {
    let deadline = Instant::now() + MADE_WITHIN;
    loop {
        let wanted = NewTopic { replication_factor: topic.replicas, ..NewTopic::new(&*topic.name, topic.partitions) };
        let wanted = topic.configs.iter().fold(wanted, |wanted, (key, value)| wanted.config(key, value));
        match admin.create_topic(wanted).await {
            Ok(_) => return Ok(()),
            // An attempt whose answer was lost may have made it: nobody else makes topics here.
            Err(error) if error.error_code() == Some(model::ErrorCode::TopicAlreadyExists) => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}
