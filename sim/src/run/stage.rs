//! The course of a run: good weather while the topics are made; faults; then a core of the nodes is healed and has to get
//! on by itself; then all is healed, and everything is read.

use super::away::Away;
use super::cluster::Cluster;
use super::convergence::{Convergence, converge};
use super::nemesis::{self, Atlas};
use super::operators::Operators;
use super::recorder::Recorder;
use super::repairs;
use super::server_node::ServerNode;
use super::state;
use super::stop_in_peace::stop_in_peace;
use super::writability::{Writability, write_everywhere};
use crate::clients::{
    Client, Phase, Surroundings, ask_for_metadata, await_groups, create_topics, live, look_at_deeds,
    look_up_bounds_and_times, look_up_everything, scan,
};
use crate::invariants::{self, SharedPromises};
use crate::plan::{LastRestart, Plan};
use jepsen_lite::history::{FaultKind, History};
use runtime::simulation::{Node, elapsed, trace};
use runtime::sync::watch;
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// What a run writes into. It outlives a run that fails.
#[derive(Clone, Default)]
pub struct Books {
    /// What clients do and see.
    pub history: Arc<Mutex<jepsen_lite::history::Recorder>>,
    /// What the inside looks like, where somebody wants to know.
    pub recorder: Option<Arc<Recorder>>,
}

/// What came of it.
pub struct Played {
    /// What clients saw and what went wrong.
    pub history: History,
    /// Simulated time from the beginning to the end.
    pub simulated: Duration,
    /// Hash of the whole trace.
    pub trace_hash: u64,
    /// Events in it.
    pub trace_events: u64,
    /// The last of them.
    pub last_events: Vec<String>,
    /// How the cluster is in the end, for people.
    pub state: Vec<String>,
}

/// After all is healed, each node serves within this time, unless it may refuse to.
const HEALS_WITHIN: Duration = Duration::from_secs(60);
/// Clients come to an end within this time.
const CLIENTS_END_WITHIN: Duration = Duration::from_secs(600);

/// Plays a plan.
pub async fn play(plan: Plan, planted_nondeterminism: bool, blind: bool, books: Books) -> Played {
    let (phase, phases) = watch::channel(Phase::Faults);
    let stage = Stage::set(&plan, phases, &books);
    stage.open(&plan, blind).await;
    let mut running = Vec::new();
    let mut nodes = Vec::new();
    for (number, client) in plan.clients.iter().enumerate() {
        let node = client_node(&stage.around, number as u32 + 1, &client.name);
        nodes.push(node.node);
        let client = client.clone();
        running.push(node.spawn("client", move |this| live(this, client)));
    }
    if planted_nondeterminism {
        let_true_randomness_in().await;
    }
    let operating = stage.operate(&plan);
    nemesis::torment(&plan, &stage.cluster, &nodes, &stage.around.chronicle, stage.atlas.clone()).await;
    if let Some(operating) = operating {
        operating.await.expect("nobody aborts it").restore().await;
    }
    stage.heal_a_core(&plan, &nodes).await;
    phase.send_replace(Phase::Drain);
    stage.heal_all(&plan).await;
    stage.admin.run("await groups", await_groups).await;
    if stage.cluster.is_many() {
        // What is committed shows once enough are in sync: before that nobody can read to the end (seed 190 of clusters).
        stage.converge(Convergence::full()).await;
    }
    phase.send_replace(Phase::CatchUp);
    for (client, plan) in running.into_iter().zip(&plan.clients) {
        let ended = timeout(CLIENTS_END_WITHIN, client).await;
        assert!(ended.is_ok(), "{} did not come to its end", plan.name);
    }
    if stage.cluster.is_many() {
        stage.converge(Convergence::full()).await;
        stage.admin.run("look at deeds", look_at_deeds).await;
    }
    stage.write_everywhere(Writability::full()).await;
    if stage.cluster.is_many() {
        stage.admin.run("ask for metadata", ask_for_metadata).await;
        invariants::compare_everything(&stage.cluster, &stage.promises).await;
    }
    if let Some(place) = plan.stopped_in_peace {
        stop_in_peace(&plan.world, &stage.cluster, place, &stage.around.chronicle).await;
        serves(&stage.admin, stage.cluster.at(place), HEALS_WITHIN).await;
        stage.converge(Convergence::full()).await;
    }
    if plan.groups.is_some() && !blind {
        let compared = invariants::groups_are_their_log::compare(&stage.cluster).await;
        trace::record("coordinators compared with their logs", [compared as u64, 0, 0]);
    }
    let plans = plan.clients.clone();
    stage.admin.run("look up what is committed", |client| look_up_everything(client, plans)).await;
    stage.admin.run("look up bounds and times", look_up_bounds_and_times).await;
    client_node(&stage.around, 1000, "scanner").run("scan", scan).await;
    if let Some(recorder) = &books.recorder {
        recorder.end();
    }
    Played {
        history: stage.around.chronicle.finish(),
        simulated: elapsed(),
        trace_hash: trace::hash(),
        trace_events: trace::count(),
        last_events: trace::last().iter().map(ToString::to_string).collect(),
        state: state::describe(&stage.cluster),
    }
}

/// What there is besides the clients of the plan.
struct Stage {
    cluster: Cluster,
    around: Arc<Surroundings>,
    atlas: Atlas,
    promises: SharedPromises,
    admin: ClientNode,
}

impl Stage {
    fn set(plan: &Plan, phases: watch::Receiver<Phase>, books: &Books) -> Stage {
        let chronicle = crate::clients::Chronicle::of(books.history.clone());
        let cluster = Cluster::create(&plan.world, &chronicle);
        if let Some(recorder) = &books.recorder {
            recorder.begin(&cluster);
        }
        let addresses = cluster.addresses();
        let around =
            Arc::new(Surroundings::new(chronicle, addresses, (plan.world.topics.clone(), plan.groups.clone()), phases));
        let atlas = Atlas::new(plan, &cluster);
        let admin = client_node(&around, 0, "founder");
        Stage { cluster, around, atlas, promises: SharedPromises::default(), admin }
    }

    /// Starts the nodes and makes the topics, in good weather.
    async fn open(&self, plan: &Plan, blind: bool) {
        nemesis::good_weather(&plan.world, &self.cluster);
        nemesis::set_clocks(&plan.world, &self.cluster);
        self.cluster.start(&plan.world);
        for server in self.cluster.servers.iter() {
            let served = serves(&self.admin, server, HEALS_WITHIN).await.is_some();
            assert!(served, "a new broker does not serve: {}", server.last_refusal());
        }
        self.admin.run("make topics", create_topics).await;
        if self.cluster.is_many() {
            let (cluster, chronicle, atlas) = (self.cluster.clone(), self.around.chronicle.clone(), self.atlas.clone());
            if !blind {
                let watching = invariants::watch(
                    plan.clone(),
                    cluster.clone(),
                    atlas.clone(),
                    chronicle.clone(),
                    self.promises.clone(),
                );
                runtime::task::spawn("invariants", watching);
            }
            runtime::task::spawn("repairs", repairs::watch(cluster, chronicle, atlas));
        }
        if plan.groups.is_some() && !blind {
            let watching = invariants::groups_are_their_log::watch(self.cluster.clone());
            runtime::task::spawn("invariants of groups", watching);
        }
    }

    /// Has operators do what they do, where they do something.
    fn operate(&self, plan: &Plan) -> Option<JoinHandle<Operators>> {
        if plan.quorum.is_empty() {
            return None;
        }
        let from = client_node(&self.around, 1001, "operator");
        let operators = Operators::new(&plan.world, &self.cluster, from);
        Some(runtime::task::spawn(
            "operators",
            operators.operate(plan.quorum.clone(), Duration::from_millis(plan.faults_for_ms)),
        ))
    }

    /// All faults are over. Where some nodes are held back, the others have to get on without them.
    async fn heal_a_core(&self, plan: &Plan, clients: &[Node]) {
        if plan.held_back.is_empty() {
            return;
        }
        let held: Vec<ServerNode> = plan.held_back.iter().map(|place| self.cluster.at(*place).clone()).collect();
        let held_ids: Vec<_> = held.iter().map(|server| server.id).collect();
        let core: Vec<&ServerNode> = self.cluster.servers.iter().filter(|s| !held_ids.contains(&s.id)).collect();
        let clients = clients.iter().copied().chain([self.admin.node]);
        let others = core.iter().map(|server| server.node).chain(clients).collect();
        let away = Away::begin(held, others, plan.absence, &self.around.chronicle);
        for server in &core {
            serves(&self.admin, server, HEALS_WITHIN).await;
        }
        self.converge(Convergence::without(held_ids.clone(), plan.absence)).await;
        self.write_everywhere(Writability::without(held_ids, plan.absence)).await;
        away.end(&self.around.chronicle);
    }

    async fn heal_all(&self, plan: &Plan) {
        self.cluster.servers.iter().for_each(ServerNode::let_go);
        let mut served = true;
        for server in self.cluster.servers.iter() {
            served &= serves(&self.admin, server, HEALS_WITHIN).await.is_some();
        }
        if served {
            restart_last(&self.cluster, plan.last_restart).await;
            for server in self.cluster.servers.iter() {
                serves(&self.admin, server, HEALS_WITHIN).await;
            }
        }
        sleep(Duration::from_secs(1)).await; // clients finish what they have begun
        if self.cluster.is_many() {
            self.converge(Convergence::leaders()).await;
        }
        finish_writes(&self.around).await;
        self.around.chronicle.healed();
    }

    async fn converge(&self, what: Convergence) {
        self.admin.run("converge", |client| converge(client, what)).await;
    }

    async fn write_everywhere(&self, what: Writability) {
        self.admin.run("write everywhere", |client| write_everywhere(client, what)).await;
    }
}

/// A client and the machine it runs on.
pub struct ClientNode {
    node: Node,
    client: Client,
}

fn client_node(around: &Arc<Surroundings>, process: u32, name: &str) -> ClientNode {
    let address = IpAddr::from([10, 0, 1 + (process / 200) as u8, 1 + (process % 200) as u8]);
    let client = Client { process, name: name.to_owned(), around: around.clone() };
    ClientNode { node: Node::create(name, address), client }
}

impl ClientNode {
    fn spawn<F>(&self, name: &'static str, what: impl FnOnce(Client) -> F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.node.spawn(name, what(self.client.clone()))
    }

    /// Does something there, to its end.
    pub async fn run<F>(&self, name: &'static str, what: impl FnOnce(Client) -> F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.spawn(name, what).await.expect("nobody kills a client")
    }
}

/// Waits until a node answers; `None` when it does not in time.
async fn serves(from: &ClientNode, server: &ServerNode, within: Duration) -> Option<()> {
    let id = server.id;
    let answers = from.spawn("wait for the broker", move |client| async move {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Ok(mut wire) = client.connect_to(id).await {
                let request = protocol::messages::ApiVersionsRequest::default();
                if wire.call(&request, 0, Duration::from_secs(2)).await.is_ok() {
                    return Some(());
                }
            }
            client.back_off().await;
        }
        None
    });
    answers.await.expect("nobody kills a client")
}

/// What the final reads see comes from disks, or from brokers that never stopped.
async fn restart_last(cluster: &Cluster, last: LastRestart) {
    let down_for = Duration::from_millis(100);
    let kind = match last {
        LastRestart::None => return,
        LastRestart::Graceful => FaultKind::GracefulRestart,
        LastRestart::Crash => FaultKind::ProcessCrash,
        LastRestart::PowerFailure => FaultKind::PowerFailure,
    };
    let all = cluster.servers.iter().cloned();
    let ending: Vec<_> = all
        .map(|server| runtime::task::spawn("last restart", async move { server.end(kind, down_for).await }))
        .collect();
    for end in ending {
        let _ = end.await; // nobody aborts one
    }
}

/// Waits until no write is on its way any more, for the time that a producer may take.
async fn finish_writes(around: &Surroundings) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline && around.chronicle.writes_pending() {
        sleep(Duration::from_millis(200)).await;
    }
}

/// The deliberate leak that `check` must notice: the machine's own randomness decides how long we wait.
#[allow(clippy::disallowed_methods)] // that is the point
async fn let_true_randomness_in() {
    let bytes = std::fs::read("/proc/sys/kernel/random/uuid").unwrap_or_default();
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    sleep(Duration::from_micros(1 + sum)).await;
}
