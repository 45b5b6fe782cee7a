//! Who is believed to be alive: sessions, evidence of a death, registrations of a second process.

use crate::cluster::{Cluster, error, registration};
use model::{ErrorCode, Uuid};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, Feature};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn beat_all(cluster: &mut Cluster, ids: &[i32]) {
    for id in ids {
        cluster.beat_of(*id);
    }
}

#[test]
fn a_silent_broker_is_fenced_when_its_session_ends_and_its_partitions_have_other_leaders_in_the_same_entry() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 12, 3);
    let end = cluster.image().end_offset();
    for _ in 0..4 {
        cluster.pass(2 * SECOND);
        beat_all(&mut cluster, &[1, 2]);
    }
    assert!(cluster.image().is_unfenced(3), "8 s of 9 have passed");
    cluster.pass(2 * SECOND);
    assert!(!cluster.image().is_unfenced(3));
    assert_eq!(cluster.image().end_offset(), end + 1, "one entry");
    for number in 0..12 {
        let partition = cluster.partition("t", number);
        assert!(partition.leader.is_some_and(|leader| leader != 3), "{partition:?}");
        assert_eq!((partition.isr.len(), partition.isr.contains(&3)), (2, false));
    }
}

#[test]
fn heartbeats_keep_a_session_alive_for_ever() {
    let mut cluster = Cluster::of(&[1, 2]);
    let end = cluster.image().end_offset();
    for _ in 0..1000 {
        cluster.pass(8 * SECOND);
        beat_all(&mut cluster, &[1, 2]);
    }
    assert_eq!(cluster.image().end_offset(), end, "nothing was written");
}

#[test]
fn whoever_becomes_the_controller_gives_every_broker_a_fresh_session() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.pass(8 * SECOND);
    cluster.fail_over();
    cluster.pass(8 * SECOND);
    assert!((1..=3).all(|id| cluster.image().is_unfenced(id)));
    cluster.pass(2 * SECOND);
    assert!(!(1..=3).any(|id| cluster.image().is_unfenced(id)));
}

/// A paused controller found every session over, though the heartbeats were waiting in its sockets.
#[test]
fn a_controller_that_slept_past_the_ends_of_sessions_first_listens() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.sleep(30 * SECOND);
    assert!((1..=3).all(|id| cluster.image().is_unfenced(id)));
    beat_all(&mut cluster, &[1, 2]);
    cluster.pass(3 * SECOND);
    assert!(cluster.image().is_unfenced(1) && cluster.image().is_unfenced(2));
    assert!(!cluster.image().is_unfenced(3), "it was not heard of after all");
}

#[test]
fn evidence_of_a_death_fences_at_once_and_only_the_life_that_is_meant() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 6, 2);
    let old = cluster.epoch(1);
    cluster.kill(1);
    assert!(!cluster.image().is_unfenced(1));
    assert!((0..6).all(|number| cluster.partition("t", number).leader.is_some_and(|leader| leader != 1)));
    cluster.start_broker(1);
    let before = cluster.image().clone();
    cluster.ask(controller::Request::BrokerDied { id: 1, epoch: old });
    assert_eq!(*cluster.image(), before, "late evidence is of the past");
}

/// Somebody gave a new machine the id of another one.
fn with_other_disks(id: i32) -> BrokerRegistrationRequest {
    BrokerRegistrationRequest { log_dirs: vec![Uuid([0x77; 16])], ..registration(id, 77) }
}

#[test]
fn a_second_process_of_the_same_id_waits_until_the_first_is_known_to_be_gone() {
    let mut cluster = Cluster::of(&[1, 2]);
    let refused = cluster.ask_registration(with_other_disks(1));
    assert_eq!(error(refused.error_code), ErrorCode::DuplicateBrokerRegistration);
    for _ in 0..4 {
        cluster.pass(2 * SECOND);
        cluster.beat_of(2);
    }
    let refused = cluster.ask_registration(with_other_disks(1));
    assert_eq!(error(refused.error_code), ErrorCode::DuplicateBrokerRegistration, "9 s are not over");
    cluster.pass(2 * SECOND);
    assert_eq!(cluster.ask_registration(with_other_disks(1)).error_code, 0);
}

#[test]
fn with_evidence_a_second_process_of_the_same_id_registers_at_once() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.kill(1);
    assert_eq!(cluster.ask_registration(with_other_disks(1)).error_code, 0);
}

#[test]
fn a_process_that_has_the_directory_of_the_one_before_is_evidence_that_it_ended() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 6, 3);
    let epoch = cluster.ask_registration(registration(1, 77)).broker_epoch;
    assert!(!cluster.image().is_unfenced(1));
    let partitions = &cluster.image().topic("t").expect("known").partitions;
    assert!(partitions.iter().all(|partition| partition.leader != Some(1) && !partition.isr.contains(&1)));
    assert!(!cluster.heartbeat(1, epoch, epoch).is_fenced);
}

/// One node alone writes one record at a start, whatever it leads.
#[test]
fn the_death_of_a_lone_broker_is_not_written_down() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 50, 1);
    let end = cluster.image().end_offset();
    cluster.kill(1);
    assert_eq!(cluster.image().end_offset(), end);
    cluster.start_broker(1);
    assert_eq!(cluster.image().end_offset(), end + 2, "a registration and an unfencing");
    assert!((0..50).all(|number| cluster.partition("t", number).leader_epoch == 1));
}

#[test]
fn a_lone_broker_that_is_fenced_leads_nothing_any_more_when_company_comes() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 1, 1);
    cluster.register(1);
    assert_eq!(cluster.partition("t", 0).leader, Some(1));
    cluster.start_broker(2);
    assert_eq!(cluster.partition("t", 0).leader, None);
    cluster.beat_of(1);
    assert_eq!(cluster.partition("t", 0).leader, Some(1));
}

#[test]
fn a_broker_that_does_not_understand_the_clusters_levels_is_refused() {
    let mut cluster = Cluster::of(&[]);
    let feature = |min_supported_version: i16, max_supported_version: i16| BrokerRegistrationRequest {
        features: vec![Feature {
            name: "transaction.version".into(),
            min_supported_version,
            max_supported_version,
            ..Default::default()
        }],
        ..registration(1, 5)
    };
    let answer = cluster.ask_registration(feature(0, 1));
    assert_eq!(error(answer.error_code), ErrorCode::UnsupportedVersion);
    assert_eq!(cluster.ask_registration(feature(0, 2)).error_code, 0);
}
