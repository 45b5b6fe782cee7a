//! ConsumerGroupDescribe, and how a group is listed.

use super::member::Member;
use super::state::ConsumerGroup;
use super::target::assignor_of;
use crate::assignor::Assignment;
use crate::group::view::View;
use crate::group::why;
use model::metadata_image::MetadataImage;
use model::{ErrorCode, Uuid};
use protocol::Text;
use protocol::messages::consumer_group_describe::{
    Assignment as AssignmentMessage, DescribedGroup, Member as MemberMessage, TopicPartitions,
};

/// The member types of ConsumerGroupDescribe.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

impl ConsumerGroup {
    /// How the group is, in Kafka's words.
    pub fn state(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.assignment_epoch {
            "Assigning"
        } else if !self.have_all_arrived() {
            "Reconciling"
        } else {
            "Stable"
        }
    }
}

impl View<'_> {
    pub(crate) fn consumer_group_describe(&mut self, groups: &[Text]) -> Vec<DescribedGroup> {
        groups.iter().map(|id| self.describe_consumer_group(id)).collect()
    }

    fn describe_consumer_group(&self, id: &Text) -> DescribedGroup {
        let group_id = id.clone();
        if id.is_empty() {
            let error_code = ErrorCode::InvalidGroupId.code();
            return DescribedGroup { group_id, error_code, error_message: None, ..Default::default() };
        }
        let group = match self.consumer_group(id) {
            Ok(group) => group,
            Err(refusal) => {
                let error_message = Some(refusal.message.into());
                return DescribedGroup {
                    group_id,
                    error_code: refusal.error.code(),
                    error_message,
                    ..Default::default()
                };
            }
        };
        let mut described = DescribedGroup {
            group_id,
            error_message: None,
            group_state: Text::from_static(group.state()),
            group_epoch: group.epoch,
            assignment_epoch: group.assignment_epoch,
            assignor_name: Text::from_static(assignor_of(group, &self.world.settings).name()),
            members: self.described_members(group),
            ..Default::default()
        };
        if let Some(history) = &group.history {
            described.unknown_tagged_fields.insert(why::TAG, history.clone());
        }
        described
    }

    fn described_members(&self, group: &ConsumerGroup) -> Vec<MemberMessage> {
        let image = &self.world.image;
        let described = |(id, member): (&Text, &std::sync::Arc<Member>)| {
            let (profile, current) = (&member.profile, &member.current);
            MemberMessage {
                member_id: id.clone(),
                instance_id: profile.instance_id.clone(),
                rack_id: profile.rack_id.clone(),
                member_epoch: current.epoch,
                client_id: profile.client_id.clone(),
                client_host: profile.client_host.clone(),
                subscribed_topic_names: profile.topics.to_vec(),
                subscribed_topic_regex: Some(profile.pattern.clone()),
                assignment: message(&current.assigned.united(&current.revoking).assignment(), image),
                target_assignment: message(group.target(id), image),
                member_type: if member.is_classic() { CLASSIC } else { CONSUMER },
                ..Default::default()
            }
        };
        group.members.iter().map(described).collect()
    }
}

/// Topics that are gone have no name any more and are left out.
fn message(assignment: &Assignment, image: &MetadataImage) -> AssignmentMessage {
    let topic = |(topic_id, partitions): (Uuid, &[i32])| {
        let topic_name = Text::from(&*image.topic_by_id(topic_id)?.name);
        Some(TopicPartitions { topic_id, topic_name, partitions: partitions.to_vec(), ..Default::default() })
    };
    AssignmentMessage { topic_partitions: assignment.topics().filter_map(topic).collect(), ..Default::default() }
}
