//! Asking for another leader (KIP-460).

use super::Admin;
use super::partitions::by_topic;
use crate::cluster::timeout_ms;
use crate::error::{Result, check};
use crate::retries::Call;
use model::TopicPartition;
use protocol::messages::elect_leaders::TopicPartitions;
use protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};

/// Who is to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The first replica of the assignment, if it is in sync.
    Preferred,
    /// Any replica that is alive, although records may be lost, where there is no leader.
    Unclean,
}

impl Admin {
    /// Has leaders elected: of these partitions, or of all. Sent again until it is done: to do it twice is to do it once.
    ///
    /// # Errors
    /// No broker answered. For each partition: ELECTION_NOT_NEEDED, or why nobody could be elected. Of all partitions,
    /// only those that needed an election are told.
    pub async fn elect_leaders(
        &self,
        election: Election,
        of: Option<&[TopicPartition]>,
    ) -> Result<Vec<(TopicPartition, Result<()>)>> {
        let topics = of.map(|of| {
            let topic = |(topic, partitions): (&str, Vec<i32>)| TopicPartitions {
                topic: topic.into(),
                partitions,
                ..Default::default()
            };
            by_topic(of).into_iter().map(topic).collect()
        });
        let request = ElectLeadersRequest {
            election_type: if election == Election::Preferred { 0 } else { 1 },
            topic_partitions: topics,
            timeout_ms: timeout_ms(self.cluster.config().request_timeout),
            ..Default::default()
        };
        let mut retries = self.cluster.retries(Call::Repeatable);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                self.learn(elected(&answer)).await
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}

fn elected(answer: &ElectLeadersResponse) -> Result<Vec<(TopicPartition, Result<()>)>> {
    check(|| "electing leaders".to_owned(), answer.error_code, None)?;
    let results = answer.replica_election_results.iter().flat_map(|topic| {
        topic.partition_result.iter().map(|result| {
            let of = TopicPartition::new(&*topic.topic, result.partition_id);
            let what = || format!("electing a leader of {of}");
            let result = check(what, result.error_code, result.error_message.as_deref());
            (of, result)
        })
    });
    Ok(results.collect())
}
