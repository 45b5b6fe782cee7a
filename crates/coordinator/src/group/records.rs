//! The records of `__consumer_offsets`: Kafka's own, key and value, and how they look in the log.
//!
//! A key starts with the number of its type, a value with its version. A record without a value (a tombstone) says that
//! what its key names is gone.

use bytes::Bytes;
use model::planted;
use protocol::payloads::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey, ConsumerGroupMetadataValue,
    ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, GroupMetadataKey, GroupMetadataValue, OffsetCommitKey,
    OffsetCommitValue,
};
use protocol::{DecodeError, Message, Reader, Text, Writer};

/// A record that cannot be understood.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// The key is not what its type says.
    #[error("a key that cannot be read: {0}")]
    Key(DecodeError),
    /// The value is not what its version says, or has a version that is not known.
    #[error("a value that cannot be read: {0}")]
    Value(DecodeError),
}

/// The key version under which very old brokers wrote committed offsets; the rest is as in [`Record::OffsetCommit`].
const LEGACY_OFFSET_COMMIT: i16 = 0;

/// One variant a type of record, with the number of the type and what tells the version that a value is written in.
macro_rules! records {
    ($( $(#[$doc:meta])* $Variant:ident($Key:ident, $Value:ident) = $kind:literal, version $version:ident, $group:ident; )*) => {
        /// One record: its key, and its value unless it is a tombstone.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Record {
            $( $(#[$doc])* $Variant($Key, Option<$Value>), )*
        }

        impl Record {
            /// The group that it is about.
            pub fn group(&self) -> &Text {
                match self { $( Record::$Variant(key, _) => &key.$group, )* }
            }
        }

        /// The key and the value of a record, as they stand in the log.
        pub fn encode(record: &Record) -> (Bytes, Option<Bytes>) {
            match record { $(
                Record::$Variant(key, value) => {
                    let value = value.as_ref().map(|value| written($version(value), $version(value), value));
                    (written($kind, 0, key), value)
                }
            )* }
        }

        fn decoded(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Record>, RecordError> {
            let mut reader = Reader::new(key.clone());
            let kind = match reader.i16().map_err(RecordError::Key)? {
                LEGACY_OFFSET_COMMIT => 1,
                kind => kind,
            };
            match kind {
                $( $kind => {
                    let key = $Key::decode(&mut reader, 0).map_err(RecordError::Key)?;
                    let value = value.map(read::<$Value>).transpose().map_err(RecordError::Value)?;
                    Ok(Some(Record::$Variant(key, value)))
                } )*
                _ => Ok(None),
            }
        }
    };
}

/// Version 4 has leader epoch and topic id; only version 1 has the time at which old clients wanted it forgotten.
fn version_of_offset(value: &OffsetCommitValue) -> i16 {
    if value.expire_timestamp >= 0 { 1 } else { 4 }
}

/// From version 4 on there is room for tagged fields, where the group's history is.
fn version_of_group(_: &GroupMetadataValue) -> i16 {
    4
}

fn only_version<T>(_: &T) -> i16 {
    0
}

records! {
    /// How far a group has come in a partition.
    OffsetCommit(OffsetCommitKey, OffsetCommitValue) = 1, version version_of_offset, group;
    /// A classic group: its generation, its members and what each was assigned.
    GroupMetadata(GroupMetadataKey, GroupMetadataValue) = 2, version version_of_group, group;
    /// A consumer group: its epoch (KIP-848, as all that follow).
    ConsumerGroupMetadata(ConsumerGroupMetadataKey, ConsumerGroupMetadataValue) = 3, version only_version, group_id;
    /// What earlier Kafkas knew of the topics of a consumer group; only ever deleted now.
    ConsumerGroupPartitionMetadata(ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue) = 4, version only_version, group_id;
    /// A member of a consumer group: who it is and what it subscribes to.
    ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue) = 5, version only_version, group_id;
    /// The epoch of a consumer group's target assignment.
    ConsumerGroupTargetAssignmentMetadata(ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue) = 6, version only_version, group_id;
    /// What a member is to own.
    ConsumerGroupTargetAssignmentMember(ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue) = 7, version only_version, group_id;
    /// What a member owns and has still to give up.
    ConsumerGroupCurrentMemberAssignment(ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue) = 8, version only_version, group_id;
    /// The topics that a subscription by pattern means now.
    ConsumerGroupRegularExpression(ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue) = 16, version only_version, group_id;
}

/// The record that the log holds; none when its type is not known here: a later Kafka wrote it, and it is passed over,
/// as Kafka does.
///
/// # Errors
/// A key or value that is not what it says it is.
pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Record>, RecordError> {
    let mut record = decoded(key, value)?;
    if let Some(Record::OffsetCommit(_, Some(value))) = &mut record
        && planted!("leader-epoch-of-an-offset-lost-on-load")
    {
        value.leader_epoch = -1;
    }
    Ok(record)
}

/// Enough for most keys and values; groups' records grow from here.
const ROOM: usize = 128;

fn written(start: i16, version: i16, message: &impl Message) -> Bytes {
    let mut writer = Writer::with_room(ROOM);
    writer.i16(start);
    let done = message.encode(&mut writer, version);
    done.expect("texts come from frames or are cut to fit, and these versions have every field");
    writer.finish_contiguous()
}

fn read<M: Message>(value: &Bytes) -> Result<M, DecodeError> {
    // Its texts and bytes are kept for long, and are not to keep the batch alive that they came in.
    let mut reader = Reader::new(Bytes::copy_from_slice(value));
    let version = reader.i16()?;
    M::decode(&mut reader, version)
}
