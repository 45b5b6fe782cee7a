//! What has to come back by itself once nothing goes wrong any more: every partition has a leader that serves, and all
//! replicas are in sync. Asked as clients ask, so that the history tells.

use super::{FOUNDER, Surroundings};
use client::{Admin, Cluster, Isolation, OffsetSpec};
use jepsen_lite::history::{Action, Answer, Outcome};
use model::{NodeId, TopicPartition};
use runtime::time::{Duration, Instant, sleep};

/// A leader serves within this time.
const LEADER_WITHIN: Duration = Duration::from_secs(45);
/// All are in sync within this time.
const IN_SYNC_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(200);

/// Waits for it, partition by partition, and writes down what did not come in time.
pub async fn converge(around: &Surroundings, nodes: &[NodeId]) {
    let cluster = around.connect("founder");
    let deadline = Instant::now() + LEADER_WITHIN;
    for partition in around.partitions() {
        await_leader(around, &cluster, partition, deadline).await;
    }
    let deadline = Instant::now() + IN_SYNC_WITHIN;
    for partition in around.partitions() {
        await_in_sync(around, &cluster, partition, nodes, deadline).await;
    }
}

async fn await_leader(around: &Surroundings, cluster: &Cluster, partition: TopicPartition, deadline: Instant) {
    let action = Action::AwaitLeader { partition: partition.clone() };
    let operation = around.chronicle.invoke(FOUNDER, action);
    let outcome = loop {
        let asked = [(partition.clone(), OffsetSpec::Latest)].into();
        let mut told = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await;
        match told.remove(&partition).expect("each partition has a result") {
            Ok(_) => break Outcome::Ok(Answer::Done),
            Err(error) if Instant::now() >= deadline => {
                break Outcome::Fail(format!("no leader serves after {LEADER_WITHIN:?}: {error}"));
            }
            Err(_) => sleep(POLL).await,
        }
    };
    around.chronicle.complete(operation, outcome);
}

async fn await_in_sync(
    around: &Surroundings,
    cluster: &Cluster,
    partition: TopicPartition,
    nodes: &[NodeId],
    deadline: Instant,
) {
    let action = Action::AwaitInSync { partition: partition.clone(), nodes: nodes.to_vec() };
    let operation = around.chronicle.invoke(FOUNDER, action);
    let outcome = loop {
        let why = match missing(cluster, &partition).await {
            Some(missing) if missing.is_empty() => break Outcome::Ok(Answer::Done),
            Some(missing) => format!("nodes {missing:?} are not in sync after {IN_SYNC_WITHIN:?}"),
            None => "nobody describes it".to_owned(),
        };
        if Instant::now() >= deadline {
            break Outcome::Fail(why);
        }
        sleep(POLL).await;
    };
    around.chronicle.complete(operation, outcome);
}

/// Replicas of a partition that are not in sync; none when nobody tells.
async fn missing(cluster: &Cluster, partition: &TopicPartition) -> Option<Vec<NodeId>> {
    let (_, topic) = Admin::new(cluster).describe_topics(&[&partition.topic]).await.ok()?.pop()?;
    let topic = topic.ok()?;
    let view = topic.partitions.get(usize::try_from(partition.partition).ok()?)?;
    Some(view.replicas.iter().copied().filter(|node| !view.in_sync.contains(node)).collect())
}
