//! Nodes: a machine with a disk, a clock and an address, and the process that runs on it. The machine outlives its
//! processes; a power failure outlives neither unsynced writes nor the host's sockets.

use super::clock::Clock;
use super::stream::Stream;
use super::task::JoinHandle;
use super::timers::Due;
use super::watchdog::watched;
use super::world::{World, starting_clock};
use madsim::runtime::Handle;
use std::fmt;
use std::future::{Future, pending};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A simulated machine. Copies name the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(u64);

/// Why a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Its main future was done.
    Returned,
    /// It called [`process::halt`](crate::process::halt) for this reason.
    Halted(String),
    /// Somebody killed it (`kill -9`). The machine's page cache and kernel live on.
    Killed,
    /// The machine lost power.
    PowerFailed,
}

type Main = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

pub(super) struct NodeState {
    name: String,
    kernel: madsim::task::NodeId,
    pub address: IpAddr,
    /// Counts the processes that ended here. What belongs to an earlier one touches nothing any more.
    pub incarnation: u64,
    running: bool,
    main: Option<Main>,
    paused: bool,
    stalls: u32,
    pub stop: watch::Sender<bool>,
    pub handles_stop: bool,
    exit: watch::Sender<Option<Exit>>,
    pub dice: Stream,
    pub clock: Clock,
}

impl NodeState {
    fn new(seed: u64, node: Node, name: &str, kernel: madsim::task::NodeId, address: IpAddr) -> NodeState {
        NodeState {
            name: name.to_owned(),
            kernel,
            address,
            incarnation: 0,
            running: true,
            main: None,
            paused: false,
            stalls: 0,
            stop: watch::Sender::new(false),
            handles_stop: false,
            exit: watch::Sender::new(None),
            dice: Stream::new(seed, &format!("dice of node {}", node.0)),
            clock: starting_clock(seed),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn is_held(&self) -> bool {
        self.paused || self.stalls > 0
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

impl Node {
    /// The simulation itself, where the main future runs. It is a node like others, but cannot die.
    pub const SUPERVISOR: Node = Node(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn from_index(index: usize) -> Node {
        Node(index as u64)
    }

    pub(super) fn is_supervisor(self) -> bool {
        self == Node::SUPERVISOR
    }

    /// Its number in traces, from 1 in the order of creation.
    pub fn number(self) -> u64 {
        self.0
    }

    /// A new machine, switched on, with an empty disk, on which nothing runs yet. Its name resolves to `address`.
    pub fn create(name: &str, address: IpAddr) -> Node {
        let world = World::current();
        let kernel = Handle::current().create_node().name(name).build().id();
        let node = {
            let mut nodes = world.nodes();
            let state = NodeState::new(world.seed(), nodes.next(), name, kernel, address);
            nodes.add(kernel, state)
        };
        world.network().add_host(node, name, address);
        world.event(node, "node created", [0; 3]);
        node
    }

    /// Starts its process, which runs `main` now and after each [`Node::restart`]. When `main` is done, the process ends.
    ///
    /// # Panics
    /// When it has one already.
    pub fn start<F>(self, main: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let world = World::current();
        {
            let mut nodes = world.nodes();
            let state = nodes.of(self);
            assert!(state.main.is_none(), "{self} has a process");
            state.main = Some(Arc::new(move || Box::pin(main())));
        }
        world.start_main(self);
    }

    /// Runs `future` on this node beside its process; it dies with it.
    pub fn spawn<F>(self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let world = World::current();
        let alive = world.spawning(self);
        let kernel = world.nodes().of(self).kernel;
        let node = Handle::current().get_node(kernel).expect("nodes are never removed");
        JoinHandle(node.spawn(watched(world, name, alive, Box::pin(future))))
    }

    /// Ends the process as `kill -9` would: the kernel closes its sockets, and what it wrote stays in the page cache.
    pub fn crash(self) {
        World::current().end_process(self, Exit::Killed);
    }

    /// Cuts the power: unsynced writes survive or not, and peers hear nothing.
    pub fn power_failure(self) {
        let world = World::current();
        world.end_process(self, Exit::PowerFailed);
        world.network().host_lost_power(self);
        world.disks().power_failure(self);
        world.event(self, "power failed", [0; 3]);
    }

    /// Asks the process to stop, as SIGTERM would: one that does not wait for
    /// [`process::stop_signal`](crate::process::stop_signal) dies at once.
    pub fn stop(self) {
        let world = World::current();
        let handles_stop = {
            let mut nodes = world.nodes();
            let state = nodes.of(self);
            state.stop.send_replace(true);
            state.handles_stop
        };
        world.event(self, "asked to stop", [u64::from(handles_stop), 0, 0]);
        if !handles_stop {
            world.end_process(self, Exit::Killed);
        }
    }

    /// Switches the machine on if it is off, and starts a new process with the same main future.
    ///
    /// # Panics
    /// When its process has not ended.
    pub fn restart(self) {
        let world = World::current();
        let kernel = {
            let mut nodes = world.nodes();
            let state = nodes.of(self);
            assert!(!state.running, "{self} still runs");
            state.running = true;
            state.exit.send_replace(None);
            state.kernel
        };
        world.network().host_has_power(self);
        world.retransmit();
        // only ever after a kill: madsim's restart alone leaves sockets and tasks of the old process behind
        Handle::current().restart(kernel);
        world.event(self, "restarted", [0; 3]);
        world.start_main(self);
    }

    /// Stops all its tasks where they are, as SIGSTOP would. Its kernel still answers the network.
    pub fn pause(self) {
        World::current().hold(self, "paused", |state| state.paused = true);
    }

    /// Lets them run on.
    pub fn resume(self) {
        World::current().hold(self, "resumed", |state| state.paused = false);
    }

    /// Stops all its tasks for a while.
    pub fn stall(self, duration: Duration) {
        World::current().stall(self, duration);
    }

    /// Whether its process runs (or is paused).
    pub fn is_running(self) -> bool {
        World::current().nodes().of(self).running
    }

    /// Its address.
    pub fn address(self) -> IpAddr {
        World::current().nodes().of(self).address
    }

    /// Its name.
    pub fn name(self) -> String {
        World::current().nodes().of(self).name().to_owned()
    }

    /// Waits until its process has ended, and tells why.
    pub async fn exited(self) -> Exit {
        let mut exit = World::current().nodes().of(self).exit.subscribe();
        loop {
            if let Some(reason) = exit.borrow_and_update().clone() {
                return reason;
            }
            if exit.changed().await.is_err() {
                pending::<()>().await; // the world has ended
            }
        }
    }
}

impl World {
    /// Makes the running task's node, the simulation itself, known.
    pub fn add_supervisor(&self) {
        let address = IpAddr::from([192, 0, 2, 1]);
        let kernel = madsim::plugin::node();
        let state = NodeState::new(self.seed(), Node::SUPERVISOR, "simulation", kernel, address);
        let node = self.nodes().add(kernel, state);
        self.network().add_host(node, "simulation", address);
    }

    fn start_main(self: &Arc<Self>, node: Node) {
        let Some(main) = self.nodes().of(node).main.clone() else { return };
        let world = self.clone();
        // a detached task: dropping the handle leaves it running
        let _running = node.spawn("process", async move {
            main().await;
            world.end_process(node, Exit::Returned);
            pending::<()>().await;
        });
    }

    /// Ends the process of a node, once. What it holds is fenced first, since its destructors run afterwards.
    pub fn end_process(self: &Arc<Self>, node: Node, exit: Exit) {
        assert!(!node.is_supervisor(), "the simulation itself ended: {exit:?}");
        let (kernel, was_held) = {
            let mut nodes = self.nodes();
            let state = nodes.of(node);
            if !std::mem::replace(&mut state.running, false) {
                return;
            }
            state.incarnation += 1;
            state.handles_stop = false;
            state.stop = watch::Sender::new(false);
            let was_held = state.is_held();
            (state.paused, state.stalls) = (false, 0);
            (state.kernel, was_held)
        };
        self.disks().process_ended(node);
        self.network_process_ended(node, exit == Exit::PowerFailed);
        if was_held {
            // madsim drops the tasks of a paused node with its own locks held; ready ones it drops in their turn
            Handle::current().resume(kernel);
        }
        Handle::current().kill(kernel);
        self.event(node, "process ended", [0; 3]);
        self.nodes().of(node).exit.send_replace(Some(exit));
    }

    fn hold(&self, node: Node, kind: &'static str, change: impl FnOnce(&mut NodeState)) {
        assert!(!node.is_supervisor(), "the simulation itself cannot pause");
        let (kernel, before, after) = {
            let mut nodes = self.nodes();
            let state = nodes.of(node);
            if !state.running {
                return;
            }
            let before = state.is_held();
            change(state);
            (state.kernel, before, state.is_held())
        };
        self.event(node, kind, [0; 3]);
        match (before, after) {
            (false, true) => Handle::current().pause(kernel),
            (true, false) => Handle::current().resume(kernel),
            _ => {}
        }
    }

    /// Stops all tasks of a node for a while.
    pub fn stall(&self, node: Node, duration: Duration) {
        let incarnation = self.nodes().of(node).incarnation;
        self.hold(node, "stalled", |state| state.stalls += 1);
        self.schedule_after(duration, Due::Resume { node, incarnation });
    }

    /// A stall is over, unless its process is gone.
    pub fn end_stall(&self, node: Node, incarnation: u64) {
        if self.nodes().of(node).incarnation == incarnation {
            self.hold(node, "stall over", |state| state.stalls = state.stalls.saturating_sub(1));
        }
    }

    /// Ends every process and lets the executor drop its tasks, so that destructors run inside the world.
    pub async fn end(self: &Arc<Self>) {
        let nodes: Vec<Node> = self.nodes().all().map(|(node, _)| node).filter(|node| !node.is_supervisor()).collect();
        for node in nodes {
            self.end_process(node, Exit::Killed);
        }
        while self.tasks_alive() > 0 {
            super::task::yield_now().await;
        }
        self.disks().clear();
    }
}
