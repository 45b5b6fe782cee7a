//! What a member wants to read, and how that is told in a classic group.

use super::assignors::{Assignor, Subscription};
use crate::error::{ClientError, Result};
use crate::metadata::{ClusterView, Wanted};
use bytes::Bytes;
use model::TopicPartition;
use protocol::payloads::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::payloads::{consumer_protocol_assignment, consumer_protocol_subscription};
use protocol::{DecodeError, Message, Reader, Writer};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a member wants to read.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// Topics by name.
    Names(Vec<Arc<str>>),
    /// Topics whose whole name fits, but none of the servers' own.
    Pattern { text: Arc<str>, whole: Regex },
}

impl Wish {
    pub fn names(topics: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Wish {
        let names: BTreeSet<Arc<str>> = topics.into_iter().map(Into::into).collect();
        Wish::Names(names.into_iter().collect())
    }

    /// # Errors
    /// [`ClientError::Invalid`]: it is no regular expression.
    pub fn pattern(text: &str) -> Result<Wish> {
        let wrong = |error: regex::Error| ClientError::Invalid(format!("'{text}' is no pattern: {error}"));
        let whole = Regex::new(&format!("^(?:{text})$")).map_err(wrong)?;
        Ok(Wish::Pattern { text: text.into(), whole })
    }

    /// What has to be known of the cluster to fulfil it.
    pub fn wanted(&self) -> Wanted<'_> {
        match self {
            Wish::Names(names) => Wanted::Topics(names),
            Wish::Pattern { .. } => Wanted::All,
        }
    }

    /// The topics it means now. Those given by name may not exist.
    pub fn topics(&self, view: &ClusterView) -> BTreeSet<Arc<str>> {
        match self {
            Wish::Names(names) => names.iter().cloned().collect(),
            Wish::Pattern { whole, .. } => {
                let fits = view.topics.values().filter(|topic| !topic.is_internal && whole.is_match(&topic.name));
                fits.map(|topic| topic.name.clone()).collect()
            }
        }
    }
}

/// A subscription as it is told when joining, for one assignor.
pub(super) fn encode_subscription(
    topics: &BTreeSet<Arc<str>>,
    assignor: Assignor,
    owned: &BTreeSet<TopicPartition>,
    (last, generation): &(BTreeSet<TopicPartition>, i32),
    rack: &str,
) -> Result<Bytes> {
    let owned = by_topic(owned).into_iter().map(|(topic, partitions)| consumer_protocol_subscription::TopicPartition {
        topic: (&**topic).into(),
        partitions,
    });
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|topic| (&**topic).into()).collect(),
        user_data: assignor.user_data(last, *generation),
        owned_partitions: owned.collect(),
        generation_id: *generation,
        rack_id: Some(rack).filter(|rack| !rack.is_empty()).map(Into::into),
    };
    encode(&subscription)
}

/// What another member told when it joined.
pub(super) fn decode_subscription(bytes: &Bytes, instance: Option<&str>) -> Result<Subscription> {
    let told: ConsumerProtocolSubscription = decode(bytes)?;
    let owned = told.owned_partitions.iter();
    Ok(Subscription {
        topics: told.topics.iter().map(|topic| Arc::from(&**topic)).collect(),
        user_data: told.user_data,
        owned: owned.flat_map(|topic| partitions(&topic.topic, &topic.partitions)).collect(),
        generation: told.generation_id,
        rack: told.rack_id.as_deref().map(Arc::from),
        instance: instance.map(Arc::from),
    })
}

pub(super) fn encode_assignment(given: &BTreeSet<TopicPartition>) -> Result<Bytes> {
    let topics = by_topic(given).into_iter().map(|(topic, partitions)| consumer_protocol_assignment::TopicPartition {
        topic: (&**topic).into(),
        partitions,
    });
    encode(&ConsumerProtocolAssignment { assigned_partitions: topics.collect(), user_data: None })
}

/// What a member is given. Nothing at all means no partitions.
pub fn decode_assignment(bytes: &Bytes) -> Result<BTreeSet<TopicPartition>> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let told: ConsumerProtocolAssignment = decode(bytes)?;
    Ok(told.assigned_partitions.iter().flat_map(|topic| partitions(&topic.topic, &topic.partitions)).collect())
}

fn partitions<'a>(topic: &str, numbers: &'a [i32]) -> impl Iterator<Item = TopicPartition> + use<'a> {
    let topic: Arc<str> = topic.into();
    numbers.iter().map(move |number| TopicPartition::new(topic.clone(), *number))
}

fn by_topic(partitions: &BTreeSet<TopicPartition>) -> BTreeMap<&Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for of in partitions {
        topics.entry(&of.topic).or_default().push(of.partition);
    }
    topics
}

/// A payload of the consumers' own stands behind its version.
fn encode<M: Message>(message: &M) -> Result<Bytes> {
    let version = *M::VERSIONS.end();
    let mut writer = Writer::new();
    writer.i16(version);
    let unwritable =
        |error: protocol::EncodeError| ClientError::Unwritable { api: M::NAME, version, why: error.to_string() };
    message.encode(&mut writer, version).map_err(unwritable)?;
    Ok(writer.finish_contiguous())
}

/// A version later than ours begins as ours does.
fn decode<M: Message>(bytes: &Bytes) -> Result<M> {
    let mut reader = Reader::new(bytes.clone());
    let mut read = || -> std::result::Result<M, DecodeError> {
        let version = reader.i16()?.min(*M::VERSIONS.end());
        M::decode(&mut reader, version)
    };
    read().map_err(|error| ClientError::Malformed {
        address: "a member of the group".to_owned(),
        api: M::NAME,
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::assignors::testing::partitions;
    use super::*;

    fn topics(names: &[&str]) -> BTreeSet<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn a_subscription_reads_back_with_all_it_tells() {
        let last = (partitions("t-0 t-1"), 5);
        let bytes =
            encode_subscription(&topics(&["t", "u"]), Assignor::Sticky, &partitions("u-1"), &last, "here").unwrap();
        let read = decode_subscription(&bytes, Some("i")).unwrap();
        let expected = Subscription {
            topics: topics(&["t", "u"]),
            user_data: Assignor::Sticky.user_data(&last.0, 5),
            owned: partitions("u-1"),
            generation: 5,
            rack: Some("here".into()),
            instance: Some("i".into()),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn an_assignment_reads_back_and_nothing_is_no_partitions() {
        let given = partitions("t-0 t-7 u-1");
        assert_eq!(decode_assignment(&encode_assignment(&given).unwrap()).unwrap(), given);
        assert_eq!(decode_assignment(&Bytes::new()).unwrap(), BTreeSet::new());
        assert!(decode_assignment(&Bytes::from_static(&[0, 1, 0xff])).is_err());
    }

    #[test]
    fn a_later_version_is_read_as_the_last_that_is_known() {
        let mut bytes = encode_assignment(&partitions("t-0")).unwrap().to_vec();
        bytes[1] = 77;
        bytes.extend([1, 2, 3]);
        assert_eq!(decode_assignment(&bytes.into()).unwrap(), partitions("t-0"));
    }

    #[test]
    fn a_pattern_means_whole_names() {
        let Wish::Pattern { whole, .. } = Wish::pattern("a|b.*").unwrap() else { panic!("a pattern") };
        let fits = ["a", "b", "bc", "ab", "xa"].map(|name| whole.is_match(name));
        assert_eq!(fits, [true, true, true, false, false]);
        assert!(Wish::pattern("(").is_err());
    }
}
