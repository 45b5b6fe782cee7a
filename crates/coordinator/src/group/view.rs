//! What a decision sees and may use.

use super::GroupCoordinator;
use super::group_map::GroupMap;
use super::machine::{Reply, Soft, World};
use super::records::Record;
use model::state_machine::{Now, Outbox, Ticket};
use protocol::Text;

/// Hard state by shared reference: deciding does not write.
pub(crate) struct View<'a> {
    pub hard: &'a GroupMap,
    pub soft: &'a mut Soft,
    pub world: &'a World,
    pub now: Now,
    pub out: &'a mut Outbox<GroupCoordinator>,
}

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

    /// Adds a record to the batch.
    pub fn write(&mut self, record: Record) {
        self.out.records.push(record);
    }
}
