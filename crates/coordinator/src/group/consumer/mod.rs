//! The consumer protocol (KIP-848).

use super::machine::Client;
use super::records::Record;
use super::view::View;
use super::{Failure, Request};
use model::ErrorCode;
use model::metadata_image::TopicChange;
use model::state_machine::{Instant, Ticket};
use protocol::Text;
use protocol::messages::consumer_group_describe::DescribedGroup;
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;

/// What the log says of one consumer group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ConsumerGroup {}

impl ConsumerGroup {
    /// Learns a record of this group.
    pub fn replay(&mut self, _record: &Record) {}

    /// Whether nothing is left of it, so that the group is none of this kind any more.
    pub fn is_gone(&self) -> bool {
        true
    }
}

/// What the log does not hold of one consumer group: sessions, waiting revocations.
#[derive(Debug, Default)]
pub(crate) struct ConsumerSoft {}

/// What may be due in a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Timer {}

impl View<'_> {
    pub(crate) fn consumer_group_heartbeat(
        &mut self,
        ticket: Ticket,
        request: ConsumerGroupHeartbeatRequest,
        version: i16,
        client: Client,
    ) {
        let failure: Failure = Request::ConsumerGroupHeartbeat { request, version, client }.failure();
        self.reply(ticket, failure.reply(ErrorCode::CoordinatorNotAvailable));
    }

    pub(crate) fn consumer_group_describe(&mut self, groups: &[Text]) -> Vec<DescribedGroup> {
        let not_found = ErrorCode::GroupIdNotFound as i16;
        groups
            .iter()
            .map(|id| DescribedGroup { group_id: id.clone(), error_code: not_found, ..Default::default() })
            .collect()
    }

    /// All sessions start anew.
    pub(crate) fn consumer_groups_loaded(&mut self) {}

    /// Topics came, went or grew.
    pub(crate) fn consumer_groups_see(&mut self, _changes: &[TopicChange]) {}

    pub(crate) fn consumer_timer(&mut self, _armed: Instant, _group: Text, timer: Timer) {
        match timer {}
    }
}
