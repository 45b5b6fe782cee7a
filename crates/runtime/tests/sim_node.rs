//! Stories of nodes, their processes, clocks, dice and the trace. Run under the simulator's cfg alone.
#![cfg(madsim)]

use runtime::simulation::{self, Exit, Node, Stream, clock, trace};
use runtime::time::{Duration, Instant, sleep, timeout};
use runtime::{process, rand, sync, task};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

/// A node whose process counts its starts, and then a number every millisecond.
fn counting() -> (Node, Arc<AtomicU64>, Arc<AtomicU64>) {
    let (starts, ticks) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let node = Node::create("counting", address(1));
    let counters = (starts.clone(), ticks.clone());
    node.start(move || {
        let (starts, ticks) = counters.clone();
        async move {
            starts.fetch_add(1, Ordering::Relaxed);
            loop {
                ticks.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(1)).await;
            }
        }
    });
    (node, starts, ticks)
}

#[test]
fn a_process_lives_until_it_is_killed_and_can_be_started_again() {
    simulation::run(1, || async {
        let (node, starts, ticks) = counting();
        sleep(Duration::from_millis(10)).await;
        assert!(node.is_running() && ticks.load(Ordering::Relaxed) >= 9);
        node.crash();
        assert_eq!((node.is_running(), node.exited().await), (false, Exit::Killed));
        let dead = ticks.load(Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), dead);
        node.restart();
        sleep(Duration::from_millis(10)).await;
        assert_eq!(starts.load(Ordering::Relaxed), 2);
        assert!(ticks.load(Ordering::Relaxed) > dead);
        node.power_failure();
        assert_eq!(node.exited().await, Exit::PowerFailed);
        node.crash(); // the dead cannot die
        assert_eq!(node.exited().await, Exit::PowerFailed);
    });
}

#[test]
fn a_paused_process_stands_still_and_goes_on() {
    simulation::run(2, || async {
        let (node, starts, ticks) = counting();
        sleep(Duration::from_millis(10)).await;
        node.pause();
        let paused = ticks.load(Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), paused);
        node.resume();
        sleep(Duration::from_millis(10)).await;
        assert!(ticks.load(Ordering::Relaxed) > paused);
        node.pause();
        node.crash();
        node.restart();
        sleep(Duration::from_millis(10)).await;
        assert_eq!(starts.load(Ordering::Relaxed), 2, "a new process is not paused");
    });
}

#[test]
fn a_stall_ends_by_itself_and_stalls_add_up() {
    simulation::run(3, || async {
        let (node, _, ticks) = counting();
        sleep(Duration::from_millis(10)).await;
        node.stall(Duration::from_millis(100));
        node.stall(Duration::from_millis(200));
        let stalled = ticks.load(Ordering::Relaxed);
        sleep(Duration::from_millis(150)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), stalled);
        sleep(Duration::from_millis(100)).await;
        assert!(ticks.load(Ordering::Relaxed) > stalled);
    });
}

#[test]
fn halt_ends_the_process_at_once_and_says_why() {
    simulation::run(4, || async {
        let node = Node::create("halting", address(1));
        let after = Arc::new(AtomicU64::new(0));
        let counter = after.clone();
        node.start(move || {
            let counter = counter.clone();
            async move {
                task::spawn("other", async { process::halt("the disk is gone").await });
                sleep(Duration::from_millis(1)).await;
                counter.store(1, Ordering::Relaxed);
            }
        });
        assert_eq!(node.exited().await, Exit::Halted("the disk is gone".to_owned()));
        sleep(Duration::from_millis(10)).await;
        assert_eq!(after.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_request_to_stop_is_heard_by_those_who_listen_and_kills_the_others() {
    simulation::run(5, || async {
        let polite = Node::create("polite", address(1));
        polite.start(|| async { process::stop_signal().await.expect("it is heard") });
        let deaf = Node::create("deaf", address(2));
        deaf.start(std::future::pending);
        sleep(Duration::from_millis(1)).await;
        polite.stop();
        deaf.stop();
        assert_eq!((polite.exited().await, deaf.exited().await), (Exit::Returned, Exit::Killed));
    });
}

#[test]
fn destructors_of_a_dead_process_run_and_may_spawn() {
    struct Spawns(Arc<AtomicU64>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            drop(task::spawn("never", async { panic!("a dead process runs nothing") }));
        }
    }
    simulation::run(6, || async {
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        let node = Node::create("dying", address(1));
        node.start(move || {
            let spawns = Spawns(counter.clone());
            async move {
                let _spawns = spawns;
                std::future::pending::<()>().await;
            }
        });
        sleep(Duration::from_millis(1)).await;
        node.pause();
        sleep(Duration::from_millis(1)).await;
        node.crash();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_wall_clock_jumps_drifts_and_freezes_and_monotonic_time_does_not() {
    simulation::run(7, || async {
        let (node, other) = (Node::create("one", address(1)), Node::create("two", address(2)));
        let began = Instant::now();
        let start = clock::read(node);
        assert_eq!(start, clock::read(other));
        assert!(start > 1_700_000_000_000);
        clock::jump(node, -5_000);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(clock::read(node), start - 4_000);
        clock::drift(node, 100_000);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(clock::read(node), start - 4_000 + 11_000);
        clock::freeze(node);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(clock::read(node), start + 7_000);
        clock::thaw(node);
        clock::drift(node, 0);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(clock::read(node), start + 8_000);
        let seen = node.spawn("clock", async { runtime::clock::now() }).await.expect("it ran");
        assert_eq!(seen, start + 8_000);
        node.power_failure();
        node.restart();
        assert_eq!(clock::read(node), start + 8_000, "the machine's clock outlives its processes");
        assert_eq!(clock::read(other), start + 22_000);
        assert_eq!(began.elapsed().as_secs(), 22);
    });
}

#[test]
fn each_use_of_chance_has_a_stream_of_its_own() {
    let rolls = |more: bool| {
        simulation::run(8, move || async move {
            let (one, two) = (Node::create("one", address(1)), Node::create("two", address(2)));
            if more {
                two.spawn("rolls", async { rand::u64() }).await.expect("it ran");
            }
            let rolled = one.spawn("rolls", async { [rand::u64(), rand::below(10), rand::u64()] });
            (rolled.await.expect("it ran"), simulation::stream("faults").u64())
        })
    };
    assert_eq!(rolls(false), rolls(true));
    assert_eq!(Stream::new(8, "faults").u64(), rolls(true).1, "a plan can be drawn before the run");
    assert_ne!(Stream::new(8, "faults").u64(), Stream::new(9, "faults").u64());
    assert_ne!(Stream::new(8, "faults").u64(), Stream::new(8, "workload").u64());
}

#[test]
fn a_stream_draws_evenly_and_within_bounds() {
    let mut dice = Stream::new(1, "test");
    let mut seen = [0_u32; 10];
    for _ in 0..10_000 {
        seen[dice.below(10) as usize] += 1;
        assert!((5..9).contains(&dice.between(5, 9)) && dice.unit() < 1.0);
    }
    assert!(seen.iter().all(|count| (900..1100).contains(count)), "{seen:?}");
    assert_eq!((dice.between(5, 5), dice.chance(0.0), dice.chance(1.0)), (5, false, true));
    assert_eq!(dice.duration(Duration::from_secs(1), Duration::from_secs(1)), Duration::from_secs(1));
    assert!((0..10_000).filter(|_| dice.chance(0.3)).count().abs_diff(3000) < 200);
}

#[test]
fn the_trace_tells_runs_apart_by_a_single_event() {
    let hash = |value| {
        simulation::run(9, move || async move {
            let (_node, ..) = counting();
            sleep(Duration::from_millis(5)).await;
            trace::record("client saw", [value, 0, 0]);
            sleep(Duration::from_millis(5)).await;
            let last = trace::last().into_iter().find(|event| event.kind == "client saw").expect("it is kept");
            assert_eq!((last.node, last.values), (0, [value, 0, 0]));
            assert!(last.to_string().contains("node 0 client saw"));
            trace::hash()
        })
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn channels_and_select_work_across_nodes() {
    simulation::run(10, || async {
        let (send, mut receive) = sync::mpsc::channel(1);
        let node = Node::create("one", address(1));
        node.spawn("sender", async move {
            for number in 0..10 {
                send.send(number).await.expect("somebody listens");
            }
        });
        let mut sum = 0;
        loop {
            sync::select! {
                biased;
                received = receive.recv() => match received {
                    Some(number) => sum += number,
                    None => break,
                },
                () = sleep(Duration::from_secs(1)) => panic!("nothing came"),
            }
        }
        assert_eq!(sum, 45);
        assert!(timeout(Duration::from_secs(1), node.exited()).await.is_err());
    });
}

/// Counts what it sees.
#[derive(Default)]
struct Counts {
    events: AtomicU64,
    pauses: AtomicU64,
}

impl simulation::Onlooker for Counts {
    fn happened(&self, _: &simulation::trace::Event) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    fn written(&self, _: Duration, _: &simulation::net::Written<'_>) {}

    fn pause(&self, _: Duration) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_run_is_the_same_with_somebody_who_looks_on() {
    let run = |onlooker: Option<Arc<Counts>>| {
        simulation::run(11, move || async move {
            if let Some(onlooker) = onlooker {
                simulation::look_on(onlooker);
            }
            for _ in 0..20 {
                sleep(Duration::from_millis(3 + runtime::rand::below(5))).await;
            }
            (simulation::trace::hash(), simulation::trace::count())
        })
    };
    let counts = Arc::new(Counts::default());
    let seen = run(Some(counts.clone()));
    assert_eq!(seen, run(None));
    assert!(counts.events.load(Ordering::Relaxed) >= seen.1, "each event is shown");
    assert!(counts.pauses.load(Ordering::Relaxed) >= 20, "and each moment at which time has moved on");
}
