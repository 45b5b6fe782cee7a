//! DescribeLogDirs: what each data directory holds (KIP-113, KIP-827).

use crate::broker::Broker;
use model::ErrorCode;
use protocol::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

/// Answers a directory at a time; partitions that are not there are left out.
pub async fn handle(broker: &Broker, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let mut results = Vec::new();
    for (at, directory) in broker.directories.iter().enumerate() {
        let failed = directory.failed().borrow().is_some();
        let (total_bytes, usable_bytes) = directory.usage().await.map_or((-1, -1), |(total, usable)| {
            (i64::try_from(total).unwrap_or(i64::MAX), i64::try_from(usable).unwrap_or(i64::MAX))
        });
        let error = if failed { ErrorCode::KafkaStorageError } else { ErrorCode::None };
        results.push(DescribeLogDirsResult {
            error_code: error.code(),
            log_dir: broker.config.log_dirs[at].as_str().into(),
            topics: topics(broker, at, request.topics.as_deref()),
            total_bytes,
            usable_bytes,
            ..Default::default()
        });
    }
    DescribeLogDirsResponse { results, ..Default::default() }
}

fn topics(broker: &Broker, directory: usize, wanted: Option<&[DescribableLogDirTopic]>) -> Vec<DescribeLogDirsTopic> {
    let is_wanted = |topic: &str, partition: i32| match wanted {
        None => true,
        Some(topics) => topics.iter().any(|t| t.topic == *topic && t.partitions.contains(&partition)),
    };
    let mut described = Vec::new();
    for topic in broker.partitions.topics() {
        let here = topic.online().filter(|partition| partition.directory == directory);
        let partitions: Vec<DescribeLogDirsPartition> = here
            .filter(|partition| is_wanted(&topic.name, partition.topic_partition.partition))
            .map(|partition| DescribeLogDirsPartition {
                partition_index: partition.topic_partition.partition,
                partition_size: i64::try_from(partition.reader.size()).unwrap_or(i64::MAX),
                offset_lag: 0,
                is_future_key: false,
                ..Default::default()
            })
            .collect();
        if !partitions.is_empty() {
            described.push(DescribeLogDirsTopic { name: (&*topic.name).into(), partitions, ..Default::default() });
        }
    }
    described
}
