//! What fake brokers say of topics.

use super::world::World;
use model::ErrorCode;
use protocol::messages::create_topics::CreatableTopicResult;
use protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use protocol::messages::metadata::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic};
use protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse,
};

impl World {
    pub fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let broker = |(node, address): (&i32, &String)| {
            let (host, port) = address.rsplit_once(':').expect("host:port");
            let port = port.parse().expect("a port");
            MetadataResponseBroker { node_id: *node, host: host.into(), port, ..Default::default() }
        };
        let names: Vec<String> = match &request.topics {
            None => self.topics.keys().cloned().collect(),
            Some(topics) => topics.iter().filter_map(|topic| topic.name.as_ref().map(ToString::to_string)).collect(),
        };
        MetadataResponse {
            brokers: self.brokers.iter().map(broker).collect(),
            controller_id: self.controller.or(self.brokers.keys().next().copied()).unwrap_or(-1),
            topics: names.iter().map(|name| self.topic_metadata(name)).collect(),
            ..MetadataResponse::default()
        }
    }

    fn topic_metadata(&self, name: &str) -> MetadataResponseTopic {
        let Some(topic) = self.topics.get(name) else {
            return MetadataResponseTopic {
                name: Some(name.into()),
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                ..Default::default()
            };
        };
        let partition = |(index, partition): (i32, &super::Partition)| MetadataResponsePartition {
            partition_index: index,
            leader_id: partition.leader,
            leader_epoch: partition.leader_epoch,
            ..Default::default()
        };
        MetadataResponseTopic {
            name: Some(name.into()),
            topic_id: topic.id,
            partitions: (0..).zip(&topic.partitions).map(partition).collect(),
            ..Default::default()
        }
    }

    pub fn list_offsets(&self, node: i32, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let found =
                    self.topics.get(&*topic.name).and_then(|t| t.partitions.get(asked.partition_index as usize));
                let (error, offset) = match found {
                    None => (ErrorCode::UnknownTopicOrPartition, -1),
                    Some(partition) if partition.leader != node => (ErrorCode::NotLeaderOrFollower, -1),
                    Some(partition) => (ErrorCode::None, partition.offset_of(asked.timestamp)),
                };
                ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    error_code: error.code(),
                    offset,
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions, ..Default::default() }
        });
        ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
    }

    pub fn refuse_list_offsets(request: &ListOffsetsRequest, error: ErrorCode) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let refuse = |partition_index| ListOffsetsPartitionResponse {
                partition_index,
                error_code: error.code(),
                ..Default::default()
            };
            let partitions = topic.partitions.iter().map(|asked| refuse(asked.partition_index)).collect();
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions, ..Default::default() }
        });
        ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
    }

    pub fn create_topics(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let mut topics = Vec::new();
        for topic in &request.topics {
            let exists = self.topics.contains_key(&*topic.name);
            if !exists && !request.validate_only {
                self.add_topic(&topic.name, topic.num_partitions.max(1) as usize);
            }
            let error = if exists { ErrorCode::TopicAlreadyExists } else { ErrorCode::None };
            topics.push(CreatableTopicResult {
                name: topic.name.clone(),
                error_code: error.code(),
                ..Default::default()
            });
        }
        CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
    }
}
