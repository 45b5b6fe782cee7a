//! Offsets that nobody needs any more (KIP-211): of groups that have been empty for the retention time, and of topics
//! that a group has stopped to consume. A group of which nothing is left goes too.

use super::delete::forgotten;
use crate::group::classic::{State, Subscription};
use crate::group::consumer;
use crate::group::group_map::{CommittedOffset, Group};
use crate::group::records::Record;
use crate::group::timers::Timer;
use crate::group::view::View;
use model::Timestamp;
use protocol::Text;
use protocol::payloads::GroupMetadataKey;
use std::time::Duration;

/// Records of one batch at most, fewer where they are large; the rest follows at the next look.
const MOST_AT_ONCE: usize = 1000;

/// Another look comes after this when one was not enough.
const NEXT_AFTER: Duration = Duration::from_secs(1);

/// From when on the retention time of a group's offsets is counted.
enum Since {
    /// Not at all: it is not known what its members use.
    Never,
    /// From each commit, and only for topics that are not consumed.
    Commit(Subscribed),
    /// From when the group became empty, or from a commit after that.
    Empty(Timestamp),
}

enum Subscribed {
    Nothing,
    Classic(Subscription),
    Consumer,
}

impl View<'_> {
    /// The next look for what is out of date.
    pub(crate) fn arm_retention(&mut self) {
        let interval = self.world.settings.offsets_retention_check_interval;
        self.soft.timers.arm(self.now.monotonic + interval, Timer::Retention);
    }

    pub(crate) fn expire_offsets(&mut self) {
        let hard = self.hard;
        for (id, group) in &hard.groups {
            self.expire_offsets_of(id, group);
            if self.has_enough(MOST_AT_ONCE) {
                return self.soft.timers.arm(self.now.monotonic + NEXT_AFTER, Timer::Retention);
            }
        }
        self.arm_retention();
    }

    fn expire_offsets_of(&mut self, id: &Text, group: &Group) {
        let since = self.since(id, group);
        let mut kept = 0;
        for (topic, partitions) in &group.offsets {
            for (partition, committed) in partitions {
                let pending = group.has_pending(topic, *partition);
                if !pending && self.is_out_of_date(group, topic, committed, &since) {
                    if self.has_enough(MOST_AT_ONCE) {
                        return; // the rest of it is for the next look
                    }
                    self.write(forgotten(id, topic, *partition));
                } else {
                    kept += 1;
                }
            }
        }
        if kept == 0 && group.pending.is_empty() && self.is_empty(id, group) {
            self.delete_group_itself(id, group);
        }
    }

    fn since(&mut self, id: &Text, group: &Group) -> Since {
        if group.consumer.is_some() {
            return Since::Commit(Subscribed::Consumer);
        }
        if let Some(moving) = self.classic(id) {
            let moving = &*moving.group;
            return match moving.state {
                // Of a group in motion the log may say what it was before.
                State::Empty if moving.protocol_type.is_some() => Since::Empty(moving.since),
                State::Empty => Since::Commit(Subscribed::Nothing),
                State::Stable if moving.protocol_type.as_deref() == Some("consumer") => {
                    Since::Commit(Subscribed::Classic(moving.subscription()))
                }
                _ => Since::Never,
            };
        }
        match &group.classic {
            Some(record) if !record.protocol_type.is_empty() => Since::Empty(record.current_state_timestamp),
            _ => Since::Commit(Subscribed::Nothing),
        }
    }

    fn is_out_of_date(&self, group: &Group, topic: &Text, committed: &CommittedOffset, since: &Since) -> bool {
        let since = match since {
            Since::Never => return false,
            Since::Empty(at) => committed.commit_timestamp.max(*at),
            Since::Commit(subscribed) => {
                let is_consumed = match subscribed {
                    Subscribed::Nothing => false,
                    Subscribed::Classic(subscription) => subscription.has(topic),
                    Subscribed::Consumer => group.consumer.as_ref().is_some_and(|group| group.is_subscribed_to(topic)),
                };
                if is_consumed && !model::planted!("an offset expires though its topic is read") {
                    return false;
                }
                committed.commit_timestamp
            }
        };
        // What an old client asked for holds, whatever the group does.
        if committed.expire_timestamp >= 0 {
            return self.now.wall >= committed.expire_timestamp;
        }
        let retention = i64::try_from(self.world.settings.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        self.now.wall.saturating_sub(since) >= retention
    }

    /// Whether nobody is in it.
    pub(crate) fn is_empty(&mut self, id: &Text, group: &Group) -> bool {
        if let Some(consumer) = &group.consumer {
            return consumer.is_empty();
        }
        match self.classic(id) {
            Some(group) => group.group.is_deserted(),
            None => true,
        }
    }

    /// The group's own records go; its offsets are another matter. What is in motion goes once the log says so.
    pub(crate) fn delete_group_itself(&mut self, id: &Text, group: &Group) {
        if let Some(group) = &group.consumer {
            self.out.records.extend(consumer::tombstones(id, group));
        }
        if group.classic.is_some() || self.soft.classic.contains_key(id) {
            self.write(Record::GroupMetadata(GroupMetadataKey { group: id.clone() }, None));
        }
    }
}
