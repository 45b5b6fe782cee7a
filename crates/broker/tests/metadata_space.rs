//! The metadata log on a disk that others have filled, in a simulated world.

#![cfg(madsim)]

mod lone_node;

use broker::metadata::{FoundMetadata, Metadata};
use controller::Settings;
use lone_node::{node, register};
use model::Uuid;
use model::config::{Origin, ServerConfig};
use runtime::disk::Disk;
use runtime::simulation::{Node, disk};

async fn started(on: &Disk, snapshot_after: &str) -> Metadata {
    let mut server = ServerConfig::new();
    server.add("metadata.log.max.record.bytes.between.snapshots", snapshot_after, Origin::Program);
    let found = FoundMetadata::read(on).await.expect("nothing is damaged");
    found.start(Settings { server }, node()).await.expect("a start")
}

/// Whether that life is in the image afterwards.
async fn registers(metadata: &Metadata, life: u8) -> bool {
    metadata.ask(register(Uuid([life; 16]))).await.expect("the controller lives");
    metadata.image().broker(1).is_some_and(|broker| broker.incarnation == Uuid([life; 16]))
}

fn fill() {
    disk::change(Node::SUPERVISOR, |faults| faults.capacity = 0);
}

/// A node whose disk was full learned nothing more: it led partitions that others led by then.
#[test]
fn metadata_finds_space_on_a_full_disk() {
    let story = async {
        let on = Disk::open("data").await.expect("a disk");
        let metadata = started(&on, "20000").await;
        assert!(registers(&metadata, 1).await);
        fill();
        for life in 2..40 {
            assert!(registers(&metadata, life).await, "life {life}");
        }
        metadata.close().await;
        let metadata = started(&on, "20000").await;
        assert!(registers(&metadata, 41).await, "after a restart there is space as well");
    };
    runtime::task::run(1, story).expect("a world");
}

/// A snapshot that found no space was waited for, and nothing was decided meanwhile.
#[test]
fn a_snapshot_for_which_there_is_no_space_holds_nothing_up() {
    let story = async {
        let on = Disk::open("data").await.expect("a disk");
        let metadata = started(&on, "3000").await;
        assert!(registers(&metadata, 1).await);
        fill();
        let mut lives = Vec::new();
        for life in 2..100 {
            lives.push(registers(&metadata, life).await);
        }
        let registered = lives.iter().take_while(|registered| **registered).count();
        assert!((5..90).contains(&registered), "the space that is kept is some, and has an end: {lives:?}");
        assert!(!lives[registered..].contains(&true), "what finds no space is refused: {lives:?}");
        disk::change(Node::SUPERVISOR, |faults| faults.capacity = u64::MAX);
        for life in 100..150 {
            assert!(registers(&metadata, life).await, "life {life}");
        }
        metadata.close().await;
        assert!(registers(&started(&on, "3000").await, 151).await);
    };
    runtime::task::run(1, story).expect("a world");
}
