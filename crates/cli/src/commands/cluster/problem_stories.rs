use super::*;
use client::admin::{ClusterDescription, DescribedBroker, DescribedTopic, LogDirectoryView};
use client::{BrokerView, ClientError};

fn broker(node: NodeId) -> DescribedBroker {
    let view = BrokerView { host: "h".to_owned(), port: node, rack: None };
    DescribedBroker { node, view, is_fenced: false }
}

fn voter(node: NodeId, last_fetch: i64) -> QuorumReplica {
    let directory = model::Uuid::ZERO;
    QuorumReplica { node, directory, log_end_offset: 5, last_fetch, last_caught_up: last_fetch }
}

fn directory(usable_bytes: i64) -> (String, client::Result<LogDirectoryView>) {
    let view = LogDirectoryView { path: "/d".to_owned(), total_bytes: 1000, usable_bytes, replicas: Vec::new() };
    ("/d".to_owned(), Ok(view))
}

fn partition(number: i32, in_sync: &[NodeId]) -> DescribedPartition {
    DescribedPartition {
        partition: number,
        leader: in_sync.first().copied().unwrap_or(-1),
        leader_epoch: 0,
        replicas: vec![1, 2, 3],
        in_sync: in_sync.to_vec(),
        eligible: Vec::new(),
        last_known_eligible: Vec::new(),
        offline: Vec::new(),
    }
}

/// Three brokers that are controllers, and topic `t` on all of them.
fn healthy() -> Survey {
    let brokers = (1..=3).map(broker).collect();
    let topic = DescribedTopic {
        name: "t".into(),
        id: model::Uuid::ZERO,
        is_internal: false,
        partitions: vec![partition(0, &[1, 2, 3])],
    };
    Survey {
        cluster: ClusterDescription { cluster_id: "c".to_owned(), controller_id: 1, brokers },
        quorum: Ok(QuorumDescription {
            leader: 1,
            leader_epoch: 1,
            high_watermark: 5,
            voters: (1..=3).map(|node| voter(node, 100_000)).collect(),
            observers: Vec::new(),
        }),
        topics: Ok(vec![topic]),
        min_in_sync: BTreeMap::from([("t".to_owned(), 2)]),
        directories: (1..=3).map(|node| (node, Ok(vec![directory(500)]))).collect(),
    }
}

fn with_partitions(partitions: Vec<DescribedPartition>) -> Survey {
    let mut survey = healthy();
    survey.topics.as_mut().expect("there are some")[0].partitions = partitions;
    survey
}

/// The only problem there is.
fn only(survey: &Survey) -> Problem {
    let mut problems = problems(survey);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn a_healthy_cluster_has_no_problems() {
    assert_eq!(problems(&healthy()), []);
}

#[test]
fn a_cluster_without_a_controller_is_told_what_that_means() {
    let mut survey = healthy();
    survey.quorum = Err(ClientError::Closed);
    let problem = only(&survey);
    assert_eq!(problem.kind, "no-controller");
    assert!(problem.sentence().contains("more than half"), "{}", problem.sentence());
}

#[test]
fn a_voter_that_is_away_is_told_with_what_may_still_be_lost() {
    let mut survey = healthy();
    survey.quorum.as_mut().expect("it is there").voters[2].last_fetch = 90_000;
    assert_eq!(problems(&survey), [], "it was caught up a moment ago");
    survey.quorum.as_mut().expect("it is there").voters[2] = voter(3, 90_000);
    let problem = only(&survey);
    assert_eq!((problem.kind, &problem.nodes), ("controller-away", &vec![3]));
    assert!(
        problem.what.contains("2 of 3 voters are left, the loss of one more stops the cluster"),
        "{}",
        problem.what
    );
}

#[test]
fn a_broker_that_is_fenced_or_does_not_answer_is_told() {
    let mut survey = healthy();
    survey.cluster.brokers[1].is_fenced = true;
    assert_eq!(only(&survey).kind, "broker-fenced");
    assert!(only(&survey).sentence().contains("broker 2 (h:2)"), "{}", only(&survey).sentence());
    let mut survey = healthy();
    survey.directories.insert(3, Err(ClientError::Closed));
    assert_eq!((only(&survey).kind, only(&survey).nodes), ("broker-mute", vec![3]));
}

#[test]
fn disks_that_failed_or_are_nearly_full_are_told() {
    let mut survey = healthy();
    survey.directories.insert(1, Ok(vec![directory(19)]));
    assert_eq!(only(&survey).kind, "disk-full");
    survey.directories.insert(1, Ok(vec![directory(20), ("/e".to_owned(), Err(ClientError::Closed))]));
    assert!(only(&survey).what.contains("/e of broker 1 failed"), "{}", only(&survey).what);
}

#[test]
fn partitions_with_the_same_ailment_are_told_of_together() {
    let survey = with_partitions((0..5).map(|number| partition(number, &[1, 3])).collect());
    let problem = only(&survey);
    assert_eq!((problem.kind, problem.partitions.len(), &problem.nodes), ("under-replicated", 5, &vec![2]));
    assert!(problem.what.starts_with("5 partitions (t-0, t-1, t-2 and 2 more) have"), "{}", problem.what);
}

#[test]
fn a_partition_below_its_minimum_takes_no_writes() {
    let problem = only(&with_partitions(vec![partition(0, &[1])]));
    assert_eq!(problem.kind, "under-min-isr");
    assert!(problem.what.contains("1 in sync, and min.insync.replicas is 2"), "{}", problem.what);
    assert!(problem.how.contains("start nodes 2 and 3"), "{}", problem.how);
}

#[test]
fn a_partition_with_fewer_replicas_than_its_minimum_is_not_below_it() {
    let mut small = partition(0, &[1]);
    small.replicas = vec![1];
    assert_eq!(problems(&with_partitions(vec![small])), []);
}

#[test]
fn a_partition_without_a_leader_is_told_who_may_lead_it() {
    let mut gone = partition(0, &[]);
    gone.eligible = vec![2];
    assert!(only(&with_partitions(vec![gone.clone()])).how.contains("start broker 2, which has everything"));
    gone.eligible = Vec::new();
    gone.last_known_eligible = vec![3];
    let how = only(&with_partitions(vec![gone.clone()])).how;
    assert!(how.contains("start broker 3") && how.contains("unclean.leader.election.enable=true"), "{how}");
    gone.last_known_eligible = Vec::new();
    assert_eq!(only(&with_partitions(vec![gone])).how, "start brokers 1, 2 or 3");
}
