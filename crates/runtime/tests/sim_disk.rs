//! Stories of the simulated disk. Run under the simulator's cfg alone.
#![cfg(madsim)]

use bytes::Bytes;
use runtime::disk::{Disk, File, Open};
use runtime::record::Image;
use runtime::simulation::{self, Latency, Node, disk};
use runtime::sync::oneshot;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::collections::BTreeSet;
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
            disk.create_directory("old").await.expect("a directory");
            let result = file.write_at(&[Bytes::from(vec![1; 64 << 10])], 0).await;
            let directories = [disk.create_directory("new").await, disk.create_directory("old").await];
            let length = file.length().await.expect("a length");
            let kind = |result: std::io::Result<()>| result.map_err(|error| error.kind());
            let _ = tell.send((kind(result), directories.map(kind), length));
        });
        let (result, directories, length) = told.await.expect("an answer");
        assert_eq!(result, Err(std::io::ErrorKind::StorageFull));
        assert_eq!(directories, [Err(std::io::ErrorKind::StorageFull), Err(std::io::ErrorKind::AlreadyExists)]);
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

/// Runs `story` as a process of one node.
fn on_node<F>(seed: u64, story: impl FnOnce(Node) -> F + Send + 'static) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    simulation::run(seed, move || async move {
        let node = Node::create("one", ADDRESS);
        node.spawn("story", story(node)).await.expect("the story ends")
    })
}

async fn new_file(name: &str, bytes: &'static [u8]) -> File {
    let disk = Disk::open("data").await.expect("a disk");
    let file = disk.open_file(name, Open::New).await.expect("a file");
    file.write_at(&[Bytes::from_static(bytes)], 0).await.expect("room");
    file
}

async fn bytes_of(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; file.length().await.expect("a length") as usize];
    file.read_at(&mut bytes, 0).await.expect("a good disk");
    bytes
}

const EIO: Option<i32> = Some(5);

#[test]
fn every_operation_takes_a_while() {
    on_node(10, |_| async {
        let disk = Disk::open("data").await.expect("a disk");
        let file = disk.open_file("a", Open::New).await.expect("a file");
        for _ in 0..20 {
            let began = Instant::now();
            file.write_at(&[Bytes::from_static(b"x")], 0).await.expect("room");
            let wrote = Instant::now();
            file.read_at(&mut [0], 0).await.expect("a good disk");
            let read = Instant::now();
            file.sync().await.expect("a good disk");
            let synced = Instant::now();
            disk.list("").await.expect("a good disk");
            assert!(wrote > began + Duration::from_micros(1) && read > wrote + Duration::from_micros(1));
            assert!(synced > read + Duration::from_micros(100) && Instant::now() > synced);
        }
    });
}

#[test]
fn a_handle_of_a_dead_process_touches_nothing() {
    simulation::run(11, || async {
        let node = Node::create("one", ADDRESS);
        let file = node.spawn("first", new_file("a", b"first")).await.expect("it ran");
        node.crash();
        node.restart();
        assert!(file.write_at(&[Bytes::from_static(b"ghost")], 0).await.is_err());
        assert!(file.sync().await.is_err());
        drop(file);
        assert_eq!(disk::image(node).file("a").as_deref(), Some(&b"first"[..]));
    });
}

#[test]
fn a_lock_is_freed_by_the_death_of_its_process() {
    simulation::run(12, || async {
        let node = Node::create("one", ADDRESS);
        let take = || async { Disk::open("data").await?.lock(".lock").await };
        let held = node.spawn("first", take()).await.expect("it ran").expect("free");
        let again = node.spawn("second", take()).await.expect("it ran");
        assert_eq!(again.expect_err("held").kind(), std::io::ErrorKind::WouldBlock);
        node.crash();
        node.restart();
        let lock = node.spawn("third", take()).await.expect("it ran").expect("free again");
        drop(held); // a destructor that runs late frees nobody else's lock
        let again = node.spawn("fourth", take()).await.expect("it ran");
        assert_eq!(again.expect_err("held").kind(), std::io::ErrorKind::WouldBlock);
        drop(lock);
    });
}

#[test]
fn a_write_that_nobody_waits_for_goes_on() {
    on_node(13, |node| async move {
        let file = new_file("a", b"old").await;
        disk::change(node, |faults| faults.cache_latency = Latency::always(Duration::from_millis(10)));
        for _ in 0..10 {
            let _ = timeout(Duration::from_millis(1), file.write_at(&[Bytes::from_static(b"new")], 0)).await;
        }
        drop(file);
        sleep(Duration::from_millis(20)).await;
        assert_eq!(disk::image(node).file("a").as_deref(), Some(&b"new"[..]));
    });
}

#[test]
fn errors_of_reads_and_writes_strike_where_they_are_aimed() {
    on_node(14, |node| async move {
        let (log, other) = (new_file("a.log", b"log").await, new_file("a.index", b"index").await);
        disk::change(node, |faults| {
            faults.only = Some(".log".to_owned());
            (faults.read_error, faults.write_error) = (1.0, 1.0);
        });
        assert_eq!(log.read_at(&mut [0], 0).await.expect_err("EIO").raw_os_error(), EIO);
        assert_eq!(log.write_at(&[Bytes::from_static(b"LOG")], 0).await.expect_err("EIO").raw_os_error(), EIO);
        assert_eq!(bytes_of(&other).await, b"index");
        disk::change(node, |faults| (faults.read_error, faults.write_error) = (0.0, 0.0));
        let after = String::from_utf8(bytes_of(&log).await).expect("ASCII");
        assert!(["log", "Log", "LOg", "LOG"].contains(&after.as_str()), "{after}: some of it may be written");
    });
}

#[test]
fn rot_at_rest_stays_and_rot_on_read_does_not() {
    on_node(15, |node| async move {
        let file = new_file("a", b"abc").await;
        file.sync().await.expect("a good disk");
        disk::change(node, |faults| faults.read_rot = 1.0);
        let read = bytes_of(&file).await;
        assert_eq!(read.iter().zip(b"abc").map(|(a, b)| (a ^ b).count_ones()).sum::<u32>(), 1);
        disk::change(node, |faults| faults.read_rot = 0.0);
        assert_eq!(bytes_of(&file).await, b"abc");
        assert!(disk::rot(node, "a", 8));
        assert_eq!(bytes_of(&file).await, [b'a', b'b' ^ 1, b'c']);
        assert!(!disk::rot(node, "a", 24) && !disk::rot(node, "b", 0));
    });
}

#[test]
fn a_misdirected_read_gives_another_block() {
    on_node(16, |node| async move {
        let disk = Disk::open("data").await.expect("a disk");
        let file = disk.open_file("a", Open::New).await.expect("a file");
        let blocks = (0..8).map(|block| Bytes::from(vec![block; 4096])).collect::<Vec<_>>();
        file.write_at(&blocks, 0).await.expect("room");
        disk::change(node, |faults| faults.misdirected_read = 1.0);
        let mut byte = [0];
        file.read_at(&mut byte, 0).await.expect("no error");
        assert!([1, 2, 4].contains(&byte[0]));
    });
}

#[test]
fn a_misdirected_write_shows_when_the_cache_forgets() {
    on_node(17, |node| async move {
        let disk = Disk::open("data").await.expect("a disk");
        let file = disk.open_file("a", Open::New).await.expect("a file");
        file.write_at(&[Bytes::from(vec![1; 8 * 4096])], 0).await.expect("room");
        file.sync().await.expect("a good disk");
        disk::change(node, |faults| faults.misdirected_write = 1.0);
        file.write_at(&[Bytes::from(vec![2; 4096])], 0).await.expect("no error");
        file.sync().await.expect("no error");
        let blocks = |bytes: Vec<u8>| bytes.chunks(4096).map(|block| block[0]).collect::<Vec<_>>();
        assert_eq!(blocks(bytes_of(&file).await), [2, 1, 1, 1, 1, 1, 1, 1]);
        disk::evict(node);
        let after = blocks(bytes_of(&file).await);
        assert_eq!(after[0], 1, "the block itself was never written");
        assert_eq!(after.iter().filter(|byte| **byte == 2).count(), 1, "another one was");
    });
}

#[test]
fn a_lost_write_shows_when_the_cache_forgets() {
    on_node(17, |node| async move {
        let disk = Disk::open("data").await.expect("a disk");
        let file = disk.open_file("a", Open::New).await.expect("a file");
        file.write_at(&[Bytes::from(vec![1; 8 * 4096])], 0).await.expect("room");
        file.sync().await.expect("a good disk");
        disk::change(node, |faults| faults.lost_write = 1.0);
        file.write_at(&[Bytes::from(vec![2; 4096])], 4096).await.expect("no error");
        file.sync().await.expect("no error");
        assert_eq!(bytes_of(&file).await[4096], 2);
        disk::evict(node);
        assert!(bytes_of(&file).await.iter().all(|byte| *byte == 1), "it never happened");
    });
}

#[test]
fn a_stalled_disk_waits_and_a_throttled_one_adds_up() {
    on_node(18, |node| async move {
        let file = new_file("a", b"x").await;
        let until = simulation::elapsed() + Duration::from_secs(3);
        disk::change(node, |faults| faults.stalled = Some(until));
        file.sync().await.expect("a good disk");
        assert!(simulation::elapsed() >= until);
        disk::change(node, |faults| {
            faults.stalled = None;
            faults.bytes_per_second = Some(1_000_000);
        });
        let began = Instant::now();
        let writes = (0..10).map(|number| {
            let file = file.clone();
            let bytes = Bytes::from(vec![number; 100_000]);
            runtime::task::spawn("writer", async move { file.write_at(&[bytes], 0).await })
        });
        for write in writes.collect::<Vec<_>>() {
            write.await.expect("it ran").expect("room");
        }
        assert!((1000..1100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    });
}

#[test]
fn an_operation_may_stall_the_whole_node() {
    on_node(19, |node| async move {
        let file = new_file("a", b"x").await;
        let ticks = Arc::new(AtomicU64::new(0));
        let counter = ticks.clone();
        runtime::task::spawn("ticker", async move {
            loop {
                sleep(Duration::from_millis(1)).await;
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        disk::change(node, |faults| {
            (faults.stall_node, faults.stall_chance) = (Some(Duration::from_secs(1)), 1.0);
        });
        let began = Instant::now();
        file.write_at(&[Bytes::from_static(b"y")], 0).await.expect("room");
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert!(ticks.load(Ordering::Relaxed) < 10, "nothing else ran meanwhile");
    });
}

#[test]
fn a_full_disk_makes_no_files_either_until_there_is_room() {
    on_node(20, |node| async move {
        let disk = Disk::open("data").await.expect("a disk");
        let file = disk.open_file("a", Open::New).await.expect("a file");
        file.write_at(&[Bytes::from(vec![1; 3 * 4096])], 0).await.expect("room");
        disk::change(node, |faults| faults.capacity = 4 * 4096);
        assert_eq!(disk.available().await.expect("a number"), 0);
        let full = std::io::ErrorKind::StorageFull;
        assert_eq!(disk.open_file("b", Open::New).await.expect_err("full").kind(), full);
        assert_eq!(disk.create_directory("c").await.expect_err("full").kind(), full);
        assert_eq!(file.allocate(4 * 4096).await.expect_err("full").kind(), full);
        file.write_at(&[Bytes::from(vec![2; 4096])], 0).await.expect("it has that block");
        file.set_length(4096).await.expect("cutting needs no room");
        assert_eq!(disk.available().await.expect("a number"), 2 * 4096);
        disk.open_file("b", Open::New).await.expect("there is room again");
    });
}

#[test]
fn each_root_is_a_directory_of_its_own() {
    on_node(21, |node| async move {
        let (one, two) = (Disk::open("one").await.expect("a disk"), Disk::open("two").await.expect("a disk"));
        one.open_file("a", Open::New).await.expect("a file");
        assert!(two.list("").await.expect("a good disk").is_empty());
        two.open_file("a", Open::New).await.expect("another");
        assert_eq!(Disk::open("one").await.expect("again").list("").await.expect("a good disk").len(), 1);
        assert!(disk::image_at(node, "two").expect("it was opened").file("a").is_some());
        assert!(disk::image_at(node, "three").is_none());
    });
}

#[test]
fn a_name_that_was_not_synced_is_kept_or_lost() {
    let names = |seed| {
        simulation::run(seed, || async {
            let node = Node::create("one", ADDRESS);
            let writer = node.spawn("writer", async {
                let disk = Disk::open("data").await.expect("a disk");
                disk.open_file("old", Open::New).await.expect("a file");
                disk.sync_directory("").await.expect("a good disk");
                disk.rename("old", "new").await.expect("a good disk");
                disk.open_file("other", Open::New).await.expect("a file").sync().await.expect("a good disk");
            });
            writer.await.expect("it ran");
            node.power_failure();
            disk::image(node).files().into_keys().collect::<Vec<_>>().join(" ")
        })
    };
    let seen: BTreeSet<String> = (0..60).map(names).collect();
    assert_eq!(seen, BTreeSet::from(["new", "new other", "old", "old other"].map(str::to_owned)));
}

#[test]
fn a_kernel_that_writes_back_early_leaves_what_no_sync_saved() {
    let seen: BTreeSet<u8> = (0..40)
        .map(|seed| {
            simulation::run(seed, || async {
                let node = Node::create("one", ADDRESS);
                disk::change(node, |faults| {
                    (faults.write_back, faults.kept_at_power_failure) = (0.2, 0.0);
                });
                let writer = node.spawn("writer", async {
                    let disk = Disk::open("data").await.expect("a disk");
                    let file = disk.open_file("a", Open::New).await.expect("a file");
                    file.allocate(512).await.expect("room");
                    file.sync().await.expect("a good disk");
                    disk.sync_directory("").await.expect("a good disk");
                    for byte in 1..=9 {
                        file.write_at(&[Bytes::from(vec![byte; 512])], 0).await.expect("room");
                    }
                });
                writer.await.expect("it ran");
                node.power_failure();
                disk::image(node).file("a").expect("its name is durable")[0]
            })
        })
        .collect();
    assert!(seen.contains(&0) && seen.len() > 4, "{seen:?}");
}

#[test]
fn an_image_can_be_loaded_and_is_opened_like_any_directory() {
    simulation::run(22, || async {
        let node = Node::create("one", ADDRESS);
        node.crash();
        let mut image = Image::new();
        image.put("topic-0/a", b"bytes");
        disk::load(node, &image);
        node.restart();
        let reader = node.spawn("reader", async {
            let disk = Disk::open("data").await.expect("a disk");
            bytes_of(&disk.open_file("topic-0/a", Open::Read).await.expect("a file")).await
        });
        assert_eq!(reader.await.expect("it ran"), b"bytes");
        node.power_failure();
        assert_eq!(disk::image(node), image);
    });
}
