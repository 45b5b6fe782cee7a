//! The course of a run: good weather while the topics are made; faults; then all is healed, and everything is read.

use super::broker_node::BrokerNode;
use super::nemesis;
use crate::clients::{Client, Phase, Surroundings, create_topics, live, scan};
use crate::plan::{LastRestart, Plan};
use jepsen_lite::history::{FaultKind, History};
use runtime::simulation::{Node, elapsed, trace};
use runtime::sync::watch;
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::net::IpAddr;
use std::sync::Arc;

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
}

/// After all is healed, the broker serves within this time, unless it may refuse to.
const HEALS_WITHIN: Duration = Duration::from_secs(60);
/// Clients come to an end within this time.
const CLIENTS_END_WITHIN: Duration = Duration::from_secs(600);

/// Plays a plan.
pub async fn play(plan: Plan, planted_nondeterminism: bool) -> Played {
    let (phase, phases) = watch::channel(Phase::Faults);
    let around = Arc::new(Surroundings::new("10.0.0.1:9092".into(), plan.world.topics.clone(), phases));
    let broker = BrokerNode::create(IpAddr::from([10, 0, 0, 1]), around.chronicle.clone());
    nemesis::good_weather(&plan.world, broker.node);
    broker.start(&plan.world.broker);
    let admin = client_node(&around, 0, "founder");
    let served = serves(&admin, HEALS_WITHIN).await.is_some();
    assert!(served, "a new broker does not serve: {}", broker.last_refusal());
    admin.run("make topics", |client| create_topics(client)).await;
    let mut running = Vec::new();
    let mut nodes = Vec::new();
    for (number, client) in plan.clients.iter().enumerate() {
        let node = client_node(&around, number as u32 + 1, &client.name);
        nodes.push(node.node);
        let client = client.clone();
        running.push(node.spawn("client", move |this| live(this, client)));
    }
    if planted_nondeterminism {
        let_true_randomness_in().await;
    }
    nemesis::torment(&plan, &broker, &nodes, &around.chronicle).await;
    phase.send_replace(Phase::Drain);
    let served = serves(&admin, HEALS_WITHIN).await.is_some();
    if served {
        restart_last(&broker, plan.last_restart).await;
        serves(&admin, HEALS_WITHIN).await;
    }
    sleep(Duration::from_secs(1)).await; // clients finish what they have begun
    finish_writes(&around).await;
    around.chronicle.healed();
    phase.send_replace(Phase::CatchUp);
    for client in running {
        let ended = timeout(CLIENTS_END_WITHIN, client).await;
        assert!(ended.is_ok(), "a client did not come to its end");
    }
    client_node(&around, 1000, "scanner").run("scan", |client| scan(client)).await;
    Played {
        history: around.chronicle.history(),
        simulated: elapsed(),
        trace_hash: trace::hash(),
        trace_events: trace::count(),
        last_events: trace::last().iter().map(ToString::to_string).collect(),
    }
}

/// A client and the machine it runs on.
struct ClientNode {
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

    async fn run<F>(&self, name: &'static str, what: impl FnOnce(Client) -> F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.spawn(name, what).await.expect("nobody kills a client")
    }
}

/// Waits until the broker answers; `None` when it does not in time.
async fn serves(from: &ClientNode, within: Duration) -> Option<()> {
    let answers = from.spawn("wait for the broker", |client| async move {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Ok(mut wire) = client.connect().await {
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

/// What the final reads see comes from the disk, or from a broker that never stopped.
async fn restart_last(broker: &BrokerNode, last: LastRestart) {
    let down_for = Duration::from_millis(100);
    match last {
        LastRestart::None => {}
        LastRestart::Graceful => broker.end(FaultKind::GracefulRestart, down_for).await,
        LastRestart::Crash => broker.end(FaultKind::ProcessCrash, down_for).await,
        LastRestart::PowerFailure => broker.end(FaultKind::PowerFailure, down_for).await,
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
