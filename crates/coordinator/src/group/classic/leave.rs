//! LeaveGroup: members that go by themselves, or that an administrator removes.

use super::motion::Trigger;
use super::view::ClassicView;
use crate::group::why::Cause;
use model::ErrorCode;
use protocol::Text;
use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};

/// The members that a request of any version names.
pub(crate) fn leaving(request: LeaveGroupRequest, version: i16) -> Vec<MemberIdentity> {
    if version >= 3 {
        return request.members;
    }
    vec![MemberIdentity { member_id: request.member_id, ..Default::default() }]
}

/// The answer in the form of the version: up to 2 the one member's error is the request's.
pub(crate) fn left(answers: Vec<MemberResponse>, version: i16) -> LeaveGroupResponse {
    if version >= 3 {
        return LeaveGroupResponse { members: answers, ..Default::default() };
    }
    let error_code = answers.first().map_or(0, |answer| answer.error_code);
    LeaveGroupResponse { error_code, ..Default::default() }
}

/// The answer for one member.
pub(crate) fn answer_of(member: &MemberIdentity, error: ErrorCode) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: error as i16,
        ..Default::default()
    }
}

impl ClassicView<'_> {
    pub fn leave(&mut self, members: &[MemberIdentity]) -> Vec<MemberResponse> {
        let mut trigger = None;
        let mut answers = Vec::new();
        for member in members {
            let error = match self.leaves(member) {
                Ok(cause) => {
                    trigger = trigger.or(Some(cause));
                    ErrorCode::None
                }
                Err(error) => error,
            };
            answers.push(answer_of(member, error));
        }
        if let Some(trigger) = trigger {
            self.after_departure(trigger);
        }
        answers
    }

    fn leaves(&mut self, member: &MemberIdentity) -> Result<Trigger, ErrorCode> {
        let instance = member.group_instance_id.as_ref();
        if self.group.promised.remove(&member.member_id).is_some() {
            return Ok(Trigger::new(Cause::MemberLeft, &member.member_id, &Text::default()));
        }
        // An administrator names the instance alone.
        let id = match instance.and_then(|instance| self.group.instances.get(instance)) {
            Some(present) if member.member_id.is_empty() => present.clone(),
            _ => member.member_id.clone(),
        };
        self.group.check_member(&id, instance.map(|instance| &**instance))?;
        let gone = self.remove_member(&id).ok_or(ErrorCode::UnknownMemberId)?;
        Ok(Trigger::new(Cause::MemberLeft, &id, &gone.client.id).because(member.reason.as_ref()))
    }
}
