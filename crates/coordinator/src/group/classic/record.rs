//! A classic group's record: what is written of a group in motion, and how a group is set in motion from it.

use super::join::milliseconds;
use super::member::Member;
use super::motion::{Classic, Running, State};
use super::view::ClassicView;
use crate::group::machine::Client;
use crate::group::records::Record;
use crate::group::timers::Timer;
use crate::group::why::{HeldUp, History, Phase, Rebalance};
use bytes::Bytes;
use model::state_machine::Now;
use protocol::payloads::group_metadata::MemberMetadata;
use protocol::payloads::{GroupMetadataKey, GroupMetadataValue};
use protocol::{TaggedFields, Text};
use std::time::Duration;

/// The tag of a member's epoch in the record of a group that was a consumer group up to now: four bytes. There only until
/// the group has a generation of its own.
const EPOCH: u32 = 30_001;

/// What the log did not take is tried again after this long.
pub(super) const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Classic {
    /// The group as its record has it. Sessions begin now.
    pub fn of_record(record: &GroupMetadataValue, now: Now) -> Classic {
        let mut group = Classic::new();
        group.generation = record.generation;
        group.assigned = Some(record.generation);
        group.protocol_type = Some(record.protocol_type.clone()).filter(|name| !name.is_empty());
        group.protocol = record.protocol.clone();
        group.since = record.current_state_timestamp;
        for member in &record.members {
            group.insert(member.member_id.clone(), member_of_record(record, member, now));
        }
        group.leader = record.leader.clone().filter(|leader| group.members.contains_key(leader)).or(group.leader);
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        group
    }
}

fn member_of_record(record: &GroupMetadataValue, member: &MemberMetadata, now: Now) -> Member {
    let timeout = if member.rebalance_timeout < 0 { member.session_timeout } else { member.rebalance_timeout };
    Member {
        instance: member.group_instance_id.clone(),
        client: Client { id: member.client_id.clone(), host: member.client_host.clone() },
        rebalance_timeout: milliseconds(timeout),
        session_timeout: milliseconds(member.session_timeout),
        protocols: vec![(record.protocol.clone().unwrap_or_default(), member.subscription.clone())],
        assignment: member.assignment.clone(),
        epoch: epoch_of(&member.unknown_tagged_fields),
        joining: None,
        syncing: None,
        synced: true,
        is_new: false,
        heard: now,
        armed: None,
    }
}

fn epoch_of(tags: &TaggedFields) -> Option<i32> {
    let bytes = tags.get(EPOCH)?;
    Some(i32::from_be_bytes(bytes[..].try_into().ok()?))
}

impl ClassicView<'_> {
    /// Nobody is left. The log is told, so that the time is known since when; if it does not take that, it is told
    /// again: until then another coordinator would wait for members that are gone.
    pub fn become_empty(&mut self) {
        self.group.turn(State::Empty, self.now);
        self.group.leader = None;
        self.group.unwritten = true;
        self.write_empty();
    }

    /// The log has not taken the record of an empty group yet.
    pub fn write_timer(&mut self) {
        if self.group.unwritten && self.group.state == State::Empty {
            self.write_empty();
        }
    }

    fn write_empty(&mut self) {
        self.write_group();
        self.timers.arm(self.now.monotonic + TRY_AGAIN_AFTER, Timer::Write { group: self.id.clone() });
    }

    /// Writes the group as it is now, with the rebalance that has just ended in its history.
    pub fn write_group(&mut self) {
        let before = self.recorded.and_then(|group| group.classic.as_ref());
        let mut history = before.map(|record| History::of(&record.unknown_tagged_fields)).unwrap_or_default();
        if let Some(running) = self.group.running.take_if(|_| self.group.state != State::PreparingRebalance) {
            history.push(self.finished(running));
        }
        let value = GroupMetadataValue {
            protocol_type: self.group.protocol_type.clone().unwrap_or_default(),
            generation: self.group.generation,
            protocol: self.group.protocol.clone(),
            leader: self.group.leader.clone(),
            current_state_timestamp: self.group.since,
            members: self.group.members.iter().map(|(id, member)| self.member_record(id, member)).collect(),
            unknown_tagged_fields: history.tags(),
        };
        self.out.records.push(Record::GroupMetadata(GroupMetadataKey { group: self.id.clone() }, Some(value)));
    }

    fn member_record(&self, id: &Text, member: &Member) -> MemberMetadata {
        let mut tags = TaggedFields::default();
        if let Some(epoch) = member.epoch {
            tags.insert(EPOCH, Bytes::copy_from_slice(&epoch.to_be_bytes()));
        }
        MemberMetadata {
            member_id: id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            rebalance_timeout: in_milliseconds(member.rebalance_timeout),
            session_timeout: in_milliseconds(member.session_timeout),
            subscription: self.group.protocol.as_ref().map(|protocol| member.metadata(protocol)).unwrap_or_default(),
            assignment: member.assignment.clone(),
            unknown_tagged_fields: tags,
        }
    }

    /// What is told of a rebalance: the longer of its two parts was held up by the last to join, or by the leader.
    fn finished(&self, running: Running) -> Rebalance {
        let now = self.now.monotonic;
        let took = now.saturating_since(running.began.monotonic);
        let joined_at = running.joined_at.unwrap_or(now);
        let (joining, syncing) = (joined_at.saturating_since(running.began.monotonic), now.saturating_since(joined_at));
        let leader = self.group.leader.as_ref().and_then(|id| Some((id.clone(), self.group.members.get(id)?)));
        let held_up = |phase, missed, waited: Duration, member: Text, client: Text| {
            (!waited.is_zero()).then(|| HeldUp { phase, missed, waited_ms: short_ms(waited), member, client })
        };
        let held_up = match (running.missed, running.last_joined, leader) {
            (_, _, Some((id, leader))) if syncing > joining => {
                held_up(Phase::Sync, false, syncing, id, leader.client.id.clone())
            }
            (Some((member, client)), ..) => held_up(Phase::Join, true, joining, member, client),
            (None, Some((member, client, at)), _) => {
                let waited = at.saturating_since(running.began.monotonic);
                held_up(Phase::Join, false, waited, member, client)
            }
            _ => None,
        };
        Rebalance {
            started: running.began.wall,
            epoch: self.group.generation,
            took_ms: short_ms(took),
            cause: running.trigger.cause,
            member: running.trigger.member,
            client: running.trigger.client,
            detail: running.trigger.detail,
            held_up,
        }
    }
}

fn in_milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn short_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
