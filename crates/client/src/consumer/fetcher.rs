//! What runs beside the caller: one fetch a broker at a time, and lookups of positions. Results arrive by channel.

use super::config::ConsumerConfig;
use super::session::Wish;
use crate::cluster::Cluster;
use crate::error::Result;
use crate::offsets::{FoundOffset, OffsetSpec};
use model::{NodeId, TopicPartition};
use protocol::messages::{FetchRequest, FetchResponse};
use runtime::sync::mpsc::UnboundedSender;
use runtime::task;
use std::collections::BTreeMap;

/// What comes back.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The answer of a broker, and what it was asked: a generation and a wish for each partition.
    Fetched { node: NodeId, asked: BTreeMap<TopicPartition, (u64, Wish)>, answer: Result<FetchResponse> },
    /// A position that was looked up.
    Found { partition: TopicPartition, generation: u64, found: Result<FoundOffset> },
    /// Metadata was asked for.
    Refreshed,
}

/// The last version that names topics by name.
const BY_NAME: i16 = 12;
/// The first version that carries the epoch of what was read last.
const EPOCH_OF_LAST_FETCHED: i16 = 12;

/// Asks `node`. A long poll holds back what is behind it on its connection, as any request does; a consumer has
/// nothing urgent to send there.
pub(super) fn fetch(
    cluster: &Cluster,
    arrivals: &UnboundedSender<Arrival>,
    node: NodeId,
    asked: BTreeMap<TopicPartition, (u64, Wish)>,
    mut request: FetchRequest,
) {
    let (cluster, arrivals) = (cluster.clone(), arrivals.clone());
    task::spawn("fetch", async move {
        let by_id = asked.values().all(|(_, wish)| !wish.topic_id.is_zero());
        let answer = async {
            let connection = cluster.node(node).await?;
            let version = connection.version_of::<FetchRequest>(if by_id { i16::MAX } else { BY_NAME })?;
            if version < EPOCH_OF_LAST_FETCHED {
                let partitions = request.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.last_fetched_epoch = -1);
            }
            connection.start(&request, version)?.wait().await
        };
        let answer = answer.await;
        let _ = arrivals.send(Arrival::Fetched { node, asked, answer }); // the consumer may be gone
    });
}

/// Looks up where to begin.
pub(super) fn look_up(
    cluster: &Cluster,
    arrivals: &UnboundedSender<Arrival>,
    config: &ConsumerConfig,
    (partition, generation): (TopicPartition, u64),
    spec: OffsetSpec,
) {
    let (cluster, arrivals, isolation) = (cluster.clone(), arrivals.clone(), config.isolation);
    task::spawn("look up a position", async move {
        let mut found = cluster.list_offset(&partition, spec, isolation).await;
        if matches!((&found, spec), (Ok(found), OffsetSpec::At(_) | OffsetSpec::MaxTimestamp) if found.offset < 0) {
            found = cluster.list_offset(&partition, OffsetSpec::Latest, isolation).await; // all is older: what comes next
        }
        let _ = arrivals.send(Arrival::Found { partition, generation, found });
    });
}
