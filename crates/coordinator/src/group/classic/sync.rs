//! SyncGroup: the leader hands in who gets what, and everyone fetches its part.

use super::motion::{State, Trigger};
use super::view::{ClassicView, Undo};
use crate::group::machine::Reply;
use crate::group::why::Cause;
use bytes::Bytes;
use model::ErrorCode;
use model::map::HashMap;
use model::state_machine::Ticket;
use protocol::Text;
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};

impl ClassicView<'_> {
    pub fn sync(&mut self, ticket: Ticket, request: &SyncGroupRequest) {
        let answer = match self.check_sync(request) {
            Err(error) => SyncGroupResponse { error_code: error as i16, ..Default::default() },
            Ok(()) if self.group.state == State::CompletingRebalance => return self.wait_for_leader(ticket, request),
            Ok(()) => {
                self.heard_of(&request.member_id);
                self.assignment_of(&request.member_id)
            }
        };
        self.reply(ticket, Reply::SyncGroup(answer));
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let group = &*self.group;
        let differs = |asked: &Option<Text>, own: &Option<Text>| asked.as_ref().is_some_and(|_| asked != own);
        group.check_generation(&request.member_id, request.group_instance_id.as_deref(), request.generation_id)?;
        if differs(&request.protocol_type, &group.protocol_type) || differs(&request.protocol_name, &group.protocol) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match group.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    fn wait_for_leader(&mut self, ticket: Ticket, request: &SyncGroupRequest) {
        let Some(member) = self.group.members.get_mut(&request.member_id) else { return };
        member.synced = true;
        if let Some(before) = member.syncing.replace(ticket) {
            let error_code = ErrorCode::RebalanceInProgress as i16;
            self.reply(before, Reply::SyncGroup(SyncGroupResponse { error_code, ..Default::default() }));
        }
        if self.group.is_leader(&request.member_id) {
            self.assign(&request.assignments);
        }
    }

    /// The generation begins: its record is written, and once it is committed everyone who waits hears of it.
    fn assign(&mut self, assignments: &[SyncGroupRequestAssignment]) {
        let given: HashMap<&[u8], &Bytes> =
            assignments.iter().map(|given| (&given.member_id.as_bytes()[..], &given.assignment)).collect();
        for (id, member) in &mut self.group.members {
            let assignment = given.get(&id.as_bytes()[..]);
            member.assignment = assignment.map(|bytes| Bytes::copy_from_slice(bytes)).unwrap_or_default();
        }
        self.group.assigned = Some(self.group.generation);
        self.group.turn(State::Stable, self.now);
        self.write_group();
        *self.undo = Some(Undo::Assignment { group: self.id.clone() });
        let waiting: Vec<(Text, Ticket)> =
            self.group.members.iter_mut().filter_map(|(id, m)| Some((id.clone(), m.syncing.take()?))).collect();
        for (id, ticket) in waiting {
            self.heard_of(&id);
            let answer = self.assignment_of(&id);
            self.reply(ticket, Reply::SyncGroup(answer));
        }
    }

    fn assignment_of(&mut self, id: &Text) -> SyncGroupResponse {
        let (protocol_type, protocol_name) = (self.group.protocol_type.clone(), self.group.protocol.clone());
        let Some(member) = self.group.members.get_mut(id) else { return SyncGroupResponse::default() };
        member.synced = true;
        SyncGroupResponse { protocol_type, protocol_name, assignment: member.assignment.clone(), ..Default::default() }
    }

    /// The log refused the assignment: nobody has it, and everyone joins again.
    pub fn take_back_assignment(&mut self) {
        self.group.members.values_mut().for_each(|member| member.assignment = Bytes::new());
        self.group.assigned = None;
        let leader = self.group.leader.clone().unwrap_or_default();
        let client = self.group.members.get(&leader).map(|member| member.client.id.clone()).unwrap_or_default();
        self.prepare_rebalance(Trigger::new(Cause::NotWritten, &leader, &client));
    }
}
