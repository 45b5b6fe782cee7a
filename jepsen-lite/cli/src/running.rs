//! `run`: a cluster, its clients, what is done to it, and what came of that.

use crate::clients::{
    self, Chronicle, Crew, Phase, Surroundings, await_groups, converge, create_topics, look_up_everything, topics,
};
use crate::command_line::{Run, Trouble, Workload};
use crate::nemesis::{Nemesis, Plan};
use crate::report::{self, Outline};
use crate::servers::{Cluster, wait_until_ready};
use crate::{Ending, checking, say};
use anyhow::{Context, bail};
use client::Admin;
use jepsen_lite::checker;
use jepsen_lite::history::{History, Member};
use runtime::sync::{select, watch};
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Servers may take so long to come together. A JVM on a busy machine is slow.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// So long after the last fault a producer has given up whatever was not answered.
const WRITES_END_WITHIN: Duration = Duration::from_secs(40);
/// Clients stop within this time once they are told to.
const CLIENTS_END_WITHIN: Duration = Duration::from_secs(120);

/// Runs it, writes everything into its folder, and says what came of it.
///
/// # Errors
/// The servers cannot be started or used, or files not be written.
pub fn run(run: &Run) -> anyhow::Result<Ending> {
    perform(run, None)
}

/// The same with the faults of a `.repro` file of the simulator.
///
/// # Errors
/// As [`run`]; or it is no such file.
pub fn replay(file: &Path, run: &Run) -> anyhow::Result<Ending> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let plan = Plan::read(&text).with_context(|| format!("{} is no .repro file", file.display()))?;
    for (kind, times) in &plan.left_out {
        say(&format!("left out: {times} of {kind}, which nobody can do to processes"));
    }
    let workload = if plan.has_groups { Workload::Group } else { run.workload };
    let run = Run { nodes: plan.nodes, nemesis: plan.troubles(), time: plan.lasts(), workload, ..run.clone() };
    perform(&run, Some(&plan))
}

fn perform(run: &Run, plan: Option<&Plan>) -> anyhow::Result<Ending> {
    let out = folder(run)?;
    let played =
        runtime::task::run(0, Box::pin(until_stopped(run, plan, &out))).context("threads cannot be started")??;
    let Played { history, mut outline } = played;
    checking::save_history(&history, &out.join("history.jsonl"))?;
    checking::save_edn(&history, &out.join("history.edn"))?;
    let verdict = checker::check(&history);
    let ending = checking::ending_of(&history, &verdict);
    outline.verdict = match ending {
        Ending::Valid => "valid: every promise was kept".to_owned(),
        Ending::Broken => "BROKEN: a promise was not kept".to_owned(),
        Ending::Unknown => "unknown: nothing was done that could be judged".to_owned(),
    };
    let page = out.join("report.html");
    fs::write(&page, report::page(&history, &verdict, &outline))
        .with_context(|| format!("cannot write {}", page.display()))?;
    print!("{}", report::in_words(&history, &verdict, &outline));
    println!("{} (history.jsonl, history.edn, report.html, node-*/server.log)", out.display());
    Ok(ending)
}

fn folder(run: &Run) -> anyhow::Result<PathBuf> {
    let new = || PathBuf::from("jepsen-lite-runs").join(runtime::clock::now().to_string());
    let folder = run.out.clone().unwrap_or_else(new);
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", folder.display());
    }
    let cannot = || format!("cannot use {}", folder.display());
    fs::create_dir_all(&folder).with_context(cannot)?;
    folder.canonicalize().with_context(cannot)
}

/// A run that is over, and not judged yet.
struct Played {
    history: History,
    outline: Outline,
}

/// Dropped with the story are its servers, and whatever was set up for them.
async fn until_stopped(run: &Run, plan: Option<&Plan>, out: &Path) -> anyhow::Result<Played> {
    let stopped = runtime::process::stop_signal();
    select! {
        biased;
        _ = stopped => bail!("stopped; the servers are gone, and nothing was judged"),
        played = Box::pin(play(run, plan, out)) => played,
    }
}

async fn play(run: &Run, plan: Option<&Plan>, out: &Path) -> anyhow::Result<Played> {
    let mut servers = Cluster::start(run, out)?;
    for (trouble, why) in &servers.skipped {
        say(&format!("{} is skipped: {why}", trouble.name()));
    }
    let (phase, phases) = watch::channel(Phase::Faults);
    let around = Surroundings {
        chronicle: Chronicle::new(),
        bootstrap: servers.bootstrap.clone(),
        topics: Arc::new(topics(run)),
        phase: phases,
        rate: run.rate,
    };
    let client = around.connect("founder");
    wait_until_ready(&mut servers, &client, READY_WITHIN).await?;
    let members = members(&client).await?;
    let nodes: Vec<_> = members.iter().map(|member| member.node).collect();
    around.chronicle.members(members);
    create_topics(&around).await?;
    let crews = if run.workload == Workload::Group { Crew::all(&around) } else { Vec::new() };
    let mut working = clients::start(&around);
    working.extend((0..).zip(&crews).flat_map(|(number, crew)| crew.start(number)));
    let repairs = clients::watch_repairs(&around);
    let troubles: Vec<Trouble> = servers.troubles(run);
    let mut nemesis = Nemesis::new(&mut servers, &around);
    match plan {
        Some(plan) => nemesis.follow(plan, &troubles).await?,
        None => nemesis.torment(&troubles, run.time).await?,
    }
    say("all faults are over");
    phase.send_replace(Phase::Drain);
    let complaint = come_back(&mut servers, &client).await;
    clients::finish_writes(&around, WRITES_END_WITHIN).await;
    converge(&around, &nodes).await;
    around.chronicle.healed();
    await_groups(&crews).await;
    phase.send_replace(Phase::CatchUp);
    end(working).await;
    look_up_everything(&crews).await;
    clients::scan(&around).await;
    repairs.abort();
    let outline = outline(run, &mut servers, complaint);
    Ok(Played { history: around.chronicle.finish(), outline })
}

/// Who is in the cluster. Of servers elsewhere it is not known who votes: then none is taken to be spared by a fault.
async fn members(client: &client::Cluster) -> anyhow::Result<Vec<Member>> {
    let described = Admin::new(client).describe_cluster().await.context("the cluster does not describe itself")?;
    let member = |broker: &client::admin::DescribedBroker| Member { node: broker.node, votes: true, rack: None };
    Ok(described.brokers.iter().map(member).collect())
}

/// Waits until all nodes are there again. One that ends by itself is started again, as somebody would; if that does not
/// help it is said, and judged by what clients get.
async fn come_back(servers: &mut Cluster, client: &client::Cluster) -> Option<String> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let error = wait_until_ready(servers, client, left).await.err()?;
        if Instant::now() >= deadline {
            let complaint = format!("the nodes did not come back: {error:#}");
            say(&complaint);
            return Some(complaint);
        }
        sleep(Duration::from_secs(1)).await;
        for node in servers.nodes.values_mut() {
            if let Err(error) = node.start() {
                say(&format!("node {}: {error:#}", node.id));
            }
        }
    }
}

async fn end(working: Vec<JoinHandle<()>>) {
    let deadline = Instant::now() + CLIENTS_END_WITHIN;
    for client in working {
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left, client).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => say(&format!("a client failed: {error}")),
            Err(_) => say("a client did not come to its end"),
        }
    }
}

fn outline(run: &Run, servers: &mut Cluster, complaint: Option<String>) -> Outline {
    let mut notes: Vec<String> =
        servers.skipped.iter().map(|(trouble, why)| format!("skipped: {}: {why}", trouble.name())).collect();
    for node in servers.nodes.values_mut() {
        node.is_running(); // takes note of an end that nobody has noticed
        let id = node.id;
        notes.extend(node.own_ends.iter().map(|how| format!("node {id} {how} by itself, and was started again")));
    }
    notes.extend(
        servers.reached_bugs().into_iter().map(|(node, bug)| format!("node {node} reached the planted bug {bug}")),
    );
    notes.extend(complaint);
    let workload = match run.workload {
        Workload::Log => "log",
        Workload::Group => "group",
    };
    let seconds = run.time.as_secs();
    let (system, nodes, rate) = (run.system.name(), run.nodes, run.rate);
    let title = match servers.nodes.is_empty() {
        true => format!("{system}: {workload} workload for {seconds} s at {rate} records a second"),
        false => format!("{system}: {workload} workload on {nodes} nodes for {seconds} s at {rate} records a second"),
    };
    Outline { title, verdict: String::new(), notes }
}
