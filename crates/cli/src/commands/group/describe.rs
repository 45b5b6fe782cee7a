//! `thalweg group describe`.

use super::found;
use super::lag::{self, Stand, Stands};
use crate::explain::explain;
use crate::output::{self, Output};
use crate::servers::Servers;
use crate::times;
use clap::Args;
use client::Cluster;
use client::admin::{DescribedGroup, GroupMember};
use model::{Timestamp, TopicPartition};
use runtime::time::Duration;
use serde_json::{Value, json};

/// Show where groups stand: what they have committed, and how far they are behind.
#[derive(Debug, Args)]
#[command(after_help = "\
LAG is how many records are there that the group has not committed yet, AGE is how old the
oldest of them is: so long ago was written what it has to do next. What cannot be found out
is a question mark.

Examples:
  thalweg group describe billing
  thalweg group describe billing -o json | jq '.[].age_ms'")]
pub struct Describe {
    /// Their names
    #[arg(required = true)]
    groups: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// What a server does not say within this time is left out.
const PATIENCE: Duration = Duration::from_secs(3);

/// All that is shown of a group.
pub struct Described {
    pub group: DescribedGroup,
    pub stands: Stands,
    now: Timestamp,
}

impl Describe {
    /// Prints them; those that cannot be described are errors at the end.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let hasty = self.servers.cluster(PATIENCE)?;
        let (groups, mut failures) = found::find(&cluster, &self.groups).await;
        let mut described = Vec::new();
        for group in groups {
            match Described::of(&cluster, &hasty, group).await {
                Ok(group) => described.push(group),
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        match self.output {
            Output::Table => {
                let texts: Vec<String> = described.iter().map(Described::text).collect();
                output::print(&texts.join("\n"))?;
            }
            Output::Json => output::print_json(&described.iter().map(Described::json).collect())?,
        }
        found::all_well(&failures)
    }
}

impl Described {
    /// Finds out where a group stands. `hasty` is the same cluster, of which nothing is waited for long.
    ///
    /// # Errors
    /// The coordinator does not tell.
    pub async fn of(cluster: &Cluster, hasty: &Cluster, group: DescribedGroup) -> anyhow::Result<Described> {
        let stands = lag::stands(cluster, hasty, &group).await.map_err(|error| explain(cluster, error))?;
        Ok(Described { group, stands, now: runtime::clock::now() })
    }

    /// How many records it is behind in all, as far as that is known.
    pub fn lag(&self) -> i64 {
        self.stands.values().filter_map(Stand::lag).sum()
    }

    /// How old the oldest record is that it has not read, as far as that is known.
    pub fn age(&self) -> Option<i64> {
        lag::worst(self.stands.values().map(|stand| stand.age(self.now)))
    }

    fn text(&self) -> String {
        let group = &self.group;
        let known = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let summary = vec![
            group.group_id.clone(),
            kind(group).to_owned(),
            group.state.clone(),
            known(&group.assignor),
            group.members.len().to_string(),
            group.coordinator.to_string(),
            self.lag().to_string(),
            self.age().map_or_else(|| "-".to_owned(), times::duration),
        ];
        let titles = ["group", "kind", "state", "assignor", "members", "coordinator", "lag", "age"];
        let text = output::table(&titles, vec![summary]);
        if self.stands.is_empty() {
            return text;
        }
        let titles = ["topic", "partition", "committed", "start", "end", "lag", "age", "member", "client", "host"];
        let rows = self.stands.iter().map(|(of, stand)| self.row(of, stand)).collect();
        format!("{text}\n{}", output::table(&titles, rows))
    }

    fn member(&self, stand: &Stand) -> Option<&GroupMember> {
        let id = stand.member.as_ref()?;
        self.group.members.iter().find(|member| member.member_id == *id)
    }

    fn row(&self, of: &TopicPartition, stand: &Stand) -> Vec<String> {
        let known = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        // Who has committed nothing is not behind by any number.
        let unless_new = |text: String| if stand.committed.is_none() { "-".to_owned() } else { text };
        let member = self.member(stand);
        let word = |of: fn(&GroupMember) -> &str| member.map_or_else(|| "-".to_owned(), |member| of(member).to_owned());
        vec![
            of.topic.to_string(),
            of.partition.to_string(),
            unless_new(known(stand.committed)),
            known(stand.start),
            known(stand.end),
            unless_new(known(stand.lag())),
            unless_new(stand.age(self.now).map_or_else(|| "?".to_owned(), times::duration)),
            word(|member| member.instance_id.as_deref().unwrap_or(&member.member_id)),
            word(|member| &member.client_id),
            word(|member| &member.host),
        ]
    }

    fn json(&self) -> Value {
        let partition = |(of, stand): (&TopicPartition, &Stand)| {
            json!({
                "topic": &*of.topic,
                "partition": of.partition,
                "committed": stand.committed,
                "start_offset": stand.start,
                "end_offset": stand.end,
                "lag": stand.lag(),
                "age_ms": stand.age(self.now),
                "member": stand.member,
            })
        };
        json!({
            "group": self.group.group_id,
            "kind": kind(&self.group),
            "state": self.group.state,
            "assignor": self.group.assignor,
            "coordinator": self.group.coordinator,
            "members": self.group.members.len(),
            "lag": self.lag(),
            "age_ms": self.age(),
            "partitions": self.stands.iter().map(partition).collect::<Vec<_>>(),
        })
    }
}

/// In a word.
pub fn kind(group: &DescribedGroup) -> &'static str {
    if group.is_consumer { "consumer" } else { "classic" }
}
