//! `thalweg cluster health`.

use super::problems::{Problem, problems};
use super::survey::Survey;
use crate::explain::explain;
use crate::failure::Unhealthy;
use crate::interrupt::Interrupt;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::{ClientError, Cluster};
use runtime::sync::select;
use runtime::time::{Duration, sleep};
use serde_json::{Value, json};

/// What does not answer within this time is a problem.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often --watch looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tell what is wrong with the cluster: each problem with what it means and what to do.
///
/// Ends with 0 when nothing is, and with 10 when something is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg cluster health
  thalweg cluster health -w                what changes, until Ctrl-C
  thalweg cluster health -w -e             wait until all is well
  thalweg cluster health -o json | jq '.problems[].kind'")]
pub struct Health {
    #[command(flatten)]
    servers: Servers,
    /// Look again and again, and tell when something changes
    #[arg(short, long)]
    watch: bool,
    /// With --watch: end as soon as nothing is wrong
    #[arg(short, long)]
    exit_when_healthy: bool,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// What was found.
#[derive(PartialEq)]
struct Report {
    problems: Vec<Problem>,
    brokers: usize,
    partitions: usize,
}

impl Health {
    /// Looks, once or until it is interrupted.
    ///
    /// # Errors
    /// [`Unhealthy`], or the addresses are none.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.cluster(PATIENCE)?;
        let mut last = Report::of(&cluster).await;
        self.print(&last)?;
        let mut interrupt = Interrupt::listen();
        while self.watch && !(self.exit_when_healthy && last.is_healthy()) {
            let next = async {
                sleep(LOOK_EVERY).await;
                Report::of(&cluster).await
            };
            let next = select! {
                biased;
                () = interrupt.asked() => break,
                next = next => next,
            };
            if next.problems != last.problems {
                self.print(&next)?;
            }
            last = next;
        }
        if last.is_healthy() { Ok(()) } else { Err(Unhealthy.into()) }
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        match self.output {
            Output::Table => output::print(&report.text())?,
            Output::Json => output::print_json(&report.json())?,
        }
        Ok(())
    }
}

impl Report {
    async fn of(cluster: &Cluster) -> Report {
        match Survey::of(cluster).await {
            Ok(survey) => {
                let (brokers, partitions) = (survey.cluster.brokers.len(), survey.partitions().count());
                Report { problems: problems(&survey), brokers, partitions }
            }
            Err(error) => Report { problems: vec![nobody_answers(cluster, error)], brokers: 0, partitions: 0 },
        }
    }

    fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    fn text(&self) -> String {
        if self.is_healthy() {
            return format!("healthy: {} brokers, {} partitions, all in sync\n", self.brokers, self.partitions);
        }
        let count = match self.problems.len() {
            1 => "1 problem".to_owned(),
            several => format!("{several} problems"),
        };
        let lines: Vec<String> = self.problems.iter().map(|problem| format!("- {}\n", problem.sentence())).collect();
        format!("unhealthy: {count}\n{}", lines.concat())
    }

    fn json(&self) -> Value {
        let problem = |problem: &Problem| {
            json!({
                "kind": problem.kind,
                "what": problem.what,
                "how": problem.how,
                "nodes": problem.nodes,
                "partitions": problem.partitions.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        };
        json!({
            "healthy": self.is_healthy(),
            "brokers": self.brokers,
            "partitions": self.partitions,
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }
}

fn nobody_answers(cluster: &Cluster, error: ClientError) -> Problem {
    let said = explain(cluster, error).to_string();
    let (what, how) = said.split_once("; ").map_or((said.as_str(), "are the brokers running?"), |parts| parts);
    Problem {
        kind: "no-answer",
        what: format!("no broker answers: {what}"),
        how: how.to_owned(),
        nodes: Vec::new(),
        partitions: Vec::new(),
    }
}
