//! What a decision sees and may use.

use super::GroupCoordinator;
use super::group_map::GroupMap;
use super::machine::{Reply, Soft, World};
use super::records::{Record, encode};
use model::state_machine::{Now, Outbox, Ticket};
use protocol::Text;

/// Hard state by shared reference: deciding does not write.
pub(crate) struct View<'a> {
    pub hard: &'a GroupMap,
    pub soft: &'a mut Soft,
    pub world: &'a World,
    pub now: Now,
    pub out: &'a mut Outbox<GroupCoordinator>,
    /// So many of the records were weighed.
    pub weighed: usize,
    /// What those take of a batch, in bytes, about.
    pub weight: usize,
}

/// More than a record takes besides its key and value.
const RECORD_OVERHEAD: usize = 32;

impl View<'_> {
    /// Answers the request with this ticket.
    pub fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.out.reply(ticket, reply);
    }

    /// Whether there is a group of that id.
    pub fn exists(&self, id: &Text) -> bool {
        self.hard.get(id).is_some() || self.soft.classic.contains_key(id)
    }

    /// Whether it is a consumer group.
    pub fn is_consumer_group(&self, id: &Text) -> bool {
        self.hard.get(id).is_some_and(|group| group.consumer.is_some())
    }

    /// Whether the batch has so many records, or half of the bytes that the log takes in one: what is too large is refused,
    /// now and whenever it is tried again. The other half is for what a decision writes before it asks the next time.
    pub fn has_enough(&mut self, most: usize) -> bool {
        for record in &self.out.records[self.weighed..] {
            let (key, value) = encode(record);
            self.weight += key.len() + value.map_or(0, |value| value.len()) + RECORD_OVERHEAD;
        }
        self.weighed = self.out.records.len();
        self.weighed >= most || self.weight >= self.soft.max_batch_bytes / 2
    }

    /// Adds a record to the batch.
    pub fn write(&mut self, record: Record) {
        self.out.records.push(record);
    }
}
