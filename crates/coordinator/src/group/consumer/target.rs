//! What the members of a group are to own.

use super::draft::Draft;
use super::member::{Member, Profile};
use super::metadata_hash::racks;
use super::state::ConsumerGroup;
use crate::assignor::{Assignment, Assignor, GroupSpec, MemberSpec, TopicSpec};
use crate::group::settings::Settings;
use model::Timestamp;
use model::metadata_image::MetadataImage;
use protocol::Text;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The assignor that a group uses: the one that most of its members ask for, else the broker's first.
pub fn assignor_of(group: &ConsumerGroup, settings: &Settings) -> Assignor {
    let asked = group.preferred_assignor().and_then(|name| Assignor::named(name));
    asked.filter(|assignor| settings.consumer_assignors.contains(assignor)).unwrap_or(settings.consumer_assignors[0])
}

/// Writes what members are to own from the group's epoch on, where that differs from what they were to own.
pub fn write_target(draft: &mut Draft<'_>, now: Timestamp, image: &MetadataImage, settings: &Settings) {
    let group = draft.group();
    let members: Vec<(&Text, &Member, Option<&Assignment>)> = group.members_and_targets().collect();
    let assigned = assign(group, &members, assignor_of(group, settings), image);
    let changed: Vec<(Text, Assignment)> = (members.into_iter().zip(assigned))
        .filter(|((_, _, before), target)| *before != Some(target))
        .map(|((member, ..), target)| (member.clone(), target))
        .collect();
    for (member, target) in changed {
        draft.write_target(&member, &target);
    }
    draft.write_assignment_epoch(draft.epoch, now);
}

/// What each of these members is to own, in their order.
fn assign<'a>(
    group: &'a ConsumerGroup,
    members: &[(&'a Text, &'a Member, Option<&'a Assignment>)],
    assignor: Assignor,
    image: &MetadataImage,
) -> Vec<Assignment> {
    let mut subscriptions = Subscriptions::default();
    let members = members.iter().map(|(id, member, target)| MemberSpec {
        id: id.as_str(),
        instance_id: member.profile.instance_id.as_deref(),
        rack: member.profile.rack_id.as_deref(),
        subscription: subscriptions.place(&member.profile),
        owned: target.unwrap_or(Assignment::EMPTY),
    });
    let members: Vec<MemberSpec<'_>> = members.collect();
    let has_racks = members.iter().any(|member| member.rack.is_some());
    let topics = topics(group, image, has_racks);
    let subscriptions = subscriptions.resolve(group, image, &topics);
    assignor.assign(&GroupSpec { topics, subscriptions, members })
}

/// Every topic that anybody subscribes to and that is there, by id.
fn topics(group: &ConsumerGroup, image: &MetadataImage, has_racks: bool) -> Vec<TopicSpec> {
    let has_racks = has_racks && image.brokers().any(|broker| broker.rack.is_some());
    let spec = |topic: &Arc<model::metadata_image::TopicImage>| TopicSpec {
        id: topic.id,
        partitions: topic.partitions.len(),
        racks: if has_racks {
            (0..topic.partitions.len()).map(|partition| racks(topic, partition, image)).collect()
        } else {
            Vec::new()
        },
    };
    let mut topics: Vec<TopicSpec> =
        group.subscribed_topics().into_iter().filter_map(|name| image.topic(name)).map(spec).collect();
    topics.sort_unstable_by_key(|topic| topic.id);
    topics
}

/// The subscriptions that differ. Members with the same list of names share that list, so looking at its address does.
#[derive(Default)]
struct Subscriptions<'a> {
    distinct: Vec<(&'a Arc<[Text]>, &'a Text)>,
    places: BTreeMap<(usize, &'a Text), usize>,
    /// That of the last member: the next one's is mostly the same.
    last: usize,
}

impl<'a> Subscriptions<'a> {
    fn place(&mut self, profile: &'a Profile) -> usize {
        let is_of = |(names, pattern): &(&Arc<[Text]>, &Text)| {
            Arc::ptr_eq(names, &profile.topics) && **pattern == profile.pattern
        };
        if !self.distinct.get(self.last).is_some_and(is_of) {
            let address = profile.topics.as_ptr() as usize;
            let distinct = &mut self.distinct;
            self.last = *self.places.entry((address, &profile.pattern)).or_insert_with(|| {
                distinct.push((&profile.topics, &profile.pattern));
                distinct.len() - 1
            });
        }
        self.last
    }

    fn resolve(&self, group: &ConsumerGroup, image: &MetadataImage, topics: &[TopicSpec]) -> Vec<Vec<usize>> {
        let place = |name: &Text| {
            let id = image.topic(name)?.id;
            topics.binary_search_by_key(&id, |topic| topic.id).ok()
        };
        let resolve = |(names, pattern): &(&Arc<[Text]>, &Text)| {
            let by_pattern = group.resolved(pattern).into_iter().flat_map(|resolved| &resolved.topics);
            let mut places: Vec<usize> = names.iter().chain(by_pattern).filter_map(place).collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        self.distinct.iter().map(resolve).collect()
    }
}
