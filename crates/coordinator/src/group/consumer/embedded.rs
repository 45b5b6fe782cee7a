//! What members of the classic protocol say to each other inside of its messages: subscriptions and assignments, by the
//! names of topics.

use super::member::{ClassicProfile, Profile};
use crate::assignor::Assignment;
use bytes::Bytes;
use model::metadata_image::MetadataImage;
use model::{PartitionId, Uuid};
use protocol::messages::consumer_group_heartbeat::TopicPartitions;
use protocol::payloads::consumer_protocol_assignment::TopicPartition;
use protocol::payloads::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::{Message, Reader, Text, Writer};

/// The protocol type of consumers.
pub const CONSUMER: &str = "consumer";

/// What could not be taken over from the classic protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not what consumers write.
    Malformed,
    /// It has data of an assignor of its own, which would be lost.
    UserData,
}

/// What a consumer says that it wants; none when it cannot be read. Later versions are read as the last one known.
pub fn subscription(metadata: &Bytes) -> Option<ConsumerProtocolSubscription> {
    let mut reader = Reader::new(metadata.clone());
    let version = known_version::<ConsumerProtocolSubscription>(reader.i16().ok()?)?;
    ConsumerProtocolSubscription::decode(&mut reader, version).ok()
}

/// What a member says that it owns, by ids; topics that are not there are left out.
pub fn owned(subscription: &ConsumerProtocolSubscription, image: &MetadataImage) -> Vec<TopicPartitions> {
    let topics = subscription.owned_partitions.iter();
    let owned = topics.filter_map(|topic| {
        let topic_id = image.topic(&topic.topic)?.id;
        Some(TopicPartitions { topic_id, partitions: topic.partitions.clone(), ..Default::default() })
    });
    owned.collect()
}

/// What a leader assigned to a member, by ids; topics that are not there are left out. Nothing at all stands for nothing:
/// the member has no assignment yet.
///
/// # Errors
/// See [`Unreadable`].
pub fn assignment(bytes: &Bytes, image: &MetadataImage) -> Result<Assignment, Unreadable> {
    if bytes.is_empty() {
        return Ok(Assignment::default());
    }
    let mut reader = Reader::new(bytes.clone());
    let version = reader.i16().ok().and_then(known_version::<ConsumerProtocolAssignment>);
    let read = version.and_then(|version| ConsumerProtocolAssignment::decode(&mut reader, version).ok());
    let assignment = read.ok_or(Unreadable::Malformed)?;
    if assignment.user_data.is_some_and(|data| !data.is_empty()) {
        return Err(Unreadable::UserData);
    }
    let named = assignment.assigned_partitions.iter().filter_map(|topic| Some((image.topic(&topic.topic)?.id, topic)));
    Ok(named.flat_map(|(id, topic)| topic.partitions.iter().map(move |partition| (id, *partition))).collect())
}

/// An assignment as a member reads it that sent a subscription of this kind.
pub fn assignment_for(profile: &ClassicProfile, assignment: &Assignment, image: &MetadataImage) -> Bytes {
    let metadata = profile.protocols.first().map(|(_, metadata)| metadata.clone()).unwrap_or_default();
    let asked = Reader::new(metadata).i16().ok().and_then(known_version::<ConsumerProtocolAssignment>);
    let version = asked.unwrap_or(*ConsumerProtocolAssignment::VERSIONS.start());
    let topic = |(id, partitions): (Uuid, &[PartitionId])| {
        let topic = Text::from(&*image.topic_by_id(id)?.name);
        Some(TopicPartition { topic, partitions: partitions.to_vec() })
    };
    let mut assigned_partitions: Vec<TopicPartition> = assignment.topics().filter_map(topic).collect();
    assigned_partitions.sort_by(|a, b| a.topic.cmp(&b.topic));
    let message = ConsumerProtocolAssignment { assigned_partitions, user_data: None };
    let mut writer = Writer::new();
    writer.i16(version);
    message.encode(&mut writer, version).expect("names of topics are short");
    writer.finish_contiguous()
}

impl Profile {
    /// The protocol that a classic member of a consumer group is told to speak: the one that it wants most.
    pub fn protocol(&self) -> Option<&Text> {
        self.classic.as_ref().and_then(|classic| classic.protocols.first()).map(|(name, _)| name)
    }
}

fn known_version<M: Message>(version: i16) -> Option<i16> {
    (version >= 0).then(|| version.min(*M::VERSIONS.end()))
}
