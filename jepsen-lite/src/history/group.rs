//! What members of consumer groups do, and those who commit without being one.

use super::action::partition_text;
use model::{LeaderEpoch, NodeId, Offset, TopicPartition};
use serde::{Deserialize, Serialize};

/// Who decides in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocol {
    /// A leader among the members, in generations.
    Classic,
    /// The coordinator, with an epoch for each member (KIP-848).
    Consumer,
}

/// A member of a group, as it names itself in what it asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// Its member id.
    pub id: String,
    /// The name of its place, where that is static (KIP-345).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The generation, or the member epoch.
    pub epoch: i32,
    /// How it takes part.
    pub protocol: GroupProtocol,
}

/// The commit of one offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitOffset {
    /// The group.
    pub group: String,
    /// By which member, as of the sending; none for who is no member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<GroupMember>,
    /// Of which partition.
    #[serde(with = "partition_text")]
    pub partition: TopicPartition,
    /// The offset of the next record to be read.
    pub offset: Offset,
    /// The leader epoch of the record before it; -1 when it is not told.
    pub leader_epoch: LeaderEpoch,
    /// What is sent as its metadata: a number that no other commit of the run has.
    pub mark: u64,
}

/// The lookup of a committed offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchOffset {
    /// The group.
    pub group: String,
    /// Of which partition.
    #[serde(with = "partition_text")]
    pub partition: TopicPartition,
    /// Whom it was asked of, where there is more than one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// Milliseconds that the answer may be old, when it comes from a coordinator that has been deposed: the session of a
    /// broker with its controller. 0 where there is one node.
    pub may_be_old_ms: u32,
    /// Whether offsets are kept for so short a time that those which nobody needs may be gone (KIP-211).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_expire: bool,
}

/// What a member reads, from the moment it was given it until it is given something else, or gives something up. An `ok`
/// is the end of it in order; `unknown` that the group has gone on without the member, or that it died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// The group.
    pub group: String,
    /// The member, in the generation or epoch in which it was given them.
    pub by: GroupMember,
    /// All that it reads.
    pub partitions: Vec<PartitionText>,
    /// Milliseconds of silence after which the group goes on without it.
    pub session_ms: u32,
    /// Whether it also commits by itself: what is committed so is in no history, and has no mark.
    #[serde(default)]
    pub commits_itself: bool,
    /// Whether it begins at the start of what the group has committed nothing of, and so has to see everything.
    #[serde(default)]
    pub from_start: bool,
}

/// A partition in a list, written `topic-number`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionText(#[serde(with = "partition_text")] pub TopicPartition);

/// Records of one partition that were delivered to a member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consume {
    /// The group.
    pub group: String,
    /// Its member id; empty while it is not known.
    pub member: String,
    /// The partition.
    #[serde(with = "partition_text")]
    pub partition: TopicPartition,
}

/// What makes the end of an [`Own`] a loss that the member had no part in.
pub const LOST: &str = "lost";
/// What makes the end of an [`Own`] a stop without a word, of a member that had done all that it had to.
pub const CRASHED: &str = "it crashed";
