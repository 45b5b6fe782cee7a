//! A consumer group becomes a classic group when only members of the classic protocol are left in it (KIP-848). They go
//! on owning what they own, and rebalance among themselves.

use super::draft::Draft;
use super::embedded::{self, CONSUMER};
use super::member::Member;
use super::state::ConsumerGroup;
use crate::group::classic::{self, Classic, ClassicView, Trigger};
use crate::group::machine::Client;
use crate::group::records::Record;
use crate::group::view::View;
use crate::group::why::{self, Cause};
use model::metadata_image::MetadataImage;
use model::state_machine::Now;
use protocol::Text;
use std::time::Duration;

impl View<'_> {
    /// Whether this group, without those that leave, should be a classic one.
    pub(super) fn should_be_classic(&self, group: &ConsumerGroup, leaving: &[Text]) -> bool {
        let settings = &self.world.settings;
        let left = group.members().len() - leaving.iter().filter(|id| group.member(id).is_some()).count();
        let speaks_classic =
            |(id, member): (&Text, &std::sync::Arc<Member>)| member.is_classic() || leaving.contains(id);
        settings.consumer_migration_policy.may_downgrade()
            && (1..=settings.max_size).contains(&left)
            && group.members().iter().all(speaks_classic)
    }

    /// Makes the group a classic one, without those that leave. `who` set it off.
    pub(super) fn downgrade(&mut self, mut draft: Draft<'_>, leaving: &[Text], who: &Text, client: &Text) {
        model::mark!("a consumer group became a classic group");
        let (id, image, now) = (draft.id.clone(), &self.world.image, self.now);
        let group = draft.group();
        let history = group.history.clone();
        let classic = as_classic(group, leaving, image, now);
        draft.remove_group();
        self.out.records.extend(draft.into_records());
        let members: Vec<Text> = classic.members.keys().cloned().collect();
        self.soft.classic.insert(id.detached(), classic);
        let soft = &mut *self.soft;
        let Some(group) = soft.classic.get_mut(&id) else { return };
        let mut view = ClassicView {
            id,
            group,
            recorded: None,
            timers: &mut soft.timers,
            dice: &mut soft.dice,
            undo: &mut soft.undo,
            world: self.world,
            now,
            out: self.out,
        };
        view.write_group();
        if let (Some(history), Some(Record::GroupMetadata(_, Some(value)))) = (history, view.out.records.last_mut()) {
            value.unknown_tagged_fields.insert(why::TAG, history);
        }
        members.iter().for_each(|member| view.arm_session(member));
        view.prepare_rebalance(Trigger::new(Cause::ProtocolMigrated, who, client));
    }
}

fn as_classic(group: &ConsumerGroup, leaving: &[Text], image: &MetadataImage, now: Now) -> Classic {
    let mut classic = Classic::new();
    classic.generation = group.epoch;
    classic.assigned = Some(group.epoch);
    classic.protocol_type = Some(Text::from_static(CONSUMER));
    for (id, member) in group.members().iter().filter(|(id, _)| !leaving.contains(id)) {
        if let Some(member) = as_classic_member(member, image, now) {
            classic.insert(id.clone(), member);
        }
    }
    classic.turn(classic::State::Stable, now);
    classic.protocol = classic.choose_protocol();
    classic
}

/// What it has not given up yet is its own too: the next coordinator may have to make the group a consumer group again
/// before this member has heard of anything.
fn as_classic_member(member: &Member, image: &MetadataImage, now: Now) -> Option<classic::Member> {
    let (profile, classic) = (&member.profile, member.profile.classic.as_ref()?);
    let owned = member.current.assigned.united(&member.current.revoking);
    let timeout = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    Some(classic::Member {
        instance: profile.instance_id.clone(),
        client: Client { id: profile.client_id.clone(), host: profile.client_host.clone() },
        rebalance_timeout: timeout(profile.rebalance_timeout_ms),
        session_timeout: timeout(classic.session_timeout_ms),
        protocols: classic.protocols.clone(),
        assignment: embedded::assignment_for(classic, &owned.assignment(), image),
        epoch: Some(member.current.epoch),
        joining: None,
        syncing: None,
        synced: true,
        is_new: false,
        heard: now,
        armed: None,
    })
}
