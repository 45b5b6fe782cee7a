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
        let Some(group) = hard.get(id) else {
            return if may_be_new { Ok(Draft::new(id, Vec::new())) } else { Err(not_found(id)) };
        };
        match (&group.consumer, &group.classic) {
            (Some(consumer), _) => Ok(Draft::of(id, consumer)),
            _ if !may_be_new => Err(not_found(id)),
            (None, None) => Ok(Draft::new(id, Vec::new())),
            (None, Some(classic)) if classic.members.is_empty() => {
                let key = GroupMetadataKey { group: id.clone() };
                Ok(Draft::new(id, vec![Record::GroupMetadata(key, None)]))
            }
            (None, Some(_)) => Err(not_found(id)),
        }
    }
}
