//! Leader epochs as a reader knows them (KIP-320): it names the epoch of the leader that it asks, and of the last record it
//! has read. When the leader epoch has changed it asks first where the epoch of that record ends: if before what it has
//! read, the log was cut, and it goes back to there.

use super::Follower;
use crate::clients::wire::Failure;
use crate::plan::Place;
use jepsen_lite::history::{Action, Answer, ListOffsets, OffsetQuery, Outcome};
use model::{ErrorCode, LeaderEpoch, NodeId, Offset};
use protocol::messages::OffsetForLeaderEpochRequest;
use protocol::messages::fetch::PartitionData;
use protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::records::Batches;
use runtime::time::Duration;

/// The first version of Fetch that names the epoch of the leader, and the first that names that of the last record.
const LEADER_FROM: i16 = 9;
const LAST_FETCHED_FROM: i16 = 12;

/// What a fetch names; -1 for what it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedEpochs {
    /// The epoch of the leader.
    pub leader: LeaderEpoch,
    /// That of the last record that was read.
    pub last_fetched: LeaderEpoch,
}

/// What a reader knows of the epochs of one log; -1 for what it does not.
#[derive(Clone, Copy, Debug)]
pub struct ReadEpochs {
    last_fetched: LeaderEpoch,
    /// The leader epoch in which the log was last found to be as it was read.
    validated: LeaderEpoch,
}

impl Default for ReadEpochs {
    fn default() -> ReadEpochs {
        ReadEpochs { last_fetched: -1, validated: -1 }
    }
}

impl ReadEpochs {
    /// Records were read, the last one of this epoch; -1 for none.
    pub fn read(&mut self, last: LeaderEpoch) {
        self.last_fetched = self.last_fetched.max(last);
    }
}

/// The leader epoch of the last batch of an answer; -1 when there is none.
pub fn last_epoch(data: &PartitionData) -> LeaderEpoch {
    let bytes = data.records.as_deref().unwrap_or_default();
    Batches::new(bytes).map_while(Result::ok).last().map_or(-1, |batch| batch.header.leader_epoch)
}

impl Follower {
    /// What is named to a node: nothing to a replica nearby, which may not know of the epoch yet.
    pub(super) fn named_epochs(&self, node: NodeId, place: Place) -> NamedEpochs {
        let version = self.habit.version;
        let led = if self.habit.names_epochs { self.routes.leader_epoch(place, node) } else { None };
        let leader = led.filter(|_| version >= LEADER_FROM);
        let last_fetched =
            leader.filter(|_| version >= LAST_FETCHED_FROM).map(|_| self.positions[&place].epochs.last_fetched);
        NamedEpochs { leader: leader.unwrap_or(-1), last_fetched: last_fetched.unwrap_or(-1) }
    }

    /// Whether nothing has to be asked before the next read.
    pub(super) fn is_validated(&self, node: NodeId, place: Place) -> bool {
        let ReadEpochs { last_fetched, validated } = self.positions[&place].epochs;
        last_fetched < 0 || self.named_epochs(node, place).leader <= validated
    }

    /// Asks a leader where the epoch of the last record ends, of each partition whose leader epoch has changed.
    pub(super) async fn validate(&mut self, node: NodeId, places: &[Place]) -> Result<(), Failure> {
        for place in places {
            let leader = self.named_epochs(node, *place).leader;
            if self.is_validated(node, *place) {
                let epochs = &mut self.positions.get_mut(place).expect("each place has a position").epochs;
                epochs.validated = epochs.validated.max(leader); // nothing was read of an earlier epoch
                continue;
            }
            if let Some(end) = self.end_of_epoch(node, *place, leader).await? {
                let position = self.positions.get_mut(place).expect("each place has a position");
                position.epochs.validated = leader;
                if end < position.next {
                    self.go_back(*place, end);
                }
            }
        }
        Ok(())
    }

    /// Where the epoch of the last record ends, as the leader tells.
    async fn end_of_epoch(
        &mut self,
        node: NodeId,
        place: Place,
        leader: LeaderEpoch,
    ) -> Result<Option<Offset>, Failure> {
        let (partition, asked) = (self.client.partition(place), self.positions[&place].epochs.last_fetched);
        let wanted = OffsetForLeaderPartition {
            partition: partition.partition,
            current_leader_epoch: leader,
            leader_epoch: asked,
            ..Default::default()
        };
        let topic =
            OffsetForLeaderTopic { topic: (&*partition.topic).into(), partitions: vec![wanted], ..Default::default() };
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        let action = Action::ListOffsets(ListOffsets { partition, query: OffsetQuery::EndOfEpoch(asked) });
        let chronicle = self.client.around.chronicle.clone();
        let Some(wire) = self.routes.wire(node).await else { return Ok(None) };
        let operation = chronicle.invoke(self.client.process, action);
        let response = match wire.call(&request, 4, Duration::from_secs(2)).await {
            Ok(response) => response,
            Err(failure) => {
                chronicle.complete(operation, Outcome::Fail(failure.to_string()));
                return Err(failure);
            }
        };
        let told = response.topics.first().and_then(|topic| topic.partitions.first());
        let error = told.map_or(ErrorCode::UnknownServerError, |told| ErrorCode::from_wire(told.error_code));
        let Some(told) = told.filter(|_| error.is_none()) else {
            chronicle.complete(operation, Outcome::Fail(error.name().to_owned()));
            self.routes.forget(place);
            return Ok(None);
        };
        let (offset, epoch) = (told.end_offset, told.leader_epoch);
        chronicle.complete(operation, Outcome::Ok(Answer::Offset { offset, timestamp: -1, epoch }));
        Ok(Some(offset))
    }

    /// A fetch was told that the log of the last record's epoch ends before what was read.
    pub(super) fn diverges(&mut self, read: &super::Asked, end: Offset) {
        self.complete(read, Outcome::Fail("the log diverges".into()));
        let partition = self.client.partition(read.place);
        let query = OffsetQuery::EndOfEpoch(read.epochs.last_fetched);
        let chronicle = &self.client.around.chronicle;
        let told = chronicle.invoke(self.client.process, Action::ListOffsets(ListOffsets { partition, query }));
        chronicle.complete(told, Outcome::Ok(Answer::Offset { offset: end, timestamp: -1, epoch: -1 }));
        self.go_back(read.place, end);
    }

    /// Reads on from where the log was cut; where nothing is left of what was read, from where it starts now.
    fn go_back(&mut self, place: Place, end: Offset) {
        let position = self.positions.get_mut(&place).expect("each place has a position");
        position.lost = end < 0;
        position.next = position.next.min(end.max(0));
        position.continues = false;
        position.epochs.last_fetched = -1;
    }
}
