//! Control over a simulated world: what a test or a fault injector may do that a program may not.

pub mod clock;
pub mod disk;
pub mod net;
mod onlooker;
pub mod trace;

pub use super::latency::Latency;
pub use super::lifecycle::{Exit, Node};
pub use super::stream::Stream;
pub use onlooker::{Onlooker, look_on};

use super::timers::drive;
use super::watchdog::watched;
use super::world::World;
use std::future::Future;
use std::sync::{Arc, OnceLock};

/// How a world is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What decides everything that is left to chance.
    pub seed: u64,
    /// How many of the last events are kept and, when the run panics, printed.
    pub events_kept: usize,
    /// Whether each event is printed as it happens.
    pub print_events: bool,
}

impl Settings {
    /// The seed, the last 64 events kept, nothing printed.
    pub fn new(seed: u64) -> Settings {
        Settings { seed, events_kept: 64, print_events: false }
    }
}

/// Runs `main` in a new world until it is done. It gets a thread of its own, since the order of std's hash maps there
/// depends on nothing that ran before; for equal results run one seed a process.
///
/// # Panics
/// When any task does: that is how a run fails. The last events are printed first.
pub fn run<F>(seed: u64, main: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future<Output: Send + 'static>,
{
    run_with(Settings::new(seed), main)
}

/// The same, with more settings.
///
/// # Panics
/// When any task does.
pub fn run_with<F>(settings: Settings, main: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future<Output: Send + 'static>,
{
    let name = std::thread::current().name().unwrap_or("simulation").to_owned();
    let thread = std::thread::Builder::new()
        .name(name) // so that a panic names the test
        .stack_size(64 << 20) // unoptimized futures are large
        .spawn(move || run_here(&settings, async move { main().await }))
        .expect("a thread can be started");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The same on this thread.
pub(super) fn run_here<F: Future>(settings: &Settings, main: F) -> F::Output {
    let runtime = madsim::runtime::Runtime::with_seed_and_config(settings.seed, madsim::Config::default());
    runtime.add_simulator::<World>();
    let witness = Witness::default();
    runtime.block_on(async {
        let world = World::current();
        assert!(witness.0.set(world.clone()).is_ok(), "the world has just begun");
        world.begin(settings);
        world.add_supervisor();
        madsim::task::spawn(drive(world.clone()));
        let output = watched(world.clone(), "simulation", None, Box::pin(main)).await;
        world.end().await;
        output
    })
}

/// Prints the last events when the run fails.
#[derive(Default)]
struct Witness(OnceLock<Arc<World>>);

impl Drop for Witness {
    fn drop(&mut self) {
        if let (true, Some(world)) = (std::thread::panicking(), self.0.get()) {
            eprintln!("seed {}: the last events before the failure:", world.seed());
            world.trace().last().for_each(|event| eprintln!("{event}"));
        }
    }
}

/// The stream of random numbers called `label` under this world's seed, from its beginning. Labels in use are
/// `"disk of node N"`, `"dice of node N"`, `"net"` and `"wall clock"`; sim uses `"workload"` and `"faults"`.
pub fn stream(label: &str) -> Stream {
    Stream::new(World::current().seed(), label)
}

/// The seed of this world.
pub fn seed() -> u64 {
    World::current().seed()
}

/// Simulated time since it began.
pub fn elapsed() -> std::time::Duration {
    World::current().elapsed()
}

/// The node whose task is running.
pub fn current_node() -> Node {
    World::current().current_node()
}
