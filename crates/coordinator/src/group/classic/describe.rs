//! A classic group for DescribeGroups.

use super::motion::{Classic, State};
use bytes::Bytes;
use protocol::Text;
use protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember};

impl Classic {
    /// The group as it is now. What members want is shown only while that is settled.
    pub fn described(&self, id: &Text) -> DescribedGroup {
        let settled = self.protocol.as_ref().filter(|_| self.state == State::Stable);
        let shown = |wishes: Bytes| if settled.is_some() { wishes } else { Bytes::new() };
        let protocol = settled.cloned().unwrap_or_default();
        let members = self.members.iter().map(|(id, member)| DescribedGroupMember {
            member_id: id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            member_metadata: shown(member.metadata(&protocol)),
            member_assignment: member.assignment.clone(),
            ..Default::default()
        });
        DescribedGroup {
            group_id: id.clone(),
            group_state: Text::from_static(self.state.name()),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: members.collect(),
            protocol_data: protocol,
            ..Default::default()
        }
    }
}
