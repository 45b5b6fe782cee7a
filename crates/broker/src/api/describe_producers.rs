//! DescribeProducers: which producers a partition remembers (KIP-664).

use crate::broker::Broker;
use crate::partition::Command;
use model::{ErrorCode, PartitionId};
use protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicRequest, TopicResponse,
};
use storage::ActiveProducer;

/// Answers each partition on its own.
pub async fn handle(broker: &Broker, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let partitions = partitions(broker, &wanted).await;
        topics.push(TopicResponse { name: wanted.name, partitions, ..Default::default() });
    }
    DescribeProducersResponse { topics, ..Default::default() }
}

async fn partitions(broker: &Broker, wanted: &TopicRequest) -> Vec<PartitionResponse> {
    let is_known = broker.partitions.topic(&wanted.name).is_some();
    let mut partitions = Vec::with_capacity(wanted.partition_indexes.len());
    for index in &wanted.partition_indexes {
        let answer = match producers(broker, &wanted.name, *index).await {
            Ok(producers) => PartitionResponse { active_producers: producers, ..Default::default() },
            Err(error) => PartitionResponse {
                error_code: error.code(),
                error_message: (!is_known).then(|| format!("there is no topic '{}'", &*wanted.name).into()),
                ..Default::default()
            },
        };
        partitions.push(PartitionResponse { partition_index: *index, ..answer });
    }
    partitions
}

async fn producers(broker: &Broker, topic: &str, partition: PartitionId) -> Result<Vec<ProducerState>, ErrorCode> {
    let partition = broker.partitions.partition(topic, partition)?;
    let active = partition.ask(Command::DescribeProducers).await?;
    Ok(active.iter().map(state).collect())
}

fn state(producer: &ActiveProducer) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch.into(),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_transaction_start_offset,
        ..Default::default()
    }
}
