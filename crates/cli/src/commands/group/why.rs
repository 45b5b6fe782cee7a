//! `thalweg group why`.

use super::describe::kind;
use super::found;
use crate::output::{self, Output};
use crate::servers::Servers;
use crate::times;
use clap::Args;
use client::admin::DescribedGroup;
use coordinator::group::why::{HeldUp, History, Rebalance};
use serde_json::{Value, json};

/// Tell why a group rebalanced: its last rebalances, what set each off, how long it took and who held it up.
#[derive(Debug, Args)]
#[command(after_help = "\
The coordinator keeps the last 20 rebalances with the group itself, so they outlive it. Only
Thalweg's servers tell them.

Examples:
  thalweg group why billing
  thalweg group why billing -o json | jq '.rebalances[-1].cause'")]
pub struct Why {
    /// Its name
    group: String,
    #[command(flatten)]
    servers: Servers,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Why {
    /// Prints them, the oldest first.
    ///
    /// # Errors
    /// The group is not there.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let group = found::find_one(&cluster, &self.group).await?;
        let history = History::of(&group.more);
        match self.output {
            Output::Table if history.rebalances().is_empty() => {
                let nothing = "no rebalances are known of the group: it has had none, or the server does not tell";
                crate::failure::say(nothing);
            }
            Output::Table => {
                let titles = ["time", "epoch", "took", "cause", "who", "detail", "held up by"];
                output::print(&output::table(&titles, history.rebalances().iter().map(row).collect()))?;
            }
            Output::Json => output::print_json(&json(&group, &history))?,
        }
        Ok(())
    }
}

fn row(rebalance: &Rebalance) -> Vec<String> {
    let known = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        times::utc(rebalance.started),
        rebalance.epoch.to_string(),
        times::duration(rebalance.took_ms.into()),
        rebalance.cause.words().to_owned(),
        who(&rebalance.member, &rebalance.client),
        known(&rebalance.detail),
        rebalance.held_up.as_ref().map_or_else(|| "-".to_owned(), held_up),
    ]
}

/// A member with its client's name, unless the one begins with the other, as the coordinator makes them.
fn who(member: &str, client: &str) -> String {
    match (member, client) {
        ("", "") => "-".to_owned(),
        ("", client) => client.to_owned(),
        (member, client) if client.is_empty() || member.starts_with(client) => member.to_owned(),
        (member, client) => format!("{client} ({member})"),
    }
}

fn held_up(by: &HeldUp) -> String {
    let waited = times::duration(by.waited_ms.into());
    let missed = if by.missed { ", never came" } else { "" };
    format!("{}, {waited} {}{missed}", who(&by.member, &by.client), by.phase.words())
}

fn json(group: &DescribedGroup, history: &History) -> Value {
    let held_up = |by: &HeldUp| {
        json!({
            "member": &*by.member,
            "client": &*by.client,
            "phase": by.phase.words(),
            "waited_ms": by.waited_ms,
            "missed": by.missed,
        })
    };
    let rebalance = |rebalance: &Rebalance| {
        json!({
            "time": rebalance.started,
            "epoch": rebalance.epoch,
            "took_ms": rebalance.took_ms,
            "cause": rebalance.cause.words(),
            "member": &*rebalance.member,
            "client": &*rebalance.client,
            "detail": &*rebalance.detail,
            "held_up_by": rebalance.held_up.as_ref().map(held_up),
        })
    };
    json!({
        "group": group.group_id,
        "kind": kind(group),
        "state": group.state,
        "rebalances": history.rebalances().iter().map(rebalance).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use coordinator::group::why::{Cause, Phase};

    #[test]
    fn a_row_says_who_did_what_and_whom_the_others_waited_for() {
        let by = HeldUp {
            phase: Phase::Join,
            missed: true,
            waited_ms: 60_500,
            member: "slow-1".into(),
            client: "slow".into(),
        };
        let rebalance = Rebalance {
            started: 0,
            epoch: 7,
            took_ms: 61_000,
            cause: Cause::MemberJoined,
            member: "b-uuid".into(),
            client: "c".into(),
            detail: "".into(),
            held_up: Some(by),
        };
        let expected = [
            "1970-01-01 00:00:00Z",
            "7",
            "1 min 1 s",
            "a member joined",
            "c (b-uuid)",
            "-",
            "slow-1, 1 min 0 s joining, never came",
        ];
        assert_eq!(row(&rebalance), expected);
    }
}
