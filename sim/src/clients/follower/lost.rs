//! A reader whose position is out of range finds its place anew.

use super::{Follower, Position};
use crate::clients::wire::{Failure, Wire};
use crate::plan::Place;
use model::{NodeId, Offset};
use protocol::messages::ListOffsetsRequest;
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use runtime::time::Duration;

impl Follower {
    /// Where a position is out of range, the log was cut at one of its ends: goes to that end.
    pub(super) async fn find_lost(&mut self, node: NodeId, places: &[Place]) -> Result<(), Failure> {
        let lost: Vec<Place> = places.iter().copied().filter(|place| self.positions[place].lost).collect();
        for place in lost {
            let partition = self.client.partition(place);
            let Some(wire) = self.routes.wire(node).await else { return Ok(()) };
            let start = list(wire, &partition.topic, partition.partition, -2).await?;
            let end = list(wire, &partition.topic, partition.partition, -1).await?;
            let position = self.positions.get_mut(&place).expect("each place has a position");
            if let (Some(start), Some(end)) = (start, end) {
                let next = position.next.clamp(start, end.max(start));
                let life = position.life;
                *position = Position { next, life, ..Position::default() };
            } else if self.client.around.is_cluster() {
                self.routes.forget(place);
            }
        }
        Ok(())
    }
}

/// The offset at one of the special timestamps.
async fn list(wire: &mut Wire, topic: &str, partition: i32, timestamp: i64) -> Result<Option<Offset>, Failure> {
    let partition = ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = wire.call(&request, 5, Duration::from_secs(2)).await?;
    let found = response.topics.first().and_then(|topic| topic.partitions.first());
    Ok(found.filter(|found| found.error_code == 0).map(|found| found.offset))
}
