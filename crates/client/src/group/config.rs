//! How a member of a group behaves.

use super::assignors::Assignor;
use crate::consumer::ConsumerConfig;
use crate::error::{ClientError, Result};
use runtime::time::Duration;

/// `group.protocol`: who decides in the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// A leader among the members, in rounds that all of them take part in.
    #[default]
    Classic,
    /// The coordinator, member by member (KIP-848).
    Consumer,
}

/// Settings of a member of a group. The defaults are those of Kafka's own consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.id`.
    pub group_id: String,
    /// `group.protocol`.
    pub protocol: GroupProtocol,
    /// `group.instance.id`: the name of a static member, whose place is kept while it restarts (KIP-345).
    pub instance_id: Option<String>,
    /// `session.timeout.ms`: after such a silence a member counts as gone. With the consumer protocol the group's config
    /// says that.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`. With the consumer protocol the coordinator says that.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: who does not poll for so long leaves, and the group waits for its members for so long when
    /// it rebalances.
    pub max_poll_interval: Duration,
    /// `partition.assignment.strategy`: the best first. Cooperative only if all of them are.
    pub assignors: Vec<Assignor>,
    /// `group.remote.assignor`: the coordinator's assignor, with the consumer protocol.
    pub remote_assignor: Option<String>,
    /// `enable.auto.commit` with `auto.commit.interval.ms`: how often what was polled before is committed by itself, if
    /// it is.
    pub auto_commit: Option<Duration>,
    /// Whether a static member that closes gives up its place, too.
    pub static_members_leave: bool,
    /// How records are read.
    pub consumer: ConsumerConfig,
}

impl GroupConfig {
    /// The defaults, for the group of this name.
    pub fn of(group_id: impl Into<String>) -> GroupConfig {
        GroupConfig {
            group_id: group_id.into(),
            protocol: GroupProtocol::Classic,
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            remote_assignor: None,
            auto_commit: Some(Duration::from_secs(5)),
            static_members_leave: false,
            consumer: ConsumerConfig::default(),
        }
    }

    /// Whether members keep what they read while the group rebalances.
    pub(super) fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|assignor| assignor.is_cooperative())
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(ClientError::Invalid(what.to_owned()));
        if self.group_id.is_empty() {
            return wrong("group.id must not be empty");
        }
        if self.instance_id.as_ref().is_some_and(String::is_empty) {
            return wrong("group.instance.id must not be empty");
        }
        if self.protocol == GroupProtocol::Classic && self.assignors.is_empty() {
            return wrong("partition.assignment.strategy must name an assignor");
        }
        if self.protocol == GroupProtocol::Classic && self.heartbeat_interval >= self.session_timeout {
            return wrong("heartbeat.interval.ms must be below session.timeout.ms");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_cooperative_when_all_its_assignors_are() {
        let with = |assignors: &[Assignor]| GroupConfig { assignors: assignors.to_vec(), ..GroupConfig::of("g") };
        assert!(with(&[Assignor::CooperativeSticky]).is_cooperative());
        assert!(!GroupConfig::of("g").is_cooperative());
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let good = GroupConfig::of("g");
        assert_eq!(good.check(), Ok(()));
        let wrong = [
            GroupConfig::of(""),
            GroupConfig { instance_id: Some(String::new()), ..good.clone() },
            GroupConfig { assignors: Vec::new(), ..good.clone() },
            GroupConfig { heartbeat_interval: good.session_timeout, ..good.clone() },
        ];
        for config in wrong {
            assert!(config.check().is_err(), "{config:?}");
        }
    }
}
