//! The broker's machine: its process, and what restarts it when it dies.

use crate::clients::Chronicle;
use jepsen_lite::history::{FaultKind, FaultNature};
use model::config::{Origin, ServerConfig};
use runtime::simulation::{Exit, Node, Stream, stream, trace};
use runtime::time::{Duration, Instant, sleep, sleep_until};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// The broker's number in histories.
pub const BROKER: i32 = 1;

/// The machine that the broker runs on.
#[derive(Clone)]
pub struct BrokerNode {
    /// The machine.
    pub node: Node,
    chronicle: Chronicle,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Nobody starts it before this.
    down_until: Option<Instant>,
    /// The next end of the process is somebody's wish.
    end_is_planned: bool,
    /// Why it does not start, when it says so.
    refusal: Option<String>,
    /// Why it did not start or run on, when it last said so.
    last_refusal: String,
}

impl BrokerNode {
    /// A machine with an empty disk. Nothing runs on it yet.
    pub fn create(address: IpAddr, chronicle: Chronicle) -> BrokerNode {
        BrokerNode { node: Node::create("broker", address), chronicle, state: Arc::default() }
    }

    /// Starts the broker, and whatever restarts it.
    pub fn start(&self, configs: &BTreeMap<String, String>) {
        let mut server = ServerConfig::new();
        for (name, value) in configs {
            server.add(name, value, Origin::Program);
        }
        let state = self.state.clone();
        self.node.start(move || serve(server.clone(), state.clone()));
        let this = self.clone();
        runtime::task::spawn("broker's keeper", async move { this.keep_running().await });
    }

    /// Why it did not start, when it last said so.
    pub fn last_refusal(&self) -> String {
        self.state.lock().expect("no panic inside").last_refusal.clone()
    }

    /// Restarts the process each time that it ends: at once when it was asked to, after a while when it was killed, and
    /// later and later while it refuses to start.
    async fn keep_running(self) {
        let mut dice = stream("broker's keeper");
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
            let mut state = self.state.lock().expect("no panic inside");
            let refusal = state.refusal.take();
            if let Some(why) = &refusal {
                state.last_refusal.clone_from(why);
            }
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
                self.chronicle.fault(whole(FaultKind::ProcessCrash, format!("it halted: {why}")));
            }
            _ if !planned => self.chronicle.fault(whole(FaultKind::ProcessCrash, format!("{exit:?}"))),
            _ => {}
        }
        refusal.is_some()
    }

    async fn wait_until_wanted(&self, dice: &mut Stream, refusals: u32) {
        let delay = dice.duration(Duration::from_millis(20), Duration::from_millis(300)) * 2_u32.pow(refusals.min(4));
        sleep(delay).await;
        loop {
            let until = self.state.lock().expect("no panic inside").down_until;
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    /// Ends the process in the way that `kind` says, and keeps it down for a while. Nothing happens when it is down.
    pub async fn end(&self, kind: FaultKind, down_for: Duration) {
        if !self.node.is_running() {
            return;
        }
        let fault = self.chronicle.fault_begins(whole(kind, String::new()));
        {
            let mut state = self.state.lock().expect("no panic inside");
            state.down_until = Some(Instant::now() + down_for);
            state.end_is_planned = true;
        }
        match kind {
            FaultKind::PowerFailure => self.node.power_failure(),
            FaultKind::GracefulRestart => self.stop().await,
            _ => self.node.crash(),
        }
        sleep(down_for).await;
        self.chronicle.fault_ends(fault);
    }

    /// Asks it to stop; what does not in good time is killed.
    async fn stop(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.node.stop();
        if runtime::time::timeout(PATIENCE, self.node.exited()).await.is_err() && self.node.is_running() {
            self.chronicle.fault(whole(FaultKind::ProcessCrash, "it did not stop when asked to".into()));
            self.node.crash();
        }
    }
}

/// A fault of the only broker there is: it hits every replica.
pub fn whole(kind: FaultKind, detail: String) -> FaultNature {
    FaultNature { kind, node: BROKER, file: None, partition: None, whole_in_sync_set: true, detail }
}

/// The broker's process: serves until it is asked to stop.
async fn serve(server: ServerConfig, state: Arc<Mutex<State>>) {
    let starting = Box::pin(broker::start(server));
    match starting.await {
        Ok(running) => {
            if runtime::process::stop_signal().await.is_ok()
                && let Err(error) = running.stop().await
            {
                tracing::info!("the broker did not stop cleanly: {error:#}");
            }
        }
        Err(error) => state.lock().expect("no panic inside").refusal = Some(format!("{error:#}")),
    }
}
