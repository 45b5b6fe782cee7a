//! Heartbeats of classic members.

use super::motion::State;
use super::view::ClassicView;
use crate::group::machine::Reply;
use model::ErrorCode;
use model::state_machine::Ticket;
use protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

impl ClassicView<'_> {
    pub fn heartbeat(&mut self, ticket: Ticket, request: &HeartbeatRequest) {
        let instance = request.group_instance_id.as_deref();
        let known = self.group.check_generation(&request.member_id, instance, request.generation_id);
        let error = match (known, self.group.state) {
            (Err(error), _) => error,
            (Ok(()), State::Empty) => ErrorCode::UnknownMemberId,
            (Ok(()), State::PreparingRebalance) => ErrorCode::RebalanceInProgress,
            (Ok(()), State::CompletingRebalance | State::Stable) => ErrorCode::None,
        };
        if known == Err(ErrorCode::IllegalGeneration) && request.generation_id > self.group.generation {
            self.group.lost_generation = true;
        }
        if known.is_ok() {
            self.heard_of(&request.member_id);
        }
        self.reply(ticket, Reply::Heartbeat(HeartbeatResponse { error_code: error as i16, ..Default::default() }));
    }
}
