//! The group that a heartbeat is about, as it is or as it comes to be.

use super::draft::Draft;
use super::leave::not_found;
use super::refusal::Refusal;
use crate::group::records::Record;
use crate::group::view::View;
use protocol::Text;
use protocol::payloads::GroupMetadataKey;

impl<'a> View<'a> {
    /// The consumer group of this id; a new one, or one made of a classic group, when `may_be_new`.
    ///
    /// # Errors
    /// There is none, or it is a classic group that may not change.
    pub(super) fn open(&mut self, id: &Text, may_be_new: bool) -> Result<Draft<'a>, Refusal> {
        let hard = self.hard;
        let group = hard.get(id);
        if let Some(consumer) = group.and_then(|group| group.consumer.as_deref()) {
            return Ok(Draft::of(id, consumer));
        }
        if !may_be_new {
            return Err(not_found(id));
        }
        let record = group.and_then(|group| group.classic.as_ref());
        let has_members = match self.soft.classic.get(id) {
            Some(group) => !group.members.is_empty(),
            None => record.is_some_and(|record| !record.members.is_empty()),
        };
        if has_members {
            return self.upgrade(id);
        }
        // Without a record there may be ids that were promised, for which the next classic group would wait.
        let is_there = record.is_some() || self.soft.classic.contains_key(id);
        let makes_way = is_there.then(|| Record::GroupMetadata(GroupMetadataKey { group: id.clone() }, None));
        Ok(Draft::new(id, makes_way.into_iter().collect()))
    }
}
