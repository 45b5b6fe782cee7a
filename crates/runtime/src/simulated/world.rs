//! Everything that a run simulates, found from any of its tasks by way of madsim's plugin registry: no statics, no
//! thread-locals. Each part has a lock of its own; none is held while user code runs.

use super::clock::Clock;
use super::device::Disks;
use super::instant::Instant;
use super::lifecycle::{Node, NodeState};
use super::network::Network;
use super::simulation::{Onlooker, Settings};
use super::stream::Stream;
use super::timers::Timers;
use super::trace::{Event, Trace};
use super::watchdog::{Alive, Watchdog};
use madsim::plugin::{self, Simulator};
use madsim::runtime::Handle;
use madsim::time::TimeHandle;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Madsim remembers every task a node ever had until asked to count them; so many spawns apart it is asked.
const PRUNE_EVERY: u64 = 4096;

/// One simulated world.
pub(super) struct World {
    pub time: TimeHandle,
    seed: OnceLock<u64>,
    spawned: AtomicU64,
    alive: Arc<AtomicU64>,
    timers: Mutex<Timers>,
    watchdog: Mutex<Watchdog>,
    trace: Mutex<Trace>,
    nodes: Mutex<Nodes>,
    disks: Mutex<Disks>,
    network: Mutex<Network>,
    pub onlooker: OnceLock<Arc<dyn Onlooker>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Simulator for World {
    fn new(_: &madsim::rand::GlobalRng, time: &TimeHandle, _: &madsim::Config) -> World {
        World {
            time: time.clone(),
            seed: OnceLock::new(),
            spawned: AtomicU64::new(0),
            alive: Arc::default(),
            timers: Mutex::default(),
            watchdog: Mutex::default(),
            trace: Mutex::default(),
            nodes: Mutex::default(),
            disks: Mutex::default(),
            network: Mutex::default(),
            onlooker: OnceLock::new(),
        }
    }
}

impl World {
    /// The world of the running task.
    ///
    /// # Panics
    /// Outside of a simulation.
    pub fn current() -> Arc<World> {
        plugin::simulator()
    }

    pub fn begin(&self, settings: &Settings) {
        self.seed.set(settings.seed).expect("a world begins once");
        *lock(&self.trace) = Trace::new(settings.events_kept, settings.print_events);
        *lock(&self.network) = Network::new(settings.seed);
    }

    pub fn seed(&self) -> u64 {
        *self.seed.get().expect("the world has begun")
    }

    pub fn now(&self) -> Instant {
        Instant::after_start(self.time.elapsed())
    }

    pub fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }

    /// The node whose task is running.
    pub fn current_node(&self) -> Node {
        let nodes = self.nodes();
        nodes.numbers.get(&plugin::node()).copied().unwrap_or(Node::SUPERVISOR)
    }

    pub fn current_process(&self) -> (Node, u64) {
        let node = self.current_node();
        (node, self.nodes().of(node).incarnation)
    }

    pub fn nodes(&self) -> MutexGuard<'_, Nodes> {
        lock(&self.nodes)
    }

    pub fn disks(&self) -> MutexGuard<'_, Disks> {
        lock(&self.disks)
    }

    pub fn network(&self) -> MutexGuard<'_, Network> {
        lock(&self.network)
    }

    pub fn timers(&self) -> MutexGuard<'_, Timers> {
        lock(&self.timers)
    }

    pub fn watchdog(&self) -> MutexGuard<'_, Watchdog> {
        lock(&self.watchdog)
    }

    pub fn trace(&self) -> MutexGuard<'_, Trace> {
        lock(&self.trace)
    }

    /// Notes in the trace that something happened now.
    pub fn event(&self, node: Node, kind: &'static str, values: [u64; 3]) {
        let at = self.elapsed();
        let event = Event { at, node: node.number(), kind, values };
        self.trace().record(event);
        if let Some(onlooker) = self.onlooker.get() {
            onlooker.happened(&event);
        }
    }

    /// To be called at each spawn. What it returns belongs to the task.
    pub fn spawning(&self, node: Node) -> Option<Alive> {
        if self.spawned.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            Handle::current().metrics().num_tasks();
        }
        (!node.is_supervisor()).then(|| Alive::new(&self.alive))
    }

    /// How many tasks of nodes are not dropped yet.
    pub fn tasks_alive(&self) -> u64 {
        self.alive.load(Ordering::Relaxed)
    }
}

/// A panic in one task must not hide behind a second one in a destructor: the state is as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All nodes there are, by number.
#[derive(Default)]
pub(super) struct Nodes {
    states: Vec<NodeState>,
    numbers: BTreeMap<madsim::task::NodeId, Node>,
}

impl Nodes {
    pub fn of(&mut self, node: Node) -> &mut NodeState {
        &mut self.states[node.index()]
    }

    pub fn all(&self) -> impl Iterator<Item = (Node, &NodeState)> {
        self.states.iter().enumerate().map(|(index, state)| (Node::from_index(index), state))
    }

    /// The number that the next node will have.
    pub fn next(&self) -> Node {
        Node::from_index(self.states.len())
    }

    pub fn add(&mut self, kernel: madsim::task::NodeId, state: NodeState) -> Node {
        let node = self.next();
        self.states.push(state);
        self.numbers.insert(kernel, node);
        node
    }
}

/// The wall clock of a new node: some moment of the years 2024 to 2027, the same one for all nodes.
pub(super) fn starting_clock(seed: u64) -> Clock {
    let mut dice = Stream::new(seed, "wall clock");
    Clock::new(1_704_067_200_000 + dice.below(3 * 365 * 24 * 3_600_000) as i64)
}
