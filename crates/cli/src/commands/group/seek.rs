//! `thalweg group seek`.

use super::found;
use crate::commands::consume::span;
use crate::explain::explain;
use crate::failure::Usage;
use crate::output::{self, Output};
use crate::records::start::Start;
use crate::servers::Servers;
use anyhow::bail;
use clap::Args;
use client::admin::DescribedGroup;
use client::group::Offsets;
use client::{Admin, Cluster, CommittedOffset};
use model::{ErrorCode, Offset, PartitionId, TopicPartition};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Move a group to another place: where it will go on in all partitions that it has committed, or in those named.
///
/// The group must have no members: they would commit over it. A group that does not exist yet is made by it, if
/// --topic says what of.
#[derive(Debug, Args)]
#[command(after_help = "\
Places: start, end, an offset, -N for N records before the end, a time as @MILLISECONDS since
1970 UTC or as @-90s, @-5m, @-2h or @-7d before now: the first record of that time or later.

Examples:
  thalweg group seek billing --to start
  thalweg group seek billing --to @-1h --dry-run      only show what would be done
  thalweg group seek billing --to 42 --topic orders -p 3")]
pub struct Seek {
    /// Its name
    group: String,
    /// Where to go
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    to: Start,
    #[command(flatten)]
    servers: Servers,
    /// All partitions of this topic only
    #[arg(short, long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Of the one topic, these partitions only, with commas between them
    #[arg(short, long, value_name = "PARTITION", value_delimiter = ',')]
    partition: Vec<PartitionId>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Seek {
    /// Moves it.
    ///
    /// # Errors
    /// The group has members or is not there, or there is no such place; then nothing is moved.
    pub async fn run(&self) -> anyhow::Result<()> {
        if !self.partition.is_empty() && self.topic.len() != 1 {
            return Err(Usage("-p needs one --topic whose partitions they are".to_owned()).into());
        }
        let cluster = self.servers.connect(false).await?;
        let admin = Admin::new(&cluster);
        self.check_free(&cluster).await?;
        let before = admin.group_offsets(&[&self.group]).await.remove(&self.group).expect("each group has a result");
        let before = before.map_err(|error| explain(&cluster, error))?;
        let partitions = self.partitions(&cluster, &before).await?;
        let spans = span::look_up(&cluster, &partitions, self.to).await?;
        let places: BTreeMap<TopicPartition, Offset> = spans.into_iter().map(|(of, span)| (of, span.start)).collect();
        let mut failures = Vec::new();
        let mut moved: BTreeSet<TopicPartition> = BTreeSet::new();
        if !self.dry_run {
            let wanted = places.iter().map(|(of, place)| (of.clone(), CommittedOffset::at(*place))).collect();
            let results = admin.alter_group_offsets(&self.group, &wanted).await;
            for (of, result) in results.map_err(|error| explain(&cluster, error))? {
                match result {
                    Ok(()) => drop(moved.insert(of)),
                    Err(error) => failures.push(format!("{:#}", explain(&cluster, error))),
                }
            }
        }
        self.print(&before, &places, &moved)?;
        found::all_well(&failures)
    }

    /// Whether nobody reads in the group.
    async fn check_free(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let name = &self.group;
        let described = Admin::new(cluster).describe_groups(&[name]).await.remove(name);
        match described.expect("each group has a result") {
            Ok(DescribedGroup { members, .. }) if !members.is_empty() => bail!(
                "group {name} has {} members, who would commit over it; stop them first: `thalweg group members {name}` \
                 shows them",
                members.len()
            ),
            Ok(_) => Ok(()),
            // One that is not there yet can be made.
            Err(error) if error.error_code() == Some(ErrorCode::GroupIdNotFound) && !self.topic.is_empty() => Ok(()),
            Err(error) => Err(explain(cluster, error)),
        }
    }

    /// Those named, or all that the group has committed.
    async fn partitions(&self, cluster: &Cluster, committed: &Offsets) -> anyhow::Result<Vec<TopicPartition>> {
        if self.topic.is_empty() {
            if committed.is_empty() {
                bail!("group {} has committed nothing; say with --topic where it is to begin", self.group);
            }
            return Ok(committed.keys().cloned().collect());
        }
        let names: Vec<&str> = self.topic.iter().map(String::as_str).collect();
        let topics = Admin::new(cluster).describe_topics(&names).await.map_err(|error| explain(cluster, error))?;
        let mut partitions = Vec::new();
        for (_, topic) in topics {
            let topic = topic.map_err(|error| explain(cluster, error))?;
            let count = topic.partitions.len() as PartitionId;
            if let Some(wrong) = self.partition.iter().find(|partition| !(0..count).contains(*partition)) {
                let said = format!("topic {} has no partition {wrong}, only 0 to {}", topic.name, count - 1);
                return Err(Usage(said).into());
            }
            let numbers = if self.partition.is_empty() { (0..count).collect() } else { self.partition.clone() };
            partitions.extend(numbers.into_iter().map(|number| TopicPartition::new(topic.name.clone(), number)));
        }
        Ok(partitions)
    }

    fn print(
        &self,
        before: &Offsets,
        places: &BTreeMap<TopicPartition, Offset>,
        moved: &BTreeSet<TopicPartition>,
    ) -> anyhow::Result<()> {
        let was = |of: &TopicPartition| before.get(of).map(|offset| offset.offset);
        let status = |of: &TopicPartition| match (self.dry_run, moved.contains(of)) {
            (true, _) => "would move",
            (false, true) => "moved",
            (false, false) => "failed",
        };
        match self.output {
            Output::Table => {
                let row = |(of, place): (&TopicPartition, &Offset)| {
                    let from = was(of).map_or_else(|| "-".to_owned(), |offset| offset.to_string());
                    let by = was(of).map_or_else(|| "-".to_owned(), |offset| format!("{:+}", place - offset));
                    let (topic, partition) = (of.topic.to_string(), of.partition.to_string());
                    vec![topic, partition, from, place.to_string(), by, status(of).to_owned()]
                };
                let titles = ["topic", "partition", "from", "to", "by", "status"];
                output::print(&output::table(&titles, places.iter().map(row).collect()))?;
            }
            Output::Json => {
                let object = |(of, place): (&TopicPartition, &Offset)| {
                    json!({
                        "topic": &*of.topic,
                        "partition": of.partition,
                        "from": was(of),
                        "to": place,
                        "status": status(of),
                    })
                };
                output::print_json(&places.iter().map(object).collect())?;
            }
        }
        Ok(())
    }
}
