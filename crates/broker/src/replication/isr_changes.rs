//! Changes of in-sync replicas on their way to the controller (AlterPartition: KIP-497, KIP-841, KIP-903).

use crate::broker::Broker;
use crate::metadata::{AskError, Metadata};
use crate::partition::Partition;
use controller::{Reply, Request};
use model::{ErrorCode, NodeId, Offset, PartitionId, Uuid};
use protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionResponse, AlterPartitionResponsePartitionData, BrokerState, PartitionData,
    TopicData,
};
use replication::{IsrAnswer, IsrProposal, ProposalId};
use runtime::sync::{mpsc, select, watch};
use runtime::time::{Duration, sleep};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Proposals that go in one request, at most.
const MAX_BATCH: usize = 1000;
/// How long the controller may take. A proposal that is not answered is asked again.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often partitions whose proposal was not taken are looked at.
const AGAIN: Duration = Duration::from_millis(100);
/// How often they are looked at before the next word of a follower has to bring them back.
const TIMES: u32 = 20;

type Proposals = mpsc::UnboundedSender<(Arc<Partition>, IsrProposal)>;

/// The way of proposals. Clones share it. Each partition has one under way at most.
#[derive(Clone, Debug)]
pub struct IsrChanges(Proposals);

impl IsrChanges {
    /// The way of the broker registered with `epoch`; a task goes with it.
    pub fn new(node_id: NodeId, epoch: Offset, metadata: &Metadata) -> IsrChanges {
        let (proposals, asked) = mpsc::unbounded_channel();
        let teller = Teller { node_id, epoch, metadata: metadata.apart(), again: Vec::new() };
        runtime::task::spawn("in-sync replicas", teller.run(asked));
        IsrChanges(proposals)
    }

    /// Asks the controller; the partition hears what it said.
    pub fn ask(&self, partition: Arc<Partition>, proposal: IsrProposal) {
        let _ = self.0.send((partition, proposal)); // an error means that the broker stops
    }
}

struct Teller {
    node_id: NodeId,
    epoch: Offset,
    metadata: Metadata,
    again: Vec<(Arc<Partition>, u32)>,
}

type Asked = BTreeMap<(Uuid, PartitionId), (Arc<Partition>, ProposalId)>;

impl Teller {
    async fn run(mut self, mut proposals: mpsc::UnboundedReceiver<(Arc<Partition>, IsrProposal)>) {
        let mut batch = Vec::new();
        loop {
            let some_again = !self.again.is_empty();
            select! {
                biased;
                count = proposals.recv_many(&mut batch, MAX_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.tell(std::mem::take(&mut batch)).await;
                }
                () = sleep(AGAIN), if some_again => self.look_again(),
            }
        }
    }

    async fn tell(&mut self, proposals: Vec<(Arc<Partition>, IsrProposal)>) {
        let mut asked = Asked::new();
        let mut request =
            AlterPartitionRequest { broker_id: self.node_id, broker_epoch: self.epoch, ..Default::default() };
        for (partition, proposal) in proposals {
            let (id, number) = (partition.topic_id, partition.topic_partition.partition);
            tracing::debug!("{}: in sync should be {:?}", partition.topic_partition, proposal.new_isr);
            asked.insert((id, number), (partition, proposal.id));
            push(&mut request, id, partition_data(number, proposal));
        }
        let answer = self.metadata.ask_within(Request::AlterPartition(request), PATIENCE).await;
        for ((id, number), (partition, proposal)) in asked {
            let answer = match &answer {
                Ok(Reply::AlterPartition(response)) => read(response, id, number),
                Ok(_) | Err(AskError::Unknown) => IsrAnswer::Unknown,
                // Nobody has decided, but an earlier attempt of this proposal may still be on its way.
                Err(AskError::NotController) => IsrAnswer::Unknown,
            };
            if !matches!(answer, IsrAnswer::Accepted { .. }) {
                self.again.push((partition.clone(), TIMES));
            }
            partition.proposal_answered(proposal, answer);
        }
    }

    fn look_again(&mut self) {
        for (partition, times) in std::mem::take(&mut self.again) {
            partition.propose();
            if times > 1 {
                self.again.push((partition, times - 1));
            }
        }
    }
}

fn partition_data(number: PartitionId, proposal: IsrProposal) -> PartitionData {
    let state = |(broker_id, broker_epoch)| BrokerState { broker_id, broker_epoch, ..Default::default() };
    PartitionData {
        partition_index: number,
        leader_epoch: proposal.leader_epoch,
        new_isr_with_epochs: proposal.new_isr.into_iter().map(state).collect(),
        partition_epoch: proposal.partition_epoch,
        ..Default::default()
    }
}

fn push(request: &mut AlterPartitionRequest, topic_id: Uuid, data: PartitionData) {
    match request.topics.iter_mut().find(|topic| topic.topic_id == topic_id) {
        Some(topic) => topic.partitions.push(data),
        None => request.topics.push(TopicData { topic_id, partitions: vec![data], ..Default::default() }),
    }
}

fn read(response: &AlterPartitionResponse, id: Uuid, number: PartitionId) -> IsrAnswer {
    let error = ErrorCode::from_wire(response.error_code);
    if !error.is_none() {
        return answer_of(error);
    }
    let topic = response.topics.iter().find(|topic| topic.topic_id == id);
    match topic.and_then(|topic| topic.partitions.iter().find(|data| data.partition_index == number)) {
        Some(data) => read_partition(data),
        None => IsrAnswer::Unknown,
    }
}

fn read_partition(data: &AlterPartitionResponsePartitionData) -> IsrAnswer {
    match ErrorCode::from_wire(data.error_code) {
        ErrorCode::None => IsrAnswer::Accepted {
            leader_epoch: data.leader_epoch,
            partition_epoch: data.partition_epoch,
            isr: data.isr.clone(),
        },
        error => answer_of(error),
    }
}

fn answer_of(error: ErrorCode) -> IsrAnswer {
    match error {
        ErrorCode::NotController | ErrorCode::RequestTimedOut => IsrAnswer::Unknown,
        error => IsrAnswer::Refused(error),
    }
}

/// Looks for followers that are late: twice in `replica.lag.time.max.ms`.
pub(crate) async fn watch_lag(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let lag = broker.config.cluster.replication.lag_time_max_ms.unsigned_abs();
    let interval = Duration::from_millis((lag / 2).clamp(50, 15_000));
    loop {
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(interval) => {}
        }
        for topic in broker.partitions.topics() {
            for partition in topic.online().filter(|partition| partition.leads()) {
                partition.propose();
            }
        }
    }
}
