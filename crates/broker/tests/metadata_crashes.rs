//! The metadata log cut short at every boundary of its disk operations: by a process crash, and by a power failure
//! with each choice of what was kept; and then once more at every boundary of the recovery that follows.

#![cfg(not(madsim))] // on a real directory and real sockets

mod lone_node;

use broker::metadata::{FoundMetadata, Metadata, MetadataFault};
use controller::{Request, Settings};
use lone_node::{node, register};
use model::Uuid;
use model::config::{Origin, ServerConfig};
use model::metadata_image::MetadataImage;
use protocol::messages::broker_heartbeat::BrokerHeartbeatRequest;
use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::delete_topics::DeleteTopicsRequest;
use runtime::disk::Disk;
use runtime::record::{Image, Log, Recorder, SectorSize};
use std::collections::BTreeSet;
use std::path::Path;

/// Snapshots come after so many bytes: small enough for several in one story.
const SNAPSHOT_AFTER: &str = "1500";

fn settings() -> Settings {
    let mut server = ServerConfig::new();
    server.add("metadata.log.max.record.bytes.between.snapshots", SNAPSHOT_AFTER, Origin::Program);
    // On a slow disk the story would outlive a shorter one, and the controller would write of its own accord.
    server.add("broker.session.timeout.ms", "600000", Origin::Program);
    Settings { server }
}

fn registration() -> Request {
    register(Uuid::from_random_bits(runtime::rand::u64(), 7))
}

/// What the metadata says, wherever in its log.
fn said(image: &MetadataImage) -> MetadataImage {
    let mut image = image.clone();
    image.set_end_offset(0);
    image
}

fn heartbeat(image: &MetadataImage) -> Request {
    let broker_epoch = image.broker(1).map_or(-1, |broker| broker.epoch);
    let current_metadata_offset = image.end_offset();
    let request = BrokerHeartbeatRequest { broker_id: 1, broker_epoch, current_metadata_offset, ..Default::default() };
    Request::BrokerHeartbeat { request, unusable: vec![], full: vec![] }
}

fn create(name: &str) -> Request {
    let topic = CreatableTopic { name: name.into(), num_partitions: 15, replication_factor: 1, ..Default::default() };
    Request::CreateTopics(CreateTopicsRequest { topics: vec![topic], ..Default::default() })
}

fn delete(name: &str) -> Request {
    Request::DeleteTopics(DeleteTopicsRequest { topic_names: vec![name.into()], ..Default::default() })
}

/// What a run acknowledged: from this many disk operations on, so many of its states.
#[derive(Default)]
struct Promises {
    acknowledged: Vec<(usize, usize)>,
    /// What the metadata said, in order.
    states: Vec<MetadataImage>,
}

impl Promises {
    fn note(&mut self, operations: usize, image: &MetadataImage) {
        if self.states.last() != Some(&said(image)) {
            self.states.push(said(image));
        }
        self.acknowledged.push((operations, self.states.len() - 1));
    }

    fn least(&self, operations: usize) -> usize {
        let kept = self.acknowledged.iter().filter(|(at, _)| *at <= operations);
        kept.map(|(_, state)| *state).max().unwrap_or(0)
    }

    /// What is found after a crash is a state that the run had, and no older than what it acknowledged.
    fn check(&self, found: &MetadataImage, operations: usize) {
        let least = self.least(operations);
        let is_kept = self.states[least..].contains(&said(found));
        assert!(is_kept, "none of the states from {least} of {} on: {found:?}", self.states.len());
    }
}

async fn ask(metadata: &Metadata, request: Request, recorder: &Recorder, promises: &mut Promises) {
    metadata.ask(request).await.expect("the controller lives");
    promises.note(recorder.count(), &metadata.image());
}

async fn first_run(root: &Path, recorder: &Recorder) -> Promises {
    let mut promises = Promises::default();
    let disk = Disk::open_recorded(root, recorder).await.expect("a disk");
    let found = FoundMetadata::read(&disk).await.expect("an empty directory");
    promises.note(0, found.image());
    let metadata = found.start(settings(), node()).await.expect("a start");
    metadata.images().wait_for(|image| image.cluster_id().is_some()).await.expect("it founds a cluster");
    promises.note(recorder.count(), &metadata.image());
    ask(&metadata, registration(), recorder, &mut promises).await;
    ask(&metadata, heartbeat(&metadata.image()), recorder, &mut promises).await;
    for request in [create("a"), create("b"), delete("a"), create("a"), create("c"), registration()] {
        ask(&metadata, request, recorder, &mut promises).await;
    }
    ask(&metadata, heartbeat(&metadata.image()), recorder, &mut promises).await;
    metadata.close().await;
    promises
}

/// Opens what a crash left, goes on with it, and gives the log of that.
async fn second_run(image: &Image, before: &Promises, operations: usize) -> (Log, Promises) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    image.write_to(directory.path()).expect("room");
    let recorder = Recorder::new();
    let disk = Disk::open_recorded(directory.path(), &recorder).await.expect("a disk");
    let found = FoundMetadata::read(&disk).await.unwrap_or_else(|fault| panic!("a crash is no damage: {fault}"));
    before.check(found.image(), operations);
    let acknowledged = vec![(0, before.least(operations))];
    let mut promises = Promises { acknowledged, states: before.states.clone() };
    let metadata = found.start(settings(), node()).await.expect("a start");
    ask(&metadata, create("after the crash"), &recorder, &mut promises).await;
    ask(&metadata, create("z"), &recorder, &mut promises).await;
    metadata.close().await;
    (recorder.log(), promises)
}

async fn third_look(image: &Image, promises: &Promises, operations: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    image.write_to(directory.path()).expect("room");
    let disk = Disk::open(directory.path()).await.expect("a disk");
    let found = FoundMetadata::read(&disk).await.unwrap_or_else(|fault| panic!("a crash is no damage: {fault}"));
    promises.check(found.image(), operations);
}

/// Every image that a crash may leave, each once, with how many operations were done.
fn images(log: &Log, size: SectorSize, random: u64) -> Vec<(usize, Image)> {
    let mut seen = BTreeSet::new();
    let mut images = Vec::new();
    for point in log.crash_points() {
        let mut here: Vec<Image> =
            point.power_failures(size, random).into_iter().map(|failure| failure.image).collect();
        here.push(point.after_process_crash());
        let fresh = here.into_iter().filter(|image| seen.insert((image.fingerprint(), point.operations)));
        images.extend(fresh.map(|image| (point.operations, image)));
    }
    images
}

#[test]
fn no_crash_and_no_crash_of_the_recovery_loses_what_was_acknowledged() {
    let story = async {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let recorder = Recorder::new();
        let promises = first_run(directory.path(), &recorder).await;
        let log = recorder.log();
        let (mut first, mut second, mut recovered) = (0, 0, BTreeSet::new());
        for (operations, image) in images(&log, SectorSize::Bytes512, 3) {
            first += 1;
            let (log, after) = second_run(&image, &promises, operations).await;
            if !recovered.insert(image.fingerprint()) || first % 4 != 0 {
                continue; // another moment left the same bytes; a quarter of them is enough
            }
            for (operations, image) in images(&log, SectorSize::Bytes4096, 1) {
                second += 1;
                third_look(&image, &after, operations).await;
            }
        }
        assert!(first > 120 && second > 400, "the story is too short: {first} crashes, {second} second crashes");
        let snapshots = log.crash_points().last().expect("an end").after_process_crash().files();
        assert!(snapshots.keys().any(|path| path.ends_with(".state")), "snapshots were taken: {snapshots:?}");
    };
    runtime::task::run(1, story).expect("a runtime");
}

#[test]
fn two_processes_do_not_share_the_metadata() {
    let story = async {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::open(directory.path()).await.expect("a disk");
        let first = FoundMetadata::read(&disk).await.expect("an empty directory");
        let second = FoundMetadata::read(&disk).await.expect_err("it is taken");
        assert!(matches!(second, MetadataFault::Locked { .. }), "{second}");
        assert!(second.to_string().contains("another process uses"), "{second}");
        drop(first);
        FoundMetadata::read(&disk).await.expect("it is free again");
    };
    runtime::task::run(1, story).expect("a runtime");
}

/// A node took a snapshot that it could not read for an empty one, and forgot every topic.
#[test]
fn a_damaged_snapshot_or_middle_is_refused_and_left_as_it_is() {
    let story = async {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let recorder = Recorder::new();
        first_run(directory.path(), &recorder).await;
        let whole = Image::read_from(directory.path()).expect("readable");
        for (path, bytes) in whole.files().into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            for at in (0..bytes.len()).step_by(7) {
                let mut rotten = bytes.to_vec();
                rotten[at] ^= 0x40;
                let mut image = whole.clone();
                image.put(&path, &rotten);
                let directory = tempfile::tempdir().expect("a temporary directory");
                image.write_to(directory.path()).expect("room");
                let disk = Disk::open(directory.path()).await.expect("a disk");
                match FoundMetadata::read(&disk).await {
                    Err(MetadataFault::Damaged { .. }) => {
                        let after = Image::read_from(directory.path()).expect("readable");
                        assert_eq!(after.file(&path), image.file(&path), "nothing was changed");
                    }
                    Err(other) => panic!("{path} byte {at}: {other}"),
                    Ok(_) => assert!(path.ends_with(".changes"), "{path} byte {at} was believed"),
                }
            }
        }
    };
    runtime::task::run(1, story).expect("a runtime");
}
