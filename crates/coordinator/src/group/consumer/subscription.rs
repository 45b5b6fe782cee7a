//! What a change of subscriptions, or of the topics subscribed to, means for a group.

use super::draft::Draft;
use super::history::Reason;
use super::member::Profile;
use super::metadata_hash::{metadata_hash, racks};
use super::pattern::Pattern;
use super::refusal::Refusal;
use super::soft::Staleness;
use super::state::{ConsumerGroup, ResolvedPattern};
use crate::group::view::View;
use crate::group::why::Cause;
use model::ErrorCode;
use model::metadata_image::{MetadataImage, TopicChange, TopicImage};
use protocol::Text;

impl View<'_> {
    /// Follows a member from one pattern to another. Whether that calls for another assignment.
    ///
    /// # Errors
    /// A pattern that is none, which nobody of the group has yet.
    pub(super) fn change_pattern(&mut self, draft: &mut Draft<'_>, old: &Text, new: &Text) -> Result<bool, Refusal> {
        if old == new {
            return Ok(false);
        }
        self.drop_unused_patterns(&draft.id);
        model::mark!("a member changed its pattern");
        if !old.is_empty() && draft.group().subscribers_of_pattern(old) <= 1 && draft.group().resolved(old).is_some() {
            draft.write_pattern(old, None);
        }
        if new.is_empty() {
            return Ok(true);
        }
        if draft.group().resolved(new).is_some() {
            return Ok(true);
        }
        let resolved = self.resolve(&draft.id, new)?;
        draft.write_pattern(new, Some(&resolved));
        Ok(!resolved.topics.is_empty())
    }

    fn resolve(&mut self, group: &Text, pattern: &Text) -> Result<ResolvedPattern, Refusal> {
        let (image, now) = (&self.world.image, self.now.wall);
        match self.compiled(group, pattern) {
            Ok(compiled) => Ok(compiled.resolve(image, now)),
            Err(error) => {
                let message = format!("the pattern '{}' is not a regular expression of RE2: {error}", &**pattern);
                Err(Refusal::new(ErrorCode::InvalidRegularExpression, message))
            }
        }
    }

    /// Looks again at patterns that may stand for other topics now. Whether one does.
    pub(super) fn refresh_patterns(&mut self, draft: &mut Draft<'_>) -> bool {
        let stale = self.consumer_soft(&draft.id).stale_patterns.clone();
        let mut any = false;
        for pattern in stale {
            if draft.group().subscribers_of_pattern(&pattern) == 0 {
                continue;
            }
            // One that was let in is one; a record by another hand may hold another.
            let resolved = self.resolve(&draft.id, &pattern).unwrap_or_default();
            if draft.group().resolved(&pattern).is_none_or(|before| before.topics != resolved.topics) {
                draft.write_pattern(&pattern, Some(&resolved));
                any = true;
            }
        }
        any
    }

    /// Why the metadata of this group's topics was looked at.
    pub(super) fn changed_topic(&mut self, group: &Text) -> Reason {
        let detail = self.consumer_soft(group).changed_topic.clone().unwrap_or_default();
        Reason { detail, ..Reason::new(Cause::TopicChanged, &Text::default(), &Text::default()) }
    }

    /// Whether the metadata of this group's topics must be looked at.
    pub(super) fn is_stale(&mut self, draft: &Draft<'_>) -> bool {
        let hash = draft.before().metadata_hash;
        let soft = self.consumer_soft(&draft.id);
        if soft.staleness == Staleness::Written(hash) {
            soft.staleness = Staleness::Fresh;
            soft.stale_patterns.clear();
        }
        soft.staleness != Staleness::Fresh
    }

    /// The metadata was looked at, and this is its hash. What it says stands in the log once that hash does.
    pub(super) fn has_looked(&mut self, group: &Text, hash: i64, is_written: bool) {
        let soft = self.consumer_soft(group);
        if is_written {
            soft.staleness = Staleness::Written(hash);
        } else {
            soft.staleness = Staleness::Fresh;
            soft.stale_patterns.clear();
        }
    }

    /// The hash of the metadata for the group as it will be.
    pub(super) fn hash_of(&mut self, draft: &mut Draft<'_>) -> i64 {
        let image = &self.world.image;
        metadata_hash(draft.group(), image)
    }

    /// Topics came, went or grew, or brokers changed: groups that are concerned look at their next heartbeat.
    pub(crate) fn consumer_groups_see(&mut self, changes: &[TopicChange], old: &MetadataImage) {
        let (hard, image) = (self.hard, &self.world.image);
        let brokers_moved = has_other_racks(image, old);
        if changes.is_empty() && !brokers_moved {
            return;
        }
        let groups = hard.groups.iter().filter_map(|(id, group)| Some((id, group.consumer.as_deref()?)));
        for (id, group) in groups.filter(|(_, group)| !group.is_empty()) {
            let patterns: Vec<Text> = self.patterns_concerned(id, group, changes);
            let is_concerned = brokers_moved || !patterns.is_empty() || {
                changes.iter().any(|change| named(change, image).is_some_and(|topic| group.is_subscribed_to(topic)))
            };
            if is_concerned {
                let topic = changes.iter().find_map(|change| {
                    named(change, image).filter(|topic| group.is_subscribed_to(topic) || !patterns.is_empty())
                });
                let soft = self.consumer_soft(id);
                soft.staleness = Staleness::Stale;
                soft.changed_topic = topic.map(Text::from);
                soft.stale_patterns.extend(patterns);
            }
        }
    }

    /// The patterns of a group that stand for a topic that came or went.
    fn patterns_concerned(&mut self, id: &Text, group: &ConsumerGroup, changes: &[TopicChange]) -> Vec<Text> {
        let came_or_went: Vec<&TopicImage> = changes
            .iter()
            .filter_map(|change| match change {
                TopicChange::Created(topic) | TopicChange::Deleted(topic) => Some(&**topic),
                TopicChange::Changed { .. } => None,
            })
            .collect();
        if came_or_went.is_empty() {
            return Vec::new();
        }
        let mut concerned = Vec::new();
        for pattern in group.subscribed_patterns() {
            let matches = |compiled: &Pattern| came_or_went.iter().any(|topic| compiled.matches(&topic.name));
            if self.compiled(id, pattern).is_ok_and(matches) {
                concerned.push(pattern.clone());
            }
        }
        concerned
    }

    /// Forgets compiled patterns that nobody subscribes to any more.
    pub(super) fn drop_unused_patterns(&mut self, id: &Text) {
        let hard = self.hard;
        let Some(soft) = self.soft.consumer.get_mut(id) else { return };
        let group = hard.get(id).and_then(|group| group.consumer.as_deref());
        soft.compiled.retain(|pattern, _| group.is_some_and(|group| group.subscribers_of_pattern(pattern) > 0));
    }
}

/// Whether the same topics are subscribed to when some members, of this many, have other subscriptions or none: then
/// the metadata need not be looked at. Errs on the side of looking.
pub(super) fn subscribes_alike(group: &ConsumerGroup, leaving: &[&Profile], joining: Option<&Profile>) -> bool {
    let left = leaving.len();
    let stays = |profile: &&Profile| {
        let names = profile.topics.is_empty() || group.subscribers_of_names(&profile.topics) > left;
        let pattern = profile.pattern.is_empty() || group.subscribers_of_pattern(&profile.pattern) > left;
        let again = |joining: &Profile| (&joining.topics, &joining.pattern) == (&profile.topics, &profile.pattern);
        joining.is_some_and(again) || names && pattern
    };
    let is_known = |profile: &Profile| {
        let names = profile.topics.is_empty() || group.subscribers_of_names(&profile.topics) > 0;
        names && (profile.pattern.is_empty() || group.subscribers_of_pattern(&profile.pattern) > 0)
    };
    leaving.iter().all(stays) && joining.is_none_or(is_known)
}

/// The name of the topic that a change is about, if it changes what groups see of it.
fn named<'a>(change: &'a TopicChange, image: &MetadataImage) -> Option<&'a str> {
    match change {
        TopicChange::Created(topic) | TopicChange::Deleted(topic) => Some(&topic.name),
        TopicChange::Changed { before, after } => {
            let grew = before.partitions.len() != after.partitions.len();
            let moved = || {
                (0..after.partitions.len()).any(|at| {
                    before.partitions[at].replicas != after.partitions[at].replicas
                        && racks(before, at, image) != racks(after, at, image)
                })
            };
            (grew || moved()).then_some(&*after.name)
        }
    }
}

fn has_other_racks(image: &MetadataImage, old: &MetadataImage) -> bool {
    if image.same_brokers(old) {
        return false;
    }
    let racks =
        |image: &MetadataImage| -> Vec<_> { image.brokers().map(|broker| (broker.id, broker.rack.clone())).collect() };
    racks(image) != racks(old)
}
