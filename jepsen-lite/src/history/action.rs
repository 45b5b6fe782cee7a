//! What clients ask and what they are answered.

use super::group::{CommitOffset, Consume, FetchOffset, GroupProtocol, Own};
use super::{Received, Sent};
use model::{LeaderEpoch, NodeId, Offset, Timestamp, TopicPartition, Uuid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When a produce is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acks {
    /// Never (acks=0).
    None,
    /// When the leader has it (acks=1).
    Leader,
    /// When every in-sync replica has it (acks=all).
    All,
}

/// One batch for one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Produce {
    /// Where to.
    #[serde(with = "partition_text")]
    pub partition: TopicPartition,
    /// The id of the topic the request named, when it named one.
    #[serde(with = "uuid_text", default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<Uuid>,
    /// When it is answered.
    pub acks: Acks,
    /// Whether all records travel in one batch, so that they are appended all or none.
    pub one_batch: bool,
    /// The records, in the order they were given to the producer.
    pub records: Vec<Sent>,
}

/// One read of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    /// Where from.
    #[serde(with = "partition_text")]
    pub partition: TopicPartition,
    /// The id of the topic the request named, when it named one.
    #[serde(with = "uuid_text", default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<Uuid>,
    /// The first offset wanted.
    pub from: Offset,
    /// Whether this goes on where the process's last read of the partition ended; `false` after a seek.
    pub continues: bool,
    /// Whom it was asked of, where there is more than one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The epoch in which that node leads, where the request named it (KIP-320): in any other the node refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What a ListOffsets looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetQuery {
    /// The log start (timestamp -2).
    Earliest,
    /// The end of what can be read (timestamp -1).
    Latest,
    /// The first record with this timestamp or a later one.
    At(Timestamp),
    /// The first record with the greatest timestamp (timestamp -3).
    MaxTimestamp,
    /// Where the log of a leader epoch ends (OffsetForLeaderEpoch, or a fetch that diverges), as told by whoever leads in a
    /// later epoch or this one, which the request named.
    EndOfEpoch(LeaderEpoch),
}

/// One lookup in one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListOffsets {
    /// Where.
    #[serde(with = "partition_text")]
    pub partition: TopicPartition,
    /// What for.
    pub query: OffsetQuery,
}

/// What metadata says of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedPartition {
    /// Who leads it; -1 for nobody.
    pub leader: NodeId,
    /// Who holds it, in order of preference; those that come and those that go, too, while it moves.
    pub replicas: Vec<NodeId>,
    /// Whether it is on its way to other nodes.
    pub moves: bool,
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTopic {
    /// Its name.
    pub topic: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each.
    pub replicas: i16,
    /// The configs given.
    pub configs: BTreeMap<String, String>,
}

/// What a client asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Write.
    Produce(Produce),
    /// Read.
    Fetch(Fetch),
    /// Look an offset up.
    ListOffsets(ListOffsets),
    /// Make a topic.
    CreateTopic(CreateTopic),
    /// Delete a topic by name.
    DeleteTopic {
        /// Its name.
        topic: String,
    },
    /// Delete the records below an offset.
    DeleteRecords {
        /// Where.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
        /// The first offset to keep.
        before: Offset,
    },
    /// Set some of a topic's configs.
    AlterConfigs {
        /// The topic.
        topic: String,
        /// New values; `None` goes back to the default.
        changes: BTreeMap<String, Option<String>>,
    },
    /// Ask for a topic's own configs.
    DescribeConfigs {
        /// The topic.
        topic: String,
    },
    /// Ask which topics there are.
    ListTopics,
    /// Have the preferred replica of a partition lead.
    ElectPreferred {
        /// Which partition.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
    },
    /// Move a partition to other nodes.
    Reassign {
        /// Which partition.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
        /// Who holds it in the end; empty: a move on its way is given up.
        replicas: Vec<NodeId>,
    },
    /// Give a topic more partitions.
    AddPartitions {
        /// The topic.
        topic: String,
        /// How many it has then.
        count: i32,
    },
    /// Ask for the partitions of a topic.
    DescribeTopic {
        /// The topic.
        topic: String,
    },
    /// With all faults over, wait until a partition has a leader. Fails when that takes too long.
    AwaitLeader {
        /// Which partition.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
    },
    /// With all faults over, wait until all of these nodes that hold the partition are in sync. Fails when that takes
    /// too long.
    AwaitInSync {
        /// Which partition.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
        /// The nodes that are well.
        nodes: Vec<NodeId>,
    },
    /// With all faults over, wait until a record that was sent to acks=all is acknowledged. The write itself is an operation
    /// of its own. Fails when that takes too long.
    AwaitWritten {
        /// Which partition.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
    },
    /// With all faults over, ask a node to stop: it hands over what it leads, and stops by itself. Fails when it does not.
    AwaitStop {
        /// Which node.
        node: NodeId,
    },
    /// The final read of a whole partition, from its log start to its end.
    Scan {
        /// Where.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
    },
    /// Commit an offset in a group.
    CommitOffset(CommitOffset),
    /// Ask for a committed offset.
    FetchOffset(FetchOffset),
    /// Read as a member of a group.
    Own(Own),
    /// Take records as a member of a group.
    Consume(Consume),
    /// Delete a committed offset.
    DeleteOffset {
        /// The group.
        group: String,
        /// Of which partition.
        #[serde(with = "partition_text")]
        partition: TopicPartition,
    },
    /// Delete a group, and with it all it has committed.
    DeleteGroup {
        /// The group.
        group: String,
    },
    /// Ask to be a member of a group. When it becomes one, if ever, is not told.
    JoinGroup {
        /// The group.
        group: String,
        /// By which protocol.
        protocol: GroupProtocol,
    },
    /// With all faults over, wait until the members of a group read everything it is there for. Fails when that takes too
    /// long.
    AwaitGroup {
        /// The group.
        group: String,
    },
}

/// What came back from an operation that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To a produce.
    Produced {
        /// Offset of the first record; `None` with acks=0.
        base_offset: Option<Offset>,
    },
    /// To a fetch.
    Fetched {
        /// What was read, as it came.
        records: Vec<Received>,
        /// End of what can be read; -1 when it was not told.
        high_watermark: Offset,
        /// First offset of the partition; -1 when it was not told.
        log_start: Offset,
    },
    /// To a fetch or scan: bytes that are no valid batch.
    Corrupt {
        /// Where, as far as it can be told.
        offset: Offset,
        /// What is wrong with them.
        what: String,
    },
    /// To a lookup; both -1 when there is no such record.
    Offset {
        /// The offset.
        offset: Offset,
        /// The record's timestamp; -1 for the special queries.
        timestamp: Timestamp,
        /// The leader epoch of the record; of the leader, for the end; -1 when it was not told.
        #[serde(default = "no_epoch")]
        epoch: LeaderEpoch,
    },
    /// To the creation of a topic.
    Created {
        /// Its id, where the answer tells.
        #[serde(with = "uuid_text", default, skip_serializing_if = "Option::is_none")]
        topic_id: Option<Uuid>,
    },
    /// To a request whose answer has no content.
    Done,
    /// To the deletion of records.
    RecordsDeleted {
        /// The log start after it.
        log_start: Offset,
    },
    /// A topic's own configs.
    Configs {
        /// Names and values that are set on the topic itself.
        configs: BTreeMap<String, String>,
    },
    /// A topic's partitions, by number.
    Described {
        /// All of them.
        partitions: Vec<DescribedPartition>,
    },
    /// The topics there are.
    Topics {
        /// Their names.
        topics: Vec<String>,
    },
    /// To the final read.
    Scanned {
        /// First offset.
        log_start: Offset,
        /// End of what can be read.
        end: Offset,
        /// Everything between.
        records: Vec<Received>,
    },
    /// To the commit of an offset.
    Committed {
        /// The newest generation or member epoch that it can have been sent with: a client may send it again as what it
        /// has become; -1 for who is no member.
        epoch: i32,
    },
    /// To the lookup of a committed offset.
    CommittedOffset {
        /// The offset; -1 when there is none.
        offset: Offset,
        /// The leader epoch that was committed with it; -1 when there is none.
        leader_epoch: LeaderEpoch,
        /// The commit's mark; none when it had none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<u64>,
    },
}

const fn no_epoch() -> LeaderEpoch {
    -1
}

pub(super) mod partition_text {
    use model::TopicPartition;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(partition: &TopicPartition, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(partition)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<TopicPartition, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let (topic, number) = text.rsplit_once('-').ok_or_else(|| D::Error::custom("not topic-partition"))?;
        Ok(TopicPartition::new(topic, number.parse().map_err(D::Error::custom)?))
    }
}

mod uuid_text {
    use model::Uuid;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::ref_option)] // the signature that serde asks for
    pub fn serialize<S: Serializer>(id: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.collect_str(id),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|error| D::Error::custom(format!("{error}")))).transpose()
    }
}
