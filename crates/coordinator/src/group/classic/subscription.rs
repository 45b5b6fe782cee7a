//! Which topics the members of a classic group consume, as far as their protocol tells.

use super::motion::Classic;
use bytes::Bytes;
use protocol::payloads::{ConsumerProtocolSubscription, GroupMetadataValue};
use protocol::{Message, Reader, Text};
use std::collections::BTreeSet;

/// The topics that a group is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// These.
    Topics(BTreeSet<Text>),
    /// Its members consume, and it cannot be told what: so perhaps anything.
    Anything,
    /// Nobody is there, or its members are no consumers.
    Nothing,
}

impl Subscription {
    pub fn has(&self, topic: &str) -> bool {
        match self {
            Subscription::Topics(topics) => topics.contains(topic),
            Subscription::Anything => true,
            Subscription::Nothing => false,
        }
    }

    fn of<'a>(protocol_type: &str, is_chosen: bool, members: impl ExactSizeIterator<Item = &'a Bytes>) -> Subscription {
        if protocol_type != "consumer" || members.len() == 0 {
            return Subscription::Nothing;
        }
        if !is_chosen {
            return Subscription::Anything;
        }
        let mut topics = BTreeSet::new();
        for metadata in members {
            match subscription(metadata) {
                Some(subscription) => topics.extend(subscription.topics.iter().map(Text::detached)),
                None => return Subscription::Anything,
            }
        }
        Subscription::Topics(topics)
    }
}

impl Classic {
    pub fn subscription(&self) -> Subscription {
        let protocol = self.protocol.clone().unwrap_or_default();
        let metadata: Vec<Bytes> = self.members.values().map(|member| member.metadata(&protocol)).collect();
        let protocol_type = self.protocol_type.as_deref().unwrap_or_default();
        Subscription::of(protocol_type, self.protocol.is_some(), metadata.iter())
    }
}

/// The same of a group as its record has it.
pub(crate) fn subscription_of_record(record: &GroupMetadataValue) -> Subscription {
    let metadata = record.members.iter().map(|member| &member.subscription);
    Subscription::of(&record.protocol_type, record.protocol.is_some(), metadata)
}

/// What a consumer says about itself; none when it cannot be read. Later versions are read as the last one known.
pub(crate) fn subscription(metadata: &Bytes) -> Option<ConsumerProtocolSubscription> {
    let mut reader = Reader::new(metadata.clone());
    let version = reader.i16().ok().filter(|version| *version >= 0)?;
    ConsumerProtocolSubscription::decode(&mut reader, version.min(*ConsumerProtocolSubscription::VERSIONS.end())).ok()
}
