//! A member of a consumer group: who it is, what it subscribes to, what it holds.

use super::holdings::Holdings;
use bytes::Bytes;
use protocol::Text;
use protocol::payloads::consumer_group_member_metadata::{ClassicMemberMetadata, ClassicProtocol};
use protocol::payloads::{ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue};
use std::sync::Arc;

/// The epoch of a member that is joining.
pub const JOINING: i32 = 0;
/// The epoch with which a member leaves.
pub const LEAVING: i32 = -1;
/// The epoch with which a static member leaves its place to its next incarnation.
pub const AWAY: i32 = -2;

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Who it is and what it wants.
    pub profile: Profile,
    /// What it has.
    pub current: Current,
}

/// Who a member is, and what it subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The instance id of a static member.
    pub instance_id: Option<Text>,
    /// Where it runs.
    pub rack_id: Option<Text>,
    /// The id of its client.
    pub client_id: Text,
    /// The address of its client.
    pub client_host: Text,
    /// The names of topics that it subscribes to, in order, each once.
    pub topics: Arc<[Text]>,
    /// The pattern that it subscribes to; empty for none.
    pub pattern: Text,
    /// How long it may take to give up partitions; -1 when it never said.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it asks for.
    pub assignor: Option<Text>,
    /// What only a member of the classic protocol has; none for one of the consumer protocol.
    pub classic: Option<Arc<ClassicProfile>>,
}

/// What only a member of the classic protocol has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicProfile {
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// The embedded protocols that it speaks, by name, with their subscriptions, the preferred one first.
    pub protocols: Vec<(Text, Bytes)>,
}

/// How far a member is on its way to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It holds all that its epoch gives it.
    #[default]
    Stable,
    /// It has to give up partitions before it goes on.
    Revoking,
    /// It waits for partitions that others have not given up yet.
    Waiting,
    /// A later Kafka wrote something else.
    Unknown,
}

/// What a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    /// The target epoch that it has reached; see [`JOINING`], [`LEAVING`] and [`AWAY`] for those that are none.
    pub epoch: i32,
    /// The epoch before: the answer that told the member of the present one may have been lost.
    pub previous_epoch: i32,
    /// How far it is.
    pub state: State,
    /// What it holds and keeps.
    pub assigned: Holdings,
    /// What it holds and has to give up.
    pub revoking: Holdings,
}

impl Member {
    /// Whether it holds all that the target of this epoch gives it.
    pub fn has_reached(&self, epoch: i32) -> bool {
        self.current.state == State::Stable && self.current.epoch == epoch
    }

    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.profile.classic.is_some()
    }
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            instance_id: None,
            rack_id: None,
            client_id: Text::default(),
            client_host: Text::default(),
            topics: Arc::new([]),
            pattern: Text::default(),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        }
    }
}

/// Names in order, each once.
pub fn in_order(names: &[Text]) -> Vec<Text> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}

impl Profile {
    /// What a record says. It keeps nothing of the buffer that the record was read from.
    pub fn from_record(value: &ConsumerGroupMemberMetadataValue) -> Profile {
        let detached = |text: &Option<Text>| text.as_ref().map(Text::detached);
        let classic = |classic: &ClassicMemberMetadata| ClassicProfile {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic
                .supported_protocols
                .iter()
                .map(|protocol| (protocol.name.detached(), Bytes::copy_from_slice(&protocol.metadata)))
                .collect(),
        };
        Profile {
            instance_id: detached(&value.instance_id),
            rack_id: detached(&value.rack_id),
            client_id: value.client_id.detached(),
            client_host: value.client_host.detached(),
            topics: in_order(&value.subscribed_topic_names).iter().map(Text::detached).collect(),
            pattern: detached(&value.subscribed_topic_regex).unwrap_or_default(),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: detached(&value.server_assignor),
            classic: value.classic_member_metadata.as_ref().map(classic).map(Arc::new),
        }
    }

    /// As a record says it.
    pub fn to_record(&self) -> ConsumerGroupMemberMetadataValue {
        let protocol = |(name, metadata): &(Text, Bytes)| ClassicProtocol {
            name: name.clone(),
            metadata: metadata.clone(),
            ..Default::default()
        };
        let classic = |classic: &Arc<ClassicProfile>| ClassicMemberMetadata {
            session_timeout_ms: classic.session_timeout_ms,
            supported_protocols: classic.protocols.iter().map(protocol).collect(),
            ..Default::default()
        };
        ConsumerGroupMemberMetadataValue {
            instance_id: self.instance_id.clone(),
            rack_id: self.rack_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            subscribed_topic_names: self.topics.to_vec(),
            subscribed_topic_regex: Some(self.pattern.clone()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.clone(),
            classic_member_metadata: self.classic.as_ref().map(classic),
            ..Default::default()
        }
    }
}

impl State {
    fn from_wire(state: i8) -> State {
        match state {
            0 => State::Stable,
            1 => State::Revoking,
            2 => State::Waiting,
            _ => State::Unknown,
        }
    }

    fn to_wire(self) -> i8 {
        match self {
            State::Stable => 0,
            State::Revoking => 1,
            State::Waiting => 2,
            State::Unknown => 127,
        }
    }
}

impl Current {
    /// What a record says.
    pub fn from_record(value: &ConsumerGroupCurrentMemberAssignmentValue) -> Current {
        Current {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: State::from_wire(value.state),
            assigned: Holdings::from_record(&value.assigned_partitions, value.member_epoch),
            revoking: Holdings::from_record(&value.partitions_pending_revocation, value.member_epoch),
        }
    }

    /// As a record says it.
    pub fn to_record(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.to_wire(),
            assigned_partitions: self.assigned.to_record(),
            partitions_pending_revocation: self.revoking.to_record(),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_reads_back_as_it_was_written() {
        let profile = Profile {
            instance_id: Some("instance".into()),
            rack_id: Some("rack".into()),
            client_id: "client".into(),
            client_host: "/10.0.0.1".into(),
            topics: in_order(&["b".into(), "a".into(), "b".into()]).into(),
            pattern: "a.*".into(),
            rebalance_timeout_ms: 5,
            assignor: Some("range".into()),
            classic: Some(Arc::new(ClassicProfile {
                session_timeout_ms: 7,
                protocols: vec![("range".into(), Bytes::from_static(b"s"))],
            })),
        };
        assert_eq!(profile.topics.len(), 2);
        assert_eq!(Profile::from_record(&profile.to_record()), profile);
        assert_eq!(Profile::from_record(&Profile::default().to_record()), Profile::default());
    }
}
