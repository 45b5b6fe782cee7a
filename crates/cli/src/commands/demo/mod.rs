//! `thalweg demo`: the death of a leader, watched.

mod checking;
mod drawing;
mod measured;
mod stage;
mod tally;
mod writing;

use crate::failure::say;
use crate::output::{self, Output};
use anyhow::bail;
use checking::Checker;
use clap::Args;
use drawing::Drawing;
use measured::{Measured, partitions_of};
use runtime::sync::select;
use runtime::time::{Duration, sleep, timeout};
use stage::Stage;
use writing::Writer;

/// How long all is well before the leader dies.
const CALM: Duration = Duration::from_secs(3);
/// Somebody takes over within this time.
const TAKEOVER_DEADLINE: Duration = Duration::from_secs(15);
/// How long the cluster goes on without the node that died.
const WITHOUT: Duration = Duration::from_secs(3);
/// A node that is back is in sync again within this time.
const RETURN_DEADLINE: Duration = Duration::from_secs(15);
/// How long all is well again at the end.
const AFTER: Duration = Duration::from_secs(1);

/// Watch a cluster lose a leader: three processes, a producer, a checking consumer, and kill -9.
///
/// Takes about ten seconds, in a temporary directory that is gone afterwards.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 0 when nothing that was acknowledged was lost and nothing came twice, else with 1.

Examples:
  thalweg demo
  thalweg demo --rate 5000
  thalweg demo -o json | jq .gap_ms")]
pub struct Demo {
    /// Records a second
    #[arg(short, long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    rate: u32,
    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Plays it, and cleans up however it ends.
pub fn run(demo: &Demo) -> anyhow::Result<()> {
    runtime::task::run(2, async {
        let stop_signal = runtime::process::stop_signal();
        select! {
            biased;
            _ = stop_signal => bail!("stopped; the servers and their directory are gone"),
            played = demo.play() => played,
        }
    })?
}

impl Demo {
    async fn play(&self) -> anyhow::Result<()> {
        say("starting three servers");
        let mut stage = Stage::set().await?;
        let measured = self.measure(&mut stage).await?;
        match self.output {
            Output::Table => output::print(&measured.text())?,
            Output::Json => output::print_json(&measured.json())?,
        }
        if measured.is_good() { Ok(()) } else { bail!("the promise was not kept; please report this") }
    }

    async fn measure(&self, stage: &mut Stage) -> anyhow::Result<Measured> {
        let writer = Writer::start(&stage.client(), self.rate)?;
        let checker = Checker::start(&stage.client())?;
        let drawing = Drawing::start(writer.tally());
        drawing.say(&format!("start    {}", stage.addresses()));
        drawing.say(&format!(
            "write    {} records a second to three partitions with three replicas: acks=all, min.insync.replicas=2",
            self.rate
        ));
        sleep(CALM).await;

        let leaders = stage.leaders().await?;
        let victim = leaders[0];
        let led = partitions_of(&leaders, |leader| leader == victim);
        writer.tally().begin_to_measure();
        stage.kill(victim);
        drawing.say(&format!("kill -9  node {victim}, which leads {led}"));
        if timeout(TAKEOVER_DEADLINE, stage.wait_for_leaders_other_than(victim)).await.is_err() {
            bail!("nobody took over from node {victim} within {TAKEOVER_DEADLINE:?}");
        }
        let heirs = stage.leaders().await?;
        let by: Vec<String> = (leaders.iter().zip(&heirs).filter(|(before, _)| **before == victim))
            .map(|(_, now)| format!("node {now}"))
            .collect();
        drawing.say(&format!("lead     {led} is led by {}", by.join(" and ")));
        sleep(WITHOUT).await;
        let gaps = writer.tally().gaps();

        stage.start_again(victim)?;
        drawing.say(&format!("start    node {victim} again"));
        if timeout(RETURN_DEADLINE, stage.wait_until_in_sync()).await.is_err() {
            bail!("node {victim} was not in sync again within {RETURN_DEADLINE:?}");
        }
        drawing.say(&format!("in sync  node {victim}, and with it every replica"));
        sleep(AFTER).await;

        let written = writer.finish().await?;
        let read = checker.finish(&stage.client()).await?;
        drawing.end();
        Ok(Measured { victim, leaders, gaps, written, read })
    }
}
