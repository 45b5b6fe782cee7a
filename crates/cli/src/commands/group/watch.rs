//! `thalweg group watch`.

use super::describe::{Described, kind};
use super::found;
use crate::interrupt::Interrupt;
use crate::output::{self, Output};
use crate::servers::Servers;
use crate::times;
use clap::Args;
use client::Cluster;
use runtime::sync::select;
use runtime::time::{Duration, sleep};
use serde_json::json;
use std::fmt::Write;

/// Watch a group: a line whenever something has changed, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
LAG, AGE and RATE are those of all partitions together: RATE is how many records a second the
group has committed since the line before.

Examples:
  thalweg group watch billing
  thalweg group watch billing --every 10 -o json     an object a line")]
pub struct Watch {
    /// Its name
    group: String,
    #[command(flatten)]
    servers: Servers,
    /// How many seconds are between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// End after so many looks
    #[arg(short = 'n', long, value_name = "N")]
    number: Option<u64>,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

const PATIENCE: Duration = Duration::from_secs(3);

const TITLES: [(&str, usize); 8] =
    [("TIME", 20), ("KIND", 8), ("STATE", 20), ("EPOCH", 5), ("MEMBERS", 7), ("LAG", 12), ("AGE", 12), ("RATE", 10)];

/// What a look showed.
struct Look {
    described: Described,
    time: i64,
}

impl Watch {
    /// Looks until it is interrupted.
    ///
    /// # Errors
    /// The group is not there at first.
    pub async fn run(&self) -> anyhow::Result<()> {
        let mut interrupt = Interrupt::listen();
        select! {
            biased;
            () = interrupt.asked() => Ok(()),
            ended = self.look_and_look() => ended,
        }
    }

    async fn look_and_look(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let hasty = self.servers.cluster(PATIENCE)?;
        let mut before = None;
        let mut last_line = Vec::new();
        if self.output == Output::Table {
            output::print(&line(&TITLES.map(|(title, _)| title.to_owned())))?;
        }
        for look in 0.. {
            if self.number.is_some_and(|number| look >= number) {
                break;
            }
            if look > 0 {
                sleep(Duration::from_secs(self.every)).await;
            }
            let now = match self.look(&cluster, &hasty).await {
                Ok(now) => now,
                Err(error) if before.is_none() => return Err(error),
                Err(error) => {
                    crate::failure::say(&format!("{error:#}; still looking"));
                    continue;
                }
            };
            self.print(&now, before.as_ref(), &mut last_line)?;
            before = Some(now);
        }
        Ok(())
    }

    async fn look(&self, cluster: &Cluster, hasty: &Cluster) -> anyhow::Result<Look> {
        let group = found::find_one(cluster, &self.group).await?;
        let described = Described::of(cluster, hasty, group).await?;
        Ok(Look { described, time: runtime::clock::now() })
    }

    fn print(&self, now: &Look, before: Option<&Look>, last_line: &mut Vec<String>) -> anyhow::Result<()> {
        let rate = before.map(|before| rate(before, now));
        let group = &now.described.group;
        if self.output == Output::Json {
            let object = json!({
                "time": now.time,
                "group": group.group_id,
                "kind": kind(group),
                "state": group.state,
                "epoch": Some(group.epochs.0).filter(|epoch| *epoch >= 0),
                "members": group.members.len(),
                "lag": now.described.lag(),
                "age_ms": now.described.age(),
                "rate": rate,
            });
            return Ok(output::print(&format!("{object}\n"))?);
        }
        let words = [
            times::utc(now.time),
            kind(group).to_owned(),
            group.state.clone(),
            if group.epochs.0 < 0 { "-".to_owned() } else { group.epochs.0.to_string() },
            group.members.len().to_string(),
            now.described.lag().to_string(),
            now.described.age().map_or_else(|| "-".to_owned(), times::duration),
            rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate}/s")),
        ];
        if words[1..] != last_line[..] {
            *last_line = words[1..].to_vec();
            output::print(&line(&words))?;
        }
        Ok(())
    }
}

/// Records a second that were committed in between. A group that was moved back has committed none.
fn rate(before: &Look, now: &Look) -> i64 {
    let moved = |(of, stand): (&model::TopicPartition, &super::lag::Stand)| {
        let was = before.described.stands.get(of).and_then(|stand| stand.committed)?;
        Some((stand.committed? - was).max(0))
    };
    let records: i64 = now.described.stands.iter().filter_map(moved).sum();
    records * 1000 / (now.time - before.time).max(1)
}

fn line(words: &[String; 8]) -> String {
    let mut line = String::new();
    for (word, (_, width)) in words.iter().zip(TITLES) {
        let _ = write!(line, "{word:width$}  "); // a string takes everything
    }
    format!("{}\n", line.trim_end())
}
