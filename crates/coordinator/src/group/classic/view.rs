//! What a decision about one classic group sees and may use.

use super::motion::{Classic, Trigger};
use crate::group::group_map::Group;
use crate::group::machine::{Reply, World};
use crate::group::timers::{Timer, Timers};
use crate::group::view::View;
use crate::group::why::Cause;
use crate::group::{GroupCoordinator, Settings};
use model::dice::Dice;
use model::state_machine::{Instant, Now, Outbox, Ticket};
use protocol::Text;
use std::collections::BTreeMap;
use std::ops::Bound::Included;

/// One group in motion, what the log says of it, and the coordinator's tools.
pub(crate) struct ClassicView<'a> {
    pub id: Text,
    pub group: &'a mut Classic,
    pub recorded: Option<&'a Group>,
    pub timers: &'a mut Timers,
    pub dice: &'a mut Dice,
    pub undo: &'a mut Option<Undo>,
    pub world: &'a World,
    pub now: Now,
    pub out: &'a mut Outbox<GroupCoordinator>,
}

/// What is to be taken back of soft state if the log refuses the records of this call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Undo {
    /// The assignment that a leader gave: nobody has heard of it, so the group rebalances.
    Assignment { group: Text },
}

impl View<'_> {
    /// The group in motion; none for one at rest, or one that is a consumer group by now.
    pub(crate) fn classic(&mut self, id: &Text) -> Option<ClassicView<'_>> {
        let consumer = self.hard.get(id).and_then(|group| group.consumer.as_ref());
        if consumer.is_some_and(|group| !group.is_empty()) {
            self.soft.classic.remove(id);
            return None;
        }
        let soft = &mut *self.soft;
        let (key, group) = entry_mut(&mut soft.classic, id)?;
        Some(ClassicView {
            id: key.clone(),
            group,
            recorded: self.hard.get(id),
            timers: &mut soft.timers,
            dice: &mut soft.dice,
            undo: &mut soft.undo,
            world: self.world,
            now: self.now,
            out: self.out,
        })
    }

    /// The group, set in motion from what the log says, or as a new one. For no consumer group.
    pub(crate) fn classic_or_new(&mut self, id: &Text) -> Option<ClassicView<'_>> {
        if !self.soft.classic.contains_key(id) {
            let recorded = self.hard.get(id).and_then(|group| group.classic.as_ref());
            let group = recorded.map_or_else(Classic::new, |record| Classic::of_record(record, self.now));
            self.soft.classic.insert(id.detached(), group);
        }
        self.classic(id)
    }

    /// This node coordinates now: members get a new session. Groups that are larger than they may be rebalance, and those
    /// that were consumer groups and have not yet.
    pub(crate) fn load_classic_groups(&mut self) {
        let hard = self.hard;
        let records = hard.groups.iter().filter_map(|(id, group)| Some((id, group.classic.as_ref()?)));
        for (id, record) in records.filter(|(_, record)| !record.members.is_empty()) {
            let Some(mut view) = self.classic_or_new(id) else { continue };
            for member in &record.members {
                view.arm_session(&member.member_id);
            }
            let cause = match view.group.was_consumer_group() {
                true => Cause::ProtocolMigrated,
                false if record.members.len() > view.settings().max_size => Cause::CoordinatorMoved,
                false => continue,
            };
            let nobody = Text::default();
            view.prepare_rebalance(Trigger::new(cause, &nobody, &nobody));
        }
    }

    /// A group of which the log says everything needs no soft state.
    pub(crate) fn settle_classic(&mut self, id: &Text) {
        if self.soft.classic.get(id).is_some_and(Classic::is_at_rest) {
            self.soft.classic.remove(id);
        }
    }
}

impl ClassicView<'_> {
    pub fn settings(&self) -> &Settings {
        &self.world.settings
    }

    pub fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.out.reply(ticket, reply);
    }

    pub fn arm_join(&mut self, by: Instant) {
        self.group.join_by = Some(by);
        self.timers.arm(by, Timer::Join { group: self.id.clone() });
    }
}

/// The entry of a key, with the map's own key, which costs no copy.
pub(super) fn entry_mut<'a, V>(map: &'a mut BTreeMap<Text, V>, key: &Text) -> Option<(&'a Text, &'a mut V)> {
    map.range_mut::<Text, _>((Included(key), Included(key))).next()
}
