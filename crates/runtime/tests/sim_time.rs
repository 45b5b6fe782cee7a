//! Stories of simulated time, tasks and the watchdog. Run under the simulator's cfg alone.
#![cfg(madsim)]

use runtime::simulation;
use runtime::task::{blocking, spawn, yield_now};
use runtime::time::{Duration, Instant, sleep, sleep_until, timeout, timeout_at};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn a_sleep_is_as_long_as_it_says() {
    simulation::run(1, || async {
        for micros in [1, 10, 999, 1_000, 1_000_000, 86_400_000_000] {
            let duration = Duration::from_micros(micros);
            let began = Instant::now();
            sleep(duration).await;
            let late = began.elapsed() - duration;
            assert!(late < Duration::from_micros(1), "{duration:?} took {late:?} more");
        }
        let began = Instant::now();
        sleep_until(began + Duration::from_millis(3)).await;
        sleep_until(began).await;
        assert!(began.elapsed() < Duration::from_micros(3_002));
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    simulation::run(2, || async {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks = [30, 10, 20, 0, 40].map(|micros| {
            let order = order.clone();
            spawn("sleeper", async move {
                sleep(Duration::from_micros(micros)).await;
                order.lock().expect("no panic").push(micros);
            })
        });
        for task in tasks {
            task.await.expect("it ends");
        }
        assert_eq!(*order.lock().expect("no panic"), [0, 10, 20, 30, 40]);
    });
}

#[test]
fn an_empty_sleep_still_lets_others_run() {
    simulation::run(3, || async {
        let ran = Arc::new(AtomicU64::new(0));
        let counter = ran.clone();
        let _other = spawn("other", async move { counter.store(1, Ordering::Relaxed) });
        while ran.load(Ordering::Relaxed) == 0 {
            sleep(Duration::ZERO).await;
        }
    });
}

#[test]
fn a_timeout_ends_what_takes_longer_and_only_that() {
    simulation::run(4, || async {
        assert!(timeout(Duration::from_millis(1), pending::<()>()).await.is_err());
        assert_eq!(timeout(Duration::from_millis(1), async { 7 }).await, Ok(7));
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7), "what is ready wins");
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(timeout_at(soon, sleep(Duration::from_millis(6))).await.is_err());
        assert!(timeout_at(soon + Duration::from_secs(1), sleep(Duration::from_millis(6))).await.is_ok());
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
    });
}

#[test]
fn a_timer_that_is_given_up_costs_nothing_later() {
    simulation::run(5, || async {
        for _ in 0..1000 {
            timeout(Duration::from_secs(3600), sleep(Duration::from_millis(1))).await.expect("in time");
        }
        let before = simulation::trace::count();
        sleep(Duration::from_secs(2 * 3600)).await;
        assert_eq!(simulation::trace::count() - before, 1, "one timer fires, and not the thousand");
    });
}

#[test]
#[should_panic(expected = "task `spinner` spins")]
fn a_task_that_spins_fails_the_run_by_name() {
    simulation::run(6, || async {
        let _spinner = spawn("spinner", async {
            loop {
                yield_now().await;
            }
        });
        pending::<()>().await;
    });
}

#[test]
#[should_panic(expected = "no events")]
fn a_world_in_which_nothing_can_happen_any_more_fails() {
    simulation::run(7, pending::<()>);
}

#[test]
#[should_panic(expected = "a bug in a task")]
fn a_panic_in_any_task_fails_the_run() {
    simulation::run(8, || async {
        let _buggy = spawn("buggy", async { panic!("a bug in a task") });
        sleep(Duration::from_secs(1)).await;
    });
}

#[test]
fn tasks_can_be_awaited_aborted_and_let_go() {
    simulation::run(9, || async {
        assert_eq!(spawn("adder", async { 1 + 1 }).await.expect("it ends"), 2);
        let endless = spawn("endless", pending::<()>());
        assert!(!endless.is_finished());
        endless.abort();
        assert!(endless.await.is_err());
        let ran = Arc::new(AtomicU64::new(0));
        let counter = ran.clone();
        drop(spawn("let go", async move {
            sleep(Duration::from_millis(1)).await;
            counter.store(1, Ordering::Relaxed);
        }));
        sleep(Duration::from_millis(2)).await;
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn blocking_work_goes_on_when_nobody_waits() {
    simulation::run(10, || async {
        assert_eq!(blocking(|| 7).await, 7);
        let ran = Arc::new(AtomicU64::new(0));
        let counter = ran.clone();
        let mut work = Box::pin(blocking(move || counter.store(1, Ordering::Relaxed)));
        let began = std::future::poll_fn(|cx| std::task::Poll::Ready(work.as_mut().poll(cx).is_pending())).await;
        assert!(began, "it yields at least once");
        drop(work);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn one_seed_schedules_alike_and_another_one_otherwise() {
    let order = |seed| {
        simulation::run(seed, || async {
            let order = Arc::new(std::sync::Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..20)
                .map(|number| {
                    let order = order.clone();
                    spawn("one of many", async move { order.lock().expect("no panic").push(number) })
                })
                .collect();
            for task in tasks {
                task.await.expect("it ends");
            }
            order.lock().expect("no panic").clone()
        })
    };
    assert_eq!(order(11), order(11));
    assert_ne!(order(11), order(12));
}
