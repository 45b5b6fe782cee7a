//! Once all is well: has the preferred replicas lead, and asks what became of all that was done to topics.

use super::admin::Admin;
use super::surroundings::Client;
use jepsen_lite::history::{Action, Answer, DescribedPartition, Outcome};
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::{ListPartitionReassignmentsRequest, MetadataRequest};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeSet;

const WITHIN: Duration = Duration::from_secs(3);
/// Partitions on their way have arrived within this time, and leaders lead: all replicas are in sync.
const DONE_WITHIN: Duration = Duration::from_secs(10);
/// A topic that is not there need not be waited for as long.
const PATIENCE_FOR_THE_ABSENT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

/// Has the preferred replicas of all topics lead, and writes down how the topics are then.
pub async fn look_at_deeds(client: Client) {
    let mut admin = Admin::new(client.clone());
    for topic in 0..client.around.topics.len() as u8 {
        admin.wait_until(topic, |partition| !partition.moves).await;
        for place in client.around.places().into_iter().filter(|place| place.topic == topic) {
            while client.connected(&mut admin.wire).await.is_none() {}
            admin.elect_preferred(place).await;
        }
        admin
            .wait_until(topic, |partition| !partition.moves && Some(&partition.leader) == partition.replicas.first())
            .await;
        admin.describe_topic(topic).await;
    }
}

impl Admin {
    /// Waits until all partitions of a topic are so, for as long as that may take.
    async fn wait_until(&mut self, topic: u8, are_so: fn(&DescribedPartition) -> bool) {
        let began = Instant::now();
        loop {
            let patience = match self.partitions(topic).await {
                Some(partitions) if partitions.iter().all(are_so) => return,
                Some(_) => DONE_WITHIN,
                None => PATIENCE_FOR_THE_ABSENT,
            };
            if began.elapsed() >= patience {
                return;
            }
            sleep(POLL).await;
        }
    }

    async fn describe_topic(&mut self, topic: u8) {
        let (client, name) = (self.client.clone(), self.topic(topic).name.clone());
        let operation = client.around.chronicle.invoke(client.process, Action::DescribeTopic { topic: name });
        let outcome = match self.partitions(topic).await {
            Some(partitions) => Outcome::Ok(Answer::Described { partitions }),
            None => Outcome::Fail("nobody describes it".into()),
        };
        client.around.chronicle.complete(operation, outcome);
    }

    /// What some node says of the partitions of a topic; none when it knows none, or not all of them by number.
    async fn partitions(&mut self, topic: u8) -> Option<Vec<DescribedPartition>> {
        let client = self.client.clone();
        let moving = {
            let wire = client.connected(&mut self.wire).await?;
            let request = ListPartitionReassignmentsRequest { timeout_ms: 3000, topics: None, ..Default::default() };
            let response = wire.call(&request, 0, WITHIN).await;
            let told = response.ok().filter(|told| told.error_code == 0);
            if told.is_none() {
                self.wire = None; // another node may know better
            }
            let name = &self.topic(topic).name;
            let of_topic = told?.topics.into_iter().filter(|told| *told.name == **name);
            let numbers: BTreeSet<i32> = of_topic.flat_map(|t| t.partitions).map(|p| p.partition_index).collect();
            numbers
        };
        let name = Some(self.topic(topic).name.as_str().into());
        let topics = Some(vec![MetadataRequestTopic { name, ..Default::default() }]);
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        let response = self.wire.as_mut()?.call(&request, 12, WITHIN).await;
        let Ok(response) = response else {
            self.wire = None;
            return None;
        };
        let mut partitions = response.topics.into_iter().find(|told| told.error_code == 0)?.partitions;
        partitions.sort_by_key(|partition| partition.partition_index);
        let are_all = partitions.iter().map(|partition| partition.partition_index).eq(0..partitions.len() as i32);
        let described = partitions.into_iter().map(|partition| DescribedPartition {
            leader: partition.leader_id,
            moves: moving.contains(&partition.partition_index),
            replicas: partition.replica_nodes,
        });
        are_all.then(|| described.collect())
    }
}
