//! A classic group becomes a consumer group when its first member of the consumer protocol comes (KIP-848). Its members
//! go on owning what they own, and are brought to the new target like all others.

use super::draft::Draft;
use super::embedded::{self, CONSUMER, Unreadable};
use super::holdings::Held;
use super::leave::not_found;
use super::member::{ClassicProfile, Current, Member, Profile, in_order};
use super::metadata_hash::metadata_hash;
use super::refusal::Refusal;
use crate::group::classic::{self, Classic};
use crate::group::failure::join_failure;
use crate::group::machine::Reply;
use crate::group::records::Record;
use crate::group::view::View;
use crate::group::why;
use model::{ErrorCode, PartitionId, Uuid};
use protocol::Text;
use protocol::messages::sync_group::SyncGroupResponse;
use protocol::payloads::GroupMetadataKey;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

impl<'a> View<'a> {
    /// The consumer group that a classic group would be. The classic group stays as it is until the records are in the
    /// log.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND` when the group must not change, `UNKNOWN_SERVER_ERROR` when what its members own cannot be
    /// read.
    pub(super) fn upgrade(&mut self, id: &Text) -> Result<Draft<'a>, Refusal> {
        let record = self.hard.get(id).and_then(|group| group.classic.as_ref());
        let history = record.and_then(|record| record.unknown_tagged_fields.get(why::TAG)).cloned();
        let (generation, members) = {
            let now = self.now;
            match (self.soft.classic.get(id), record) {
                (Some(group), _) => (group.generation, self.taken_over(id, group)?),
                (None, Some(record)) => (record.generation, self.taken_over(id, &Classic::of_record(record, now))?),
                (None, None) => return Err(not_found(id)),
            }
        };
        let mut draft = Draft::new(id, Vec::new());
        draft.is_upgrade = true;
        // Also when there is no record of it yet: what is soft of the classic group goes with this one.
        draft.write(Record::GroupMetadata(GroupMetadataKey { group: id.clone() }, None));
        for (member_id, member) in &members {
            draft.write_profile(member_id, &member.profile);
        }
        let hash = metadata_hash(draft.group(), &self.world.image);
        draft.write_epoch(generation, hash, history);
        for (member_id, member) in &members {
            draft.write_target(member_id, &member.current.assigned.assignment());
        }
        draft.write_assignment_epoch(generation, self.now.wall);
        for (member_id, member) in &members {
            draft.write_current(member_id, &member.current);
        }
        Ok(draft)
    }

    /// The members of a classic group as members of a consumer group.
    fn taken_over(&self, id: &Text, group: &Classic) -> Result<Vec<(Text, Member)>, Refusal> {
        let settings = &self.world.settings;
        let is_of_consumers = group.protocol_type.as_ref().is_some_and(|name| *name == *CONSUMER);
        let fits = group.members.len() <= settings.consumer_max_size;
        if !settings.consumer_migration_policy.may_upgrade() || !is_of_consumers || !fits {
            let why = "a classic group that may not become a consumer group: see group.consumer.migration.policy";
            return Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("'{}' is {why}", id.as_str())));
        }
        let mut owned = BTreeSet::new();
        let members = group
            .members
            .iter()
            .map(|(member_id, member)| Ok((member_id.clone(), self.as_consumer(group, member, &mut owned)?)));
        members.collect()
    }

    fn as_consumer(
        &self,
        group: &Classic,
        member: &classic::Member,
        owned: &mut BTreeSet<(Uuid, PartitionId)>,
    ) -> Result<Member, Refusal> {
        let protocol = group.protocol.as_ref().or_else(|| member.protocols.first().map(|(name, _)| name));
        let metadata = protocol.map(|protocol| member.metadata(protocol)).unwrap_or_default();
        let subscription = embedded::subscription(&metadata).ok_or_else(|| unreadable(Unreadable::Malformed))?;
        let assignment = embedded::assignment(&member.assignment, &self.world.image).map_err(unreadable)?;
        // Whatever a leader wrote, a partition has one owner.
        let assignment = assignment.filtered(|topic, partition| owned.insert((topic, partition)));
        let epoch = member.epoch.unwrap_or(group.generation);
        let profile = Profile {
            instance_id: member.instance.clone(),
            rack_id: subscription.rack_id.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            topics: in_order(&subscription.topics).into(),
            pattern: Text::default(),
            rebalance_timeout_ms: in_ms(member.rebalance_timeout),
            assignor: None,
            classic: Some(Arc::new(ClassicProfile {
                session_timeout_ms: in_ms(member.session_timeout),
                protocols: member.protocols.clone(),
            })),
        };
        let current = Current {
            epoch,
            previous_epoch: epoch,
            assigned: assignment.iter().map(|(topic, partition)| Held { topic, partition, since: epoch }).collect(),
            ..Current::default()
        };
        Ok(Member { profile, current })
    }

    /// The conversion is decided: members that wait in the classic group are told to join again, and all sessions go on
    /// in the consumer group.
    pub(super) fn hand_over(&mut self, draft: &mut Draft<'_>) {
        model::mark!("a classic group became a consumer group");
        let id = draft.id.clone();
        for (member_id, member) in draft.group().members().clone() {
            if member.is_classic() {
                self.hear_of(&id, &member_id, &member);
            }
        }
        let Some(group) = self.soft.classic.get_mut(&id) else { return };
        let error = ErrorCode::RebalanceInProgress.code();
        let mut replies = Vec::new();
        for (member_id, member) in &mut group.members {
            if let Some((ticket, version)) = member.joining.take() {
                replies.push((ticket, Reply::JoinGroup(join_failure(version, member_id.clone(), error))));
            }
            if let Some(ticket) = member.syncing.take() {
                let response = SyncGroupResponse { error_code: error, ..Default::default() };
                replies.push((ticket, Reply::SyncGroup(response)));
            }
        }
        group.joining = 0;
        for (ticket, reply) in replies {
            self.reply(ticket, reply);
        }
    }
}

fn in_ms(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn unreadable(unreadable: Unreadable) -> Refusal {
    match unreadable {
        Unreadable::Malformed => {
            let message = "what a member of the classic group owns cannot be read, so the group stays classic";
            Refusal::new(ErrorCode::UnknownServerError, message)
        }
        Unreadable::UserData => {
            let message = "the classic group's assignor keeps data of its own, which a consumer group would lose";
            Refusal::new(ErrorCode::GroupIdNotFound, message)
        }
    }
}
