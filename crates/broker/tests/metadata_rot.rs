//! Rot in the metadata's snapshot, in a simulated world, where a historical bug can be planted beside it.

#![cfg(madsim)]
#![allow(clippy::disallowed_methods)] // starts itself again, with the bug

mod lone_node;

use broker::metadata::{FoundMetadata, MetadataFault};
use controller::Settings;
use lone_node::{node, register};
use model::Uuid;
use model::config::{Origin, ServerConfig};
use runtime::disk::{Disk, Open};

const BUG: &str = "a bad metadata snapshot counts as an empty one";
const DIRECTORY: &str = "__cluster_metadata-0";
/// Names what a process is to be run with.
const PLANT: &str = "THALWEG_PLANT";

/// Metadata that has taken a snapshot.
async fn written(disk: &Disk) {
    let mut server = ServerConfig::new();
    server.add("metadata.log.max.record.bytes.between.snapshots", "1500", Origin::Program);
    let found = FoundMetadata::read(disk).await.expect("an empty directory");
    let metadata = found.start(Settings { server }, node()).await.expect("a start");
    for life in 1..40 {
        metadata.ask(register(Uuid([life; 16]))).await.expect("the controller lives");
    }
    metadata.close().await;
}

async fn rot(disk: &Disk) {
    let names = disk.list(DIRECTORY).await.expect("a directory").into_iter().map(|entry| entry.name);
    let snapshot = names.filter(|name| name.ends_with(".state")).max().expect("a snapshot was taken");
    let file = disk.open_file(&format!("{DIRECTORY}/{snapshot}"), Open::Existing).await.expect("it is there");
    let mut byte = [0];
    file.read_at(&mut byte, 40).await.expect("it is longer");
    file.write_at(&[vec![byte[0] ^ 0x40].into()], 40).await.expect("rot");
}

/// A node took a snapshot that it could not read for an empty one, and forgot every topic.
#[test]
fn a_rotten_snapshot_is_refused() {
    if let Ok(bug) = std::env::var(PLANT) {
        model::marks::plant(&bug);
    }
    let story = async {
        let disk = Disk::open("data").await.expect("a disk");
        written(&disk).await;
        rot(&disk).await;
        match FoundMetadata::read(&disk).await {
            Err(MetadataFault::Damaged { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(found) => panic!("believed, up to {}", found.image().end_offset()),
        }
    };
    runtime::task::run(1, story).expect("a world");
}

#[test]
fn the_bug_is_caught_when_it_is_planted() {
    let mut again = std::process::Command::new(std::env::current_exe().expect("this program has a file"));
    let output = again.args(["--exact", "a_rotten_snapshot_is_refused"]).env(PLANT, BUG).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 failed") && said.contains("believed"), "{said}");
}
