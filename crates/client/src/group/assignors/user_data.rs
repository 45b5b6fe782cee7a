//! What sticky assignors are told by their members, in the form of Kafka's own.

use super::Subscription;
use bytes::Bytes;
use model::TopicPartition;
use protocol::{DecodeError, Reader, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a member had, and in which generation it was given that; -1 when it is not known.
pub(super) type Claim = (BTreeSet<TopicPartition>, i32);

/// What a member of an eager sticky group tells: version 1, the last assignment with its generation. None when it
/// cannot be written: it is a wish, no duty.
pub(super) fn sticky(last: &BTreeSet<TopicPartition>, generation: i32) -> Option<Bytes> {
    let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for of in last {
        topics.entry(&of.topic).or_default().push(of.partition);
    }
    let mut writer = Writer::new();
    writer.long_length(Some(topics.len())).ok()?;
    for (topic, partitions) in topics {
        writer.short_length(Some(topic.len())).ok()?;
        writer.slice(topic.as_bytes());
        writer.long_length(Some(partitions.len())).ok()?;
        partitions.into_iter().for_each(|partition| writer.i32(partition));
    }
    writer.i32(generation);
    Some(writer.finish_contiguous())
}

/// What a member of a cooperative group tells: the generation. What it has stands in its subscription.
pub(super) fn cooperative(generation: i32) -> Bytes {
    Bytes::copy_from_slice(&generation.to_be_bytes())
}

/// What a member of an eager sticky group had. Version 0 has no generation; what cannot be read counts as nothing.
pub(super) fn previous(member: &Subscription) -> Claim {
    let read = |bytes: &Bytes| read_sticky(&mut Reader::new(bytes.clone())).ok();
    member.user_data.as_ref().and_then(read).unwrap_or((BTreeSet::new(), -1))
}

/// What a member of a cooperative group has.
pub(super) fn owned(member: &Subscription) -> Claim {
    let told = || member.user_data.as_ref().and_then(|bytes| Some(i32::from_be_bytes(*bytes.first_chunk::<4>()?)));
    // Subscriptions before version 2 have no generation of their own.
    let generation = if member.generation >= 0 { member.generation } else { told().unwrap_or(-1) };
    (member.owned.clone(), generation)
}

fn read_sticky(reader: &mut Reader) -> Result<Claim, DecodeError> {
    let mut partitions = BTreeSet::new();
    for _ in 0..reader.long_length()?.unwrap_or(0) {
        let length = reader.short_length()?.unwrap_or(0);
        let name = reader.bytes(length)?;
        let topic: Arc<str> = String::from_utf8_lossy(&name).into();
        for _ in 0..reader.long_length()?.unwrap_or(0) {
            partitions.insert(TopicPartition::new(topic.clone(), reader.i32()?));
        }
    }
    let generation = if reader.remaining() >= 4 { reader.i32()? } else { -1 };
    Ok((partitions, generation))
}

#[cfg(test)]
mod tests {
    use super::super::testing::partitions;
    use super::*;

    fn told(user_data: Option<Bytes>) -> Subscription {
        Subscription { user_data, generation: -1, ..Subscription::default() }
    }

    #[test]
    fn the_bytes_of_a_sticky_member_are_those_of_kafka() {
        let bytes = sticky(&partitions("t-0 t-2"), 7).unwrap();
        let expected = [0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7];
        assert_eq!(bytes[..], expected);
        assert_eq!(previous(&told(Some(bytes.clone()))), (partitions("t-0 t-2"), 7));
        let version_0 = bytes.slice(..bytes.len() - 4);
        assert_eq!(previous(&told(Some(version_0))), (partitions("t-0 t-2"), -1));
        assert_eq!(cooperative(7)[..], [0, 0, 0, 7]);
    }

    #[test]
    fn what_cannot_be_read_counts_as_nothing() {
        let whole = sticky(&partitions("t-0 u-1"), 7).unwrap();
        let nothing = (BTreeSet::new(), -1);
        for length in 0..whole.len() - 4 {
            assert_eq!(previous(&told(Some(whole.slice(..length)))), nothing, "{length}");
        }
        assert_eq!(previous(&told(None)), nothing);
        assert_eq!(previous(&told(Some(Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff])))), nothing);
    }

    #[test]
    fn a_cooperative_member_has_what_its_subscription_says() {
        let mut member = told(Some(cooperative(7)));
        member.owned = partitions("t-1");
        assert_eq!(owned(&member), (partitions("t-1"), 7));
        member.generation = 8;
        assert_eq!(owned(&member).1, 8);
    }
}
