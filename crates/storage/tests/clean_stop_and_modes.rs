//! Clean stops, mode changes, and what is in the directory for Kafka to read.

mod support;

use model::TopicPartition;
use storage::{DirectoryOptions, LogConfig, LogDirectory, StorageFault};
use support::*;

#[test]
fn a_clean_stop_is_told_from_a_crash() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, log) = place.with_log(config.clone()).await;
            close(directory, log).await;
            assert!(place.names("").await.contains(&".kafka_cleanshutdown".to_owned()));
            let opened = place.open(config.clone()).await;
            assert!(opened.clean);
            assert!(!place.names("").await.contains(&".kafka_cleanshutdown".to_owned()), "the mark goes at once");
            drop(opened);
            assert!(!place.open(config).await.clean);
        }
    });
}

#[test]
fn a_clean_stop_without_all_logs_is_none() {
    story(async {
        let place = Place::new();
        let (directory, log) = place.with_log(plain()).await;
        assert!(directory.close(Vec::new()).await.is_err());
        drop(log);
        assert!(!place.open(plain()).await.clean);
    });
}

#[test]
fn what_is_left_is_kafkas_layout() {
    story(async {
        for config in both() {
            let place = Place::new();
            let config = LogConfig { segment_bytes: 2000, index_interval_bytes: 500, ..config };
            let (directory, mut log) = place.with_log(config.clone()).await;
            log.assign_leader_epoch(0).await.expect("an epoch");
            fill(&mut log, 30, 3).await;
            log.set_high_watermark(90);
            log.advance_start(4).await.expect("a new start");
            let size = log.size();
            let id = directory.directory_id();
            close(directory, log).await;

            let text = async |name: &str| String::from_utf8(place.read_file(name).await).expect("text");
            assert_eq!(text("recovery-point-offset-checkpoint").await, "0\n1\nstory 0 90\n");
            assert_eq!(text("replication-offset-checkpoint").await, "0\n1\nstory 0 90\n");
            assert_eq!(text("log-start-offset-checkpoint").await, "0\n1\nstory 0 4\n");
            assert_eq!(text("story-0/leader-epoch-checkpoint").await, "0\n1\n0 4\n");
            assert_eq!(text("story-0/partition.metadata").await, format!("version: 0\ntopic_id: {TOPIC_ID}"));
            assert!(text("meta.properties").await.contains(&format!("directory.id={id}\n")));
            assert!(text("meta.properties").await.starts_with("#\nversion=1\nnode.id=1\ncluster.id="));

            let names = place.names("story-0").await;
            let mut bytes = 0;
            for name in names.iter().filter(|name| name.ends_with(".log")) {
                let stem = name.trim_end_matches(".log");
                bytes += place.read_file(&format!("story-0/{name}")).await.len() as u64;
                let index = place.read_file(&format!("story-0/{stem}.index")).await;
                let times = place.read_file(&format!("story-0/{stem}.timeindex")).await;
                assert!(index.len() % 8 == 0 && times.len() % 12 == 0 && !times.is_empty());
            }
            assert_eq!(bytes, size);
            assert!(names.contains(&"00000000000000000090.snapshot".to_owned()), "{names:?}");
            assert!(names.iter().all(|name| !name.ends_with(".tmp") && !name.ends_with(".deleted")), "{names:?}");
        }
    });
}

#[test]
fn a_directory_that_kafka_left_clean_is_opened_as_it_is() {
    story(async {
        for config in both() {
            let place = Place::new();
            let (directory, mut log) = place.with_log(plain()).await;
            fill(&mut log, 30, 3).await;
            close(directory, log).await;
            forget_us(&place).await;
            let (_directory, mut log) = place.again(config.clone()).await;
            assert_eq!(log.is_journaled(), config.wants_journal());
            assert_eq!(contents(&log).await, filled(30, 3));
            fill(&mut log, 1, 3).await;
            durable(&log).await;
        }
    });
}

#[test]
fn a_directory_that_kafka_left_crashed_is_scanned() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 30, 3).await;
        close(directory, log).await;
        forget_us(&place).await;
        let disk = place.disk().await;
        disk.remove_file(".kafka_cleanshutdown").await.expect("removed");
        disk.remove_file("recovery-point-offset-checkpoint").await.expect("removed");
        let file = "story-0/00000000000000000000.log";
        let length = place.read_file(file).await.len();
        place.resize(file, length as u64 - 7).await;
        // Kafka's indexes are as large as they may become, and full of zeros.
        place.resize("story-0/00000000000000000000.index", 10 << 20).await;
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, filled(29, 3));
    });
}

/// Removes what is not Kafka's.
async fn forget_us(place: &Place) {
    let disk = place.disk().await;
    for entry in disk.list("").await.expect("a list") {
        let ours =
            entry.name.contains("journal") || entry.name.contains("checkpoint") && !entry.name.contains("offset");
        if ours && entry.is_directory {
            for file in disk.list(&entry.name).await.expect("a list") {
                disk.remove_file(&format!("{}/{}", entry.name, file.name)).await.expect("removed");
            }
            disk.remove_directory(&entry.name).await.expect("removed");
        } else if ours {
            disk.remove_file(&entry.name).await.expect("removed");
        }
    }
}

#[test]
fn somebody_else_who_closed_the_directory_is_believed() {
    // We crashed with entries in the journal; Kafka ran on the directory, appended, and closed it.
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(journaled()).await;
        fill(&mut log, 20, 3).await;
        log.set_journaled(false).await.expect("a barrier");
        log.set_journaled(true).await.expect("a barrier");
        fill(&mut log, 5, 3).await;
        durable(&log).await;
        drop((log, directory));
        let file = "story-0/00000000000000000000.log";
        let length = place.read_file(file).await.len();
        let mut theirs = records("theirs", 3, START);
        protocol::records::set_base_offset(&mut theirs, 75);
        protocol::records::set_leader_epoch(&mut theirs, 0);
        place.damage(file, length as u64, &theirs).await;
        place.disk().await.open_file(".kafka_cleanshutdown", runtime::disk::Open::New).await.expect("made");
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(log.log_end_offset(), 78);
        assert_eq!(contents(&log).await[75], (75, "theirs 0".to_owned()));
    });
}

#[test]
fn the_mode_is_what_the_disk_says_and_then_what_the_config_wants() {
    story(async {
        let place = Place::new();
        // Page cache, and the topic is made durable with a crash before anybody told the log.
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 20, 3).await;
        drop((log, directory));
        let (directory, mut log) = place.again(journaled()).await;
        assert!(log.is_journaled());
        assert_eq!(contents(&log).await, filled(20, 3));
        fill(&mut log, 5, 3).await;
        durable(&log).await;
        drop((log, directory));
        // And the other way.
        let (_directory, log) = place.again(plain()).await;
        assert!(!log.is_journaled());
        assert_eq!(contents(&log).await, filled(25, 3));
    });
}

#[test]
fn mode_changes_are_barriers() {
    story(async {
        let place = Place::new();
        let file = "story-0/00000000000000000000.log";
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 5, 3).await;
        log.set_journaled(true).await.expect("a barrier");
        let line = place.read_file(file).await.len();
        fill(&mut log, 5, 3).await;
        durable(&log).await;
        drop((log, directory));
        place.resize(file, line as u64).await;
        let (directory, mut log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, filled(10, 3), "what came after the barrier is in the journal");
        log.set_journaled(false).await.expect("a barrier");
        assert_eq!(log.durable().borrow().offset, 30);
        fill(&mut log, 5, 3).await;
        assert_eq!(log.durable().borrow().offset, 45, "the page cache is the promise");
        log.set_journaled(true).await.expect("a barrier");
        fill(&mut log, 1, 3).await;
        durable(&log).await;
        drop((log, directory));
        let (_directory, log) = place.again(journaled()).await;
        assert_eq!(contents(&log).await, filled(16, 3));
    });
}

#[test]
fn one_process_at_a_time() {
    story(async {
        let place = Place::new();
        let opened = place.open(plain()).await;
        let second = LogDirectory::open(place.disk().await, options(), &|_: &TopicPartition| plain()).await;
        let fault = second.expect_err("it is in use");
        assert!(matches!(fault, StorageFault::Locked { .. }), "{fault}");
        drop(opened);
        place.open(plain()).await;
    });
}

#[test]
fn the_directory_of_another_broker_is_refused() {
    story(async {
        let place = Place::new();
        let with = |node_id, cluster: Option<&str>| DirectoryOptions {
            node_id,
            cluster_id: cluster.map(str::to_owned),
            ..options()
        };
        let opened = place.open_with(with(3, Some("ours")), plain()).await;
        assert_eq!(opened.directory.cluster_id(), "ours");
        let id = opened.directory.directory_id();
        opened.directory.close(Vec::new()).await.expect("a clean stop");
        let open = async |options| LogDirectory::open(place.disk().await, options, &|_: &TopicPartition| plain()).await;
        assert!(matches!(open(with(4, None)).await, Err(StorageFault::OtherNode { expected: 4, found: 3, .. })));
        assert!(matches!(open(with(3, Some("theirs"))).await, Err(StorageFault::OtherCluster { .. })));
        let opened = open(with(3, None)).await.expect("ours");
        assert_eq!((opened.directory.cluster_id(), opened.directory.directory_id()), ("ours", id));
    });
}

#[test]
fn strange_things_in_the_directory_are_left_alone() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 3, 3).await;
        let disk = place.disk().await;
        disk.create_directory("lost+found").await.expect("made");
        disk.open_file("story-0/notes.txt", runtime::disk::Open::New).await.expect("made");
        close(directory, log).await;
        let (_directory, log) = place.again(plain()).await;
        assert_eq!(contents(&log).await, filled(3, 3));
        assert!(place.names("").await.contains(&"lost+found".to_owned()));
        assert!(place.names("story-0").await.contains(&"notes.txt".to_owned()));
    });
}

#[test]
fn high_watermarks_and_usage_are_kept() {
    story(async {
        let place = Place::new();
        let (directory, mut log) = place.with_log(plain()).await;
        fill(&mut log, 10, 3).await;
        log.set_high_watermark(27);
        directory.checkpoint().await.expect("a checkpoint");
        let (total, usable) = directory.usage().await.expect("the usage");
        assert!(usable > 0 && total >= usable + log.size());
        drop((log, directory));
        let (_directory, log) = place.again(plain()).await;
        assert_eq!(log.high_watermark(), 27);
    });
}
