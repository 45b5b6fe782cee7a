//! `thalweg group members`.

use super::found;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::admin::{DescribedGroup, GroupMember};
use model::TopicPartition;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Show who is in groups, and what each reads.
#[derive(Debug, Args)]
#[command(after_help = "\
TO COME and TO GO are partitions that a member of a consumer group is to read and does not
yet, and that it reads and is to let go of.

Examples:
  thalweg group members billing
  thalweg group members billing -o json | jq '.[].members[].host'")]
pub struct Members {
    /// Their names
    #[arg(required = true)]
    groups: Vec<String>,
    #[command(flatten)]
    servers: Servers,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Members {
    /// Prints them; groups that cannot be described are errors at the end.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let (groups, failures) = found::find(&cluster, &self.groups).await;
        match self.output {
            Output::Table => {
                let rows = groups.iter().flat_map(|group| group.members.iter().map(|member| row(group, member)));
                let titles = ["group", "member", "client", "host", "instance", "epoch", "reads", "to come", "to go"];
                output::print(&output::table(&titles, rows.collect()))?;
            }
            Output::Json => output::print_json(&groups.iter().map(json).collect())?,
        }
        found::all_well(&failures)
    }
}

fn row(group: &DescribedGroup, member: &GroupMember) -> Vec<String> {
    let (to_come, to_go) = moving(member);
    vec![
        group.group_id.clone(),
        member.member_id.clone(),
        member.client_id.clone(),
        member.host.clone(),
        member.instance_id.clone().unwrap_or_else(|| "-".to_owned()),
        if member.epoch < 0 && !group.is_consumer { "-".to_owned() } else { member.epoch.to_string() },
        member.reads.as_ref().map_or_else(|| "?".to_owned(), list),
        list(&to_come),
        list(&to_go),
    ]
}

/// What it is to read and does not, and what it reads and is not to.
fn moving(member: &GroupMember) -> (BTreeSet<TopicPartition>, BTreeSet<TopicPartition>) {
    let (Some(reads), Some(target)) = (&member.reads, &member.target) else { return Default::default() };
    (target - reads, reads - target)
}

/// Partitions by topic, such as `orders:0-3,7`.
fn list(partitions: &BTreeSet<TopicPartition>) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for of in partitions {
        topics.entry(&of.topic).or_default().push(of.partition);
    }
    if topics.is_empty() {
        return "-".to_owned();
    }
    let words: Vec<String> = topics.iter().map(|(topic, numbers)| format!("{topic}:{}", ranges(numbers))).collect();
    words.join(" ")
}

fn ranges(numbers: &[i32]) -> String {
    let mut ranges: Vec<(i32, i32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let word = |(first, last): &(i32, i32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(word).collect::<Vec<_>>().join(",")
}

fn json(group: &DescribedGroup) -> Value {
    let partitions = |partitions: &BTreeSet<TopicPartition>| -> Vec<Value> {
        partitions.iter().map(|of| json!({"topic": &*of.topic, "partition": of.partition})).collect()
    };
    let member = |member: &GroupMember| {
        json!({
            "member": member.member_id,
            "client": member.client_id,
            "host": member.host,
            "instance": member.instance_id,
            "epoch": Some(member.epoch).filter(|_| group.is_consumer),
            "reads": member.reads.as_ref().map(partitions),
            "target": member.target.as_ref().map(partitions),
        })
    };
    json!({
        "group": group.group_id,
        "state": group.state,
        "members": group.members.iter().map(member).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(numbers: &[i32]) -> BTreeSet<TopicPartition> {
        numbers.iter().map(|number| TopicPartition::new("t", *number)).collect()
    }

    #[test]
    fn partitions_in_a_row_are_one_range() {
        assert_eq!(list(&partitions(&[0, 1, 2, 5, 7, 8])), "t:0-2,5,7-8");
        assert_eq!(list(&partitions(&[])), "-");
    }

    #[test]
    fn what_moves_is_told_from_what_stays() {
        let member = GroupMember {
            reads: Some(partitions(&[0, 1])),
            target: Some(partitions(&[1, 2])),
            ..GroupMember::default()
        };
        assert_eq!(moving(&member), (partitions(&[2]), partitions(&[0])));
    }
}
