//! Groups as an administrator sees them: listed, described, deleted.

use super::classic::Classic;
use super::group_map::Group;
use super::machine::Reply;
use super::view::View;
use super::why;
use model::ErrorCode;
use model::state_machine::Ticket;
use protocol::Text;
use protocol::messages::delete_groups::DeletableGroupResult;
use protocol::messages::describe_groups::DescribedGroup;
use protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use std::collections::BTreeSet;

/// The first version of DescribeGroups that has a code for a group that is not there.
const SAYS_MISSING: i16 = 6;
/// The first version of DescribeGroups with room for tagged fields.
const HAS_TAGS: i16 = 5;
/// The state of a group that is not there.
const DEAD: &str = "Dead";

impl View<'_> {
    pub(crate) fn list_groups(&mut self, ticket: Ticket, request: &ListGroupsRequest) {
        let ids: BTreeSet<&Text> = self.hard.groups.keys().chain(self.soft.classic.keys()).collect();
        let allows = |filter: &[Text], value: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let listed = ids.into_iter().map(|id| self.listed(id));
        let wanted = listed.filter(|group| {
            allows(&request.states_filter, &group.group_state) && allows(&request.types_filter, &group.group_type)
        });
        let groups = wanted.collect();
        self.reply(ticket, Reply::ListGroups(ListGroupsResponse { groups, ..Default::default() }));
    }

    fn listed(&self, id: &Text) -> ListedGroup {
        let group = self.hard.get(id);
        let (state, protocol_type, kind) = match group.and_then(|group| group.consumer.as_ref()) {
            Some(consumer) => (consumer.state(), Text::from_static("consumer"), "consumer"),
            None => match self.soft.classic.get(id) {
                Some(classic) => (classic.state.name(), classic.protocol_type.clone().unwrap_or_default(), "classic"),
                None => {
                    let record = group.and_then(|group| group.classic.as_ref());
                    let protocol_type = record.map(|record| record.protocol_type.clone());
                    ("Empty", protocol_type.unwrap_or_default(), "classic")
                }
            },
        };
        ListedGroup {
            group_id: id.clone(),
            protocol_type,
            group_state: Text::from_static(state),
            group_type: Text::from_static(kind),
            ..Default::default()
        }
    }

    pub(crate) fn describe_groups(&mut self, ticket: Ticket, groups: &[Text], version: i16) {
        let described = groups.iter().map(|id| self.described(id, version)).collect();
        self.reply(ticket, Reply::DescribeGroups(described));
    }

    fn described(&self, id: &Text, version: i16) -> DescribedGroup {
        let group = self.hard.get(id);
        let is_consumer_group = group.is_some_and(|group| group.consumer.is_some());
        let record = group.and_then(|group| group.classic.as_ref());
        let mut described = match (self.soft.classic.get(id), record) {
            _ if is_consumer_group || !self.exists(id) => return not_there(id, version, is_consumer_group),
            (Some(classic), _) => classic.described(id),
            (None, Some(record)) => Classic::of_record(record, self.now).described(id),
            (None, None) => Classic::new().described(id),
        };
        if let Some(record) = record.filter(|_| version >= HAS_TAGS) {
            described.unknown_tagged_fields = why::shown(&record.unknown_tagged_fields);
        }
        described
    }

    pub(crate) fn delete_groups(&mut self, ticket: Ticket, groups: Vec<Text>) {
        let mut results = Vec::new();
        for group_id in groups {
            let error_code = self.delete_group(&group_id).err().unwrap_or(ErrorCode::None).code();
            results.push(DeletableGroupResult { group_id, error_code, ..Default::default() });
        }
        self.reply(ticket, Reply::DeleteGroups(results));
    }

    fn delete_group(&mut self, id: &Text) -> Result<(), ErrorCode> {
        if !self.exists(id) {
            return Err(ErrorCode::GroupIdNotFound);
        }
        let Some(group) = self.hard.get(id) else {
            // Nothing of it is in the log yet.
            return match self.soft.classic.get(id).is_some_and(Classic::is_deserted) {
                true => {
                    self.soft.classic.remove(id);
                    Ok(())
                }
                false => Err(ErrorCode::NonEmptyGroup),
            };
        };
        if !self.is_empty(id, group) && !model::planted!("a group with members is deleted") {
            return Err(ErrorCode::NonEmptyGroup);
        }
        self.delete_with_offsets(id, group)
    }

    /// Of a group with more offsets than one batch takes away, or that comes behind such ones, the rest goes when the client
    /// asks again, as the error tells it to.
    fn delete_with_offsets(&mut self, id: &Text, group: &Group) -> Result<(), ErrorCode> {
        for tombstone in group.offset_tombstones(id) {
            if self.has_enough(usize::MAX) {
                return Err(ErrorCode::CoordinatorLoadInProgress);
            }
            self.write(tombstone);
        }
        if self.has_enough(usize::MAX) {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        self.delete_group_itself(id, group);
        Ok(())
    }
}

fn not_there(id: &Text, version: i16, is_consumer_group: bool) -> DescribedGroup {
    let mut described =
        DescribedGroup { group_id: id.clone(), group_state: Text::from_static(DEAD), ..Default::default() };
    if version >= SAYS_MISSING {
        described.error_code = ErrorCode::GroupIdNotFound.code();
        let why = if is_consumer_group { "is not a classic group" } else { "is not there" };
        described.error_message = Some(format!("group {id} {why}").into());
    }
    described
}
