//! One machine of the cluster: the process on it, and what restarts it when it dies.

use crate::clients::Chronicle;
use crate::plan::NodeShape;
use broker::Broker;
use jepsen_lite::history::{FaultKind, FaultNature};
use model::NodeId;
use model::config::{Origin, ServerConfig};
use runtime::record::Image;
use runtime::simulation::{Exit, Node, Stream, disk, elapsed, stream, trace};
use runtime::time::{Duration, Instant, sleep, sleep_until};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// A machine that a broker, a controller or both run on.
#[derive(Clone)]
pub struct ServerNode {
    /// Its `node.id`, and its number in histories.
    pub id: NodeId,
    /// The machine.
    pub node: Node,
    chronicle: Chronicle,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Nobody starts it before this.
    down_until: Option<Instant>,
    /// Nobody starts it at all.
    held_back: bool,
    /// The next end of the process is somebody's wish.
    end_is_planned: bool,
    /// Why it does not start, when it says so.
    refusal: Option<String>,
    /// Why it did not start or run on, when it last said so.
    last_refusal: String,
    /// When the process that ran last was started, in simulated time from the beginning.
    started: Duration,
    /// What the process that runs shares with nobody but us.
    broker: Weak<Broker>,
}

impl ServerNode {
    /// A machine with an empty disk. Nothing runs on it yet.
    pub fn create(id: NodeId, chronicle: Chronicle, one_of_many: bool) -> ServerNode {
        let address = IpAddr::from([10, 0, 0, id as u8]);
        let name = if one_of_many { format!("node-{id}") } else { "broker".to_owned() };
        ServerNode { id, node: Node::create(&name, address), chronicle, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside")
    }

    /// Starts the process, and whatever restarts it.
    pub fn start(&self, shape: &NodeShape) {
        let mut server = ServerConfig::new();
        for (name, value) in &shape.configs {
            server.add(name, value, Origin::Program);
        }
        let state = self.state.clone();
        self.node.start(move || serve(server.clone(), state.clone()));
        let this = self.clone();
        runtime::task::spawn("broker's keeper", async move { this.keep_running().await });
    }

    /// Why it did not start, when it last said so.
    pub fn last_refusal(&self) -> String {
        self.state().last_refusal.clone()
    }

    /// The broker that serves there; none while it starts or is down.
    pub fn broker(&self) -> Option<Arc<Broker>> {
        if self.node.is_running() { self.state().broker.upgrade() } else { None }
    }

    /// Whether it was asked to stop, or is about to be ended.
    pub fn is_ending(&self) -> bool {
        self.state().end_is_planned
    }

    /// When the present life began, in simulated time from the beginning.
    pub fn started(&self) -> Duration {
        self.state().started
    }

    /// Restarts the process each time that it ends: at once when it was asked to, after a while when it was killed, and
    /// later and later while it refuses to start.
    async fn keep_running(self) {
        let label =
            if self.node.name() == "broker" { "broker's keeper".to_owned() } else { format!("keeper of {}", self.id) };
        let mut dice = stream(&label);
        let mut refusals: u32 = 0;
        loop {
            let exit = self.node.exited().await;
            let refused = self.note_end(&exit);
            refusals = if refused { refusals + 1 } else { 0 };
            self.wait_until_wanted(&mut dice, refusals).await;
            self.node.restart();
        }
    }

    /// Whether the process ended because it refuses to start.
    fn note_end(&self, exit: &Exit) -> bool {
        let (planned, refusal) = {
            let mut state = self.state();
            let refusal = state.refusal.take();
            if let Some(why) = &refusal {
                state.last_refusal.clone_from(why);
            }
            state.broker = Weak::new();
            (std::mem::take(&mut state.end_is_planned), refusal)
        };
        match (exit, &refusal) {
            (Exit::Returned, Some(why)) => {
                trace::record("broker refuses to start", [0; 3]);
                tracing::info!("the broker refuses to start: {why}");
            }
            (Exit::Halted(why), _) => {
                trace::record("broker halted", [0; 3]);
                tracing::info!("the broker halted: {why}");
                self.chronicle.fault(self.nature(FaultKind::ProcessCrash, format!("it halted: {why}")));
            }
            _ if !planned => self.chronicle.fault(self.nature(FaultKind::ProcessCrash, format!("{exit:?}"))),
            _ => {}
        }
        refusal.is_some()
    }

    async fn wait_until_wanted(&self, dice: &mut Stream, refusals: u32) {
        let delay = dice.duration(Duration::from_millis(20), Duration::from_millis(300)) * 2_u32.pow(refusals.min(4));
        sleep(delay).await;
        loop {
            let (until, held_back) = {
                let state = self.state();
                (state.down_until, state.held_back)
            };
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => sleep_until(until).await,
                None if held_back => sleep(Duration::from_millis(50)).await,
                None => return,
            }
        }
    }

    /// Ends the process in the way that `kind` says, and keeps it down for a while. Nothing happens when it is down.
    pub async fn end(&self, kind: FaultKind, down_for: Duration) {
        if !self.node.is_running() {
            return;
        }
        let fault = self.chronicle.fault_begins(self.nature(kind, String::new()));
        self.expect_end(Some(Instant::now() + down_for));
        match kind {
            FaultKind::PowerFailure => self.node.power_failure(),
            FaultKind::GracefulRestart => self.stop().await,
            FaultKind::WipedDisk => {
                self.node.power_failure();
                disk::load(self.node, &Image::default());
            }
            _ => self.node.crash(),
        }
        sleep(down_for).await;
        self.chronicle.fault_ends(fault);
    }

    fn expect_end(&self, down_until: Option<Instant>) {
        let mut state = self.state();
        state.down_until = down_until;
        state.end_is_planned = true;
    }

    /// Kills the process, if it runs, and lets nobody start it.
    pub fn hold_back(&self) {
        self.state().held_back = true;
        if self.node.is_running() {
            self.chronicle.fault(self.nature(FaultKind::ProcessCrash, "held back".into()));
            self.expect_end(None);
            self.node.crash();
        }
    }

    /// Lets it be started again.
    pub fn let_go(&self) {
        self.state().held_back = false;
    }

    /// Asks it to stop; what does not in good time is killed.
    async fn stop(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.node.stop();
        if runtime::time::timeout(PATIENCE, self.node.exited()).await.is_err() && self.node.is_running() {
            self.chronicle.fault(self.nature(FaultKind::ProcessCrash, "it did not stop when asked to".into()));
            self.node.crash();
        }
    }

    /// Asks it to stop, and waits until it has; whether it did by itself and in time. It is started again at once.
    pub async fn stops_within(&self, patience: Duration) -> bool {
        self.expect_end(None);
        self.node.stop();
        let stopped = runtime::time::timeout(patience, self.node.exited()).await.is_ok();
        if !stopped && self.node.is_running() {
            self.node.crash();
        }
        stopped
    }

    /// A fault that hits this node.
    pub fn nature(&self, kind: FaultKind, detail: String) -> FaultNature {
        FaultNature { kind, node: self.id, file: None, partition: None, detail }
    }
}

/// The process: serves until it is asked to stop.
async fn serve(server: ServerConfig, state: Arc<Mutex<State>>) {
    state.lock().expect("no panic inside").started = elapsed();
    let starting = Box::pin(broker::start(server));
    match starting.await {
        Ok(running) => {
            state.lock().expect("no panic inside").broker = Arc::downgrade(&running.broker);
            if runtime::process::stop_signal().await.is_ok()
                && let Err(error) = running.stop().await
            {
                tracing::info!("the broker did not stop cleanly: {error:#}");
            }
        }
        Err(error) => state.lock().expect("no panic inside").refusal = Some(format!("{error:#}")),
    }
}
