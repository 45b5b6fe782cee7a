//! Registration, heartbeats, leadership, producer ids.

use crate::cluster::{CLUSTER, Cluster, error, registration};
use controller::{Founding, PRODUCER_ID_BLOCK, Reply, Request};
use model::{ErrorCode, Uuid};
use protocol::messages::allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use protocol::messages::broker_registration::BrokerRegistrationRequest;

#[test]
fn a_cluster_is_founded_once_with_the_newest_features() {
    let mut cluster = Cluster::empty(&[]);
    assert_eq!(cluster.ask(Request::Found(Founding::new("first"))), Reply::Founded);
    let written = cluster.log().len();
    assert_eq!(cluster.ask(Request::Found(Founding::new("second"))), Reply::Founded);
    assert_eq!(cluster.log().len(), written);
    assert_eq!(cluster.image().cluster_id().map(|id| &**id), Some("first"));
    assert_eq!(cluster.image().feature("transaction.version"), 2);
    assert_eq!(cluster.image().feature("metadata.version"), 30);
}

#[test]
fn a_founder_may_choose_older_feature_levels() {
    let mut cluster = Cluster::empty(&[]);
    let features = vec![("transaction.version".to_owned(), 1), ("eligible.leader.replicas.version".to_owned(), 0)];
    cluster.ask(Request::Found(Founding { cluster_id: "old".to_owned(), features }));
    assert_eq!(cluster.image().feature("transaction.version"), 1);
    assert_eq!(cluster.image().feature("eligible.leader.replicas.version"), 0);
    assert_eq!(cluster.image().configured_resources().len(), 0);
}

#[test]
fn a_broker_is_fenced_until_it_has_folded_its_own_registration() {
    let mut cluster = Cluster::of(&[]);
    let epoch = cluster.register(1).broker_epoch;
    assert_eq!(epoch, cluster.image().end_offset() - 1, "the epoch is the offset of the registration");
    assert!(!cluster.image().is_unfenced(1));
    let behind = cluster.heartbeat(1, epoch, epoch - 1);
    assert!(behind.is_fenced && !behind.is_caught_up);
    assert!(!cluster.heartbeat(1, epoch, epoch).is_fenced);
    assert!(cluster.image().is_unfenced(1));
}

#[test]
fn a_request_of_a_past_life_is_stale() {
    let mut cluster = Cluster::of(&[]);
    let old = cluster.start_broker(1);
    cluster.start_broker(1);
    assert_eq!(error(cluster.heartbeat(1, old, old).error_code), ErrorCode::StaleBrokerEpoch);
    assert_eq!(error(cluster.heartbeat(7, old, old).error_code), ErrorCode::StaleBrokerEpoch);
    assert_eq!(error(producer_ids(&mut cluster, 1, old).error_code), ErrorCode::StaleBrokerEpoch);
}

#[test]
fn the_same_life_may_register_again_and_changes_nothing() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 1, 1);
    let first = cluster.ask_registration(registration(2, 77));
    let (before, written) = (cluster.image().clone(), cluster.log().len());
    let again = cluster.ask_registration(registration(2, 77));
    assert_eq!(again, first);
    assert_eq!((cluster.image(), cluster.log().len()), (&before, written));
}

/// Two lives of one leader wrote different records at one offset in one epoch, and followers kept the wrong one.
#[test]
fn a_new_life_raises_the_leader_epoch_of_everything_it_leads_in_one_record() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_topic("t", 3, 1);
    let written = cluster.log().len();
    for life in 1..=3 {
        cluster.start_broker(1);
        for number in 0..3 {
            let partition = cluster.partition("t", number);
            assert_eq!((partition.leader, partition.leader_epoch), (Some(1), life));
            assert_eq!(partition.partition_epoch, life);
        }
    }
    assert_eq!(cluster.log().len(), written + 3 * 2, "a registration and an unfencing a life");
}

#[test]
fn a_broker_that_starts_anew_hands_over_to_who_is_in_sync_and_leaves_the_isr() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 30, 2);
    cluster.register(1);
    for number in 0..30 {
        let partition = cluster.partition("t", number);
        let was_leader = partition.replicas[0] == 1;
        assert!(!partition.isr.contains(&1) && partition.leader != Some(1), "{partition:?}");
        assert_eq!(partition.leader_epoch, i32::from(was_leader));
        assert_eq!(partition.partition_epoch, i32::from(partition.replicas.contains(&1)));
    }
}

#[test]
fn what_only_a_fenced_broker_has_in_sync_waits_for_it() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_topic("t", 1, 1);
    let owner = cluster.partition("t", 0).replicas[0];
    let epoch = cluster.image().broker(owner).expect("registered").epoch;
    assert!(cluster.fence(owner, epoch).is_fenced);
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader, partition.isr.as_slice(), partition.leader_epoch), (None, &[][..], 1));
    assert_eq!(partition.eligible_leaders, [owner]);
    let seen = cluster.image().end_offset();
    assert!(!cluster.heartbeat(owner, epoch, seen).is_fenced);
    let partition = cluster.partition("t", 0);
    assert_eq!((partition.leader, partition.leader_epoch, partition.partition_epoch), (Some(owner), 2, 2));
}

#[test]
fn a_broker_of_another_cluster_or_with_a_copied_directory_is_refused() {
    let mut cluster = Cluster::of(&[1]);
    let mut refused = |request: BrokerRegistrationRequest| error(cluster.ask_registration(request).error_code);
    let other = BrokerRegistrationRequest { cluster_id: "another".into(), ..registration(2, 9) };
    assert_eq!(refused(other), ErrorCode::InconsistentClusterId);
    let copied = BrokerRegistrationRequest { log_dirs: registration(1, 9).log_dirs, ..registration(2, 9) };
    assert_eq!(refused(copied), ErrorCode::InvalidRegistration);
    for broken in [
        BrokerRegistrationRequest { broker_id: -1, ..registration(2, 9) },
        BrokerRegistrationRequest { listeners: vec![], ..registration(2, 9) },
        BrokerRegistrationRequest { log_dirs: vec![], ..registration(2, 9) },
        BrokerRegistrationRequest { log_dirs: vec![Uuid::ZERO], ..registration(2, 9) },
    ] {
        assert_eq!(refused(broken), ErrorCode::InvalidRegistration);
    }
    let before_founding = Cluster::empty(&[]).ask_registration(registration(1, 9));
    assert_eq!(error(before_founding.error_code), ErrorCode::InconsistentClusterId);
    assert_eq!(&*registration(1, 9).cluster_id, CLUSTER);
}

fn producer_ids(cluster: &mut Cluster, broker_id: i32, broker_epoch: i64) -> AllocateProducerIdsResponse {
    let request = AllocateProducerIdsRequest { broker_id, broker_epoch, ..Default::default() };
    match cluster.ask(Request::AllocateProducerIds(request)) {
        Reply::AllocateProducerIds(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn producer_ids_are_given_out_once_whatever_life_asks() {
    let mut cluster = Cluster::of(&[]);
    for expected in 1..6 {
        let epoch = cluster.start_broker(1);
        let block = producer_ids(&mut cluster, 1, epoch);
        assert_eq!(block.producer_id_start, expected * i64::from(PRODUCER_ID_BLOCK));
        assert_eq!(block.producer_id_len, PRODUCER_ID_BLOCK);
    }
}
