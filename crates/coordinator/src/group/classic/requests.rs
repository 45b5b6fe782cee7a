//! The requests of classic members, on their way to the group that they name.

use super::join::Joining;
use super::leave::{answer_of, leaving, left};
use crate::group::consumer;
use crate::group::failure::join_failure;
use crate::group::machine::Reply;
use crate::group::view::View;
use model::ErrorCode;
use model::state_machine::Ticket;
use protocol::Text;
use protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

/// From this version of SyncGroup on a member says which protocol it takes the group to speak.
const NAMES_PROTOCOL: i16 = 5;

impl View<'_> {
    pub(crate) fn join_group(&mut self, joining: Joining) {
        let id = joining.request.group_id.clone();
        if let Err(error) = self.check_join(&joining) {
            let reply = join_failure(joining.version, joining.request.member_id, error.code());
            return self.reply(joining.ticket, Reply::JoinGroup(reply));
        }
        match self.hard.get(&id).and_then(|group| group.consumer.as_ref()) {
            // Nobody is there who would have to migrate.
            Some(group) if group.is_empty() => self.out.records.extend(consumer::tombstones(&id, group)),
            Some(_) => {
                let Joining { ticket, request, version, client } = joining;
                return self.join_consumer_group(ticket, request, version, &client);
            }
            None => {}
        }
        if let Some(mut group) = self.classic_or_new(&id) {
            group.join(joining);
        }
        self.settle_classic(&id);
    }

    fn check_join(&self, joining: &Joining) -> Result<(), ErrorCode> {
        let (request, settings) = (&joining.request, &self.world.settings);
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        if !(settings.min_session_timeout_ms..=settings.max_session_timeout_ms).contains(&request.session_timeout_ms) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        if !request.member_id.is_empty() && !self.exists(&request.group_id) {
            return Err(ErrorCode::UnknownMemberId);
        }
        Ok(())
    }

    pub(crate) fn sync_group(&mut self, ticket: Ticket, request: &SyncGroupRequest, version: i16) {
        let names_all = request.protocol_type.is_some() && request.protocol_name.is_some();
        let is_whole = version < NAMES_PROTOCOL || names_all;
        if is_whole && self.is_consumer_group(&request.group_id) {
            return self.sync_consumer_group(ticket, request);
        }
        let error = match self.classic(&request.group_id) {
            _ if !is_whole => ErrorCode::InconsistentGroupProtocol,
            Some(mut group) => return group.sync(ticket, request),
            None if request.group_id.is_empty() => ErrorCode::InvalidGroupId,
            None => ErrorCode::UnknownMemberId,
        };
        self.reply(ticket, Reply::SyncGroup(SyncGroupResponse { error_code: error.code(), ..Default::default() }));
    }

    pub(crate) fn heartbeat(&mut self, ticket: Ticket, request: &HeartbeatRequest) {
        let error = if self.is_consumer_group(&request.group_id) {
            self.beat_consumer_group(request)
        } else if request.group_id.is_empty() {
            ErrorCode::InvalidGroupId
        } else if let Some(mut group) = self.classic(&request.group_id) {
            return group.heartbeat(ticket, request);
        } else {
            ErrorCode::UnknownMemberId
        };
        self.reply(ticket, Reply::Heartbeat(HeartbeatResponse { error_code: error.code(), ..Default::default() }));
    }

    pub(crate) fn leave_group(&mut self, ticket: Ticket, request: LeaveGroupRequest, version: i16) {
        let id = request.group_id.clone();
        if id.is_empty() {
            let error_code = ErrorCode::InvalidGroupId.code();
            return self.reply(ticket, Reply::LeaveGroup(LeaveGroupResponse { error_code, ..Default::default() }));
        }
        let answers = self.leave(&id, &leaving(request, version));
        self.settle_classic(&id);
        self.reply(ticket, Reply::LeaveGroup(left(answers, version)));
    }

    fn leave(&mut self, id: &Text, members: &[MemberIdentity]) -> Vec<MemberResponse> {
        if self.is_consumer_group(id) {
            let outcomes = self.leave_consumer_group_as_classic(id, members);
            return members.iter().zip(outcomes).map(|(member, error)| answer_of(member, error)).collect();
        }
        match self.classic(id) {
            Some(mut group) => group.leave(members),
            None => members.iter().map(|member| answer_of(member, ErrorCode::UnknownMemberId)).collect(),
        }
    }
}
