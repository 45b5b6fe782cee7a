//! Offsets of topics that are gone are taken away: a topic of the same name is another one.
//!
//! Only what was seen to be deleted counts. A topic that is not in the image may be one that this node has not heard of
//! yet.

use super::delete::forgotten;
use crate::group::timers::Timer;
use crate::group::view::View;
use model::Uuid;
use model::metadata_image::TopicChange;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Topics that were seen to be deleted, and whose offsets may be there still.
pub(crate) type DeletedTopics = BTreeMap<Uuid, Arc<str>>;

/// Offsets that one batch takes away at most, fewer where their records are large; the rest follows soon.
const MOST_AT_ONCE: usize = 1000;
const NEXT_AFTER: Duration = Duration::from_millis(100);

impl View<'_> {
    pub(crate) fn topics_changed(&mut self, changes: &[TopicChange]) {
        for change in changes {
            if let TopicChange::Deleted(topic) = change {
                self.soft.deleted_topics.insert(topic.id, topic.name.clone());
            }
        }
        if !self.soft.deleted_topics.is_empty() {
            self.take_offsets_of_deleted_topics();
        }
    }

    /// Looked at again until there are none: the log may refuse it for a while.
    pub(crate) fn take_offsets_of_deleted_topics(&mut self) {
        let deleted = std::mem::take(&mut self.soft.deleted_topics);
        if self.write_what_is_left_of(&deleted) {
            self.soft.deleted_topics = deleted;
            self.soft.timers.arm(self.now.monotonic + NEXT_AFTER, Timer::DeletedTopics);
        }
    }

    /// As much of it as goes into one batch. Says whether there was any.
    fn write_what_is_left_of(&mut self, deleted: &DeletedTopics) -> bool {
        let (hard, mut found) = (self.hard, false);
        for (id, group) in &hard.groups {
            for (topic_id, name) in deleted {
                let Some((topic, partitions)) = group.offsets.get_key_value(&**name) else { continue };
                for (partition, offset) in partitions {
                    if offset.topic_id != *topic_id && !self.is_left(name, offset.topic_id) {
                        continue;
                    }
                    found = true;
                    if self.has_enough(MOST_AT_ONCE) {
                        return found;
                    }
                    self.write(forgotten(id, topic, *partition));
                }
            }
        }
        found
    }

    /// An offset of before topics had ids, of a name that nobody has now.
    fn is_left(&self, name: &str, topic_id: Uuid) -> bool {
        topic_id.is_zero() && self.world.image.topic(name).is_none()
    }
}
