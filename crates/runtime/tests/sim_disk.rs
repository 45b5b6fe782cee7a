//! Stories of the simulated disk. Run under the simulator's cfg alone.
#![cfg(madsim)]

use bytes::Bytes;
use runtime::disk::{Disk, Open};
use runtime::simulation::{self, Node, disk};
use runtime::sync::oneshot;
use runtime::time::{Duration, sleep};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// Writes "synced", syncs file and name, writes "cached" behind it, and waits for its end.
async fn write_and_wait(written: Arc<AtomicU64>) {
    let disk = Disk::open("data").await.expect("a disk");
    let file = disk.open_file("log", Open::OrCreate).await.expect("a file");
    file.write_at(&[Bytes::from_static(b"synced")], 0).await.expect("room");
    file.sync().await.expect("a good disk");
    disk.sync_directory("").await.expect("a good disk");
    file.write_at(&[Bytes::from(vec![b'c'; 2000])], 6).await.expect("room");
    written.fetch_add(1, Ordering::Relaxed);
    std::future::pending::<()>().await;
}

fn after(seed: u64, kept: f64, end: impl Fn(Node) + Send + 'static) -> Vec<u8> {
    simulation::run(seed, move || async move {
        let node = Node::create("one", ADDRESS);
        disk::change(node, |faults| faults.kept_at_power_failure = kept);
        let written = Arc::new(AtomicU64::new(0));
        let counter = written.clone();
        node.start(move || write_and_wait(counter.clone()));
        while written.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        end(node);
        disk::image(node).file("log").expect("its name is durable").to_vec()
    })
}

#[test]
fn a_process_crash_keeps_the_page_cache() {
    assert_eq!(after(1, 0.0, Node::crash).len(), 2006);
}

#[test]
fn a_power_failure_keeps_what_was_synced_and_may_lose_the_rest() {
    assert_eq!(after(1, 0.0, Node::power_failure), b"synced");
    assert_eq!(after(1, 1.0, Node::power_failure).len(), 2006);
    let torn = (0..20).map(|seed| after(seed, 0.5, Node::power_failure)).collect::<Vec<_>>();
    assert!(torn.iter().all(|bytes| bytes.starts_with(b"synced")));
    assert!(torn.iter().any(|bytes| bytes.len() == 2006 && bytes[6..].contains(&0)), "some sectors are lost alone");
}

#[test]
fn a_full_disk_takes_a_part_and_says_so() {
    simulation::run(3, || async {
        let node = Node::create("one", ADDRESS);
        disk::change(node, |faults| faults.capacity = 3 * 4096);
        let (tell, told) = oneshot::channel();
        let _writer = node.spawn("writer", async move {
            let disk = Disk::open("data").await.expect("a disk");
            let file = disk.open_file("log", Open::New).await.expect("a file");
            let result = file.write_at(&[Bytes::from(vec![1; 64 << 10])], 0).await;
            let _ = tell.send((result.map_err(|error| error.kind()), file.length().await.expect("a length")));
        });
        let (result, length) = told.await.expect("an answer");
        assert_eq!(result, Err(std::io::ErrorKind::StorageFull));
        assert!(length > 0 && length < 64 << 10, "a short write of {length} bytes");
    });
}

#[test]
fn a_failed_sync_is_told_once_and_may_never_reach_the_disk() {
    let lost = (0..20).any(|seed| {
        simulation::run(seed, || async {
            let node = Node::create("one", ADDRESS);
            disk::change(node, |faults| faults.kept_at_power_failure = 0.0);
            let (tell, told) = oneshot::channel();
            let _writer = node.spawn("writer", async move {
                let disk = Disk::open("data").await.expect("a disk");
                let file = disk.open_file("log", Open::New).await.expect("a file");
                disk.sync_directory("").await.expect("a good disk");
                file.write_at(&[Bytes::from(vec![7; 4096])], 0).await.expect("room");
                disk::change(node, |faults| faults.sync_error = 1.0);
                assert!(file.sync().await.is_err());
                disk::change(node, |faults| faults.sync_error = 0.0);
                file.sync().await.expect("the second sync proves nothing");
                let _ = tell.send(());
            });
            told.await.expect("an answer");
            node.power_failure();
            disk::image(node).file("log").is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
        })
    });
    assert!(lost, "a sync that succeeds after one that failed proves nothing");
}

#[test]
fn one_seed_is_one_trace() {
    let trace = |seed| {
        simulation::run(seed, || async {
            let node = Node::create("one", ADDRESS);
            let written = Arc::new(AtomicU64::new(0));
            let counter = written.clone();
            node.start(move || write_and_wait(counter.clone()));
            sleep(Duration::from_millis(100)).await;
            node.power_failure();
            node.restart();
            sleep(Duration::from_millis(100)).await;
            (simulation::trace::hash(), simulation::trace::count())
        })
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}
