//! What a member's poll and its task in the background know together, and what they tell each other.

use super::GroupConfig;
use super::offsets::Speaker;
use super::wish::Wish;
use crate::error::{ClientError, Result};
use model::{ErrorCode, TopicPartition, Uuid};
use runtime::sync::oneshot;
use runtime::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a member reads, with the id of each topic; zero where ids play no part.
pub(super) type Owned = BTreeMap<TopicPartition, Uuid>;

/// What the task tells the next poll. Each is numbered, and answered with [`Command::Done`].
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub number: u64,
    /// The membership it is about; those before it are over.
    pub life: u64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// The group rebalances, and this member is to join: it lets go of what it has to.
    Prepare,
    /// It is to read these and no others.
    Assigned(Owned),
    /// It is no member any more, and reads nothing.
    Lost,
    /// It cannot be a member.
    Failed(ClientError),
}

/// What a poll tells the task.
#[derive(Debug)]
pub(super) enum Command {
    /// It wants to read this from now on.
    Subscribe(Wish),
    /// An event was dealt with.
    Done { number: u64, owned: BTreeSet<TopicPartition> },
    /// The group is to rebalance.
    Rejoin,
    /// It is to be no member any more. Sent on when it is not, or when nobody could be told.
    Leave(oneshot::Sender<()>),
}

/// What both know.
#[derive(Debug)]
pub(super) struct Shared {
    pub config: GroupConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Counts memberships: grows with each one that ends.
    life: u64,
    speaker: Option<Speaker>,
    /// What it reads, and since which change of that.
    owned: BTreeMap<TopicPartition, u64>,
    changes: u64,
    /// Whether a poll is under way.
    polling: bool,
    last_poll: Instant,
}

impl Shared {
    pub fn new(config: GroupConfig) -> Shared {
        let (owned, last_poll) = (BTreeMap::new(), Instant::now());
        let state = State { life: 0, speaker: None, owned, changes: 0, polling: false, last_poll };
        Shared { config, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside")
    }

    /// Counts memberships.
    pub fn life(&self) -> u64 {
        self.state().life
    }

    /// It is a member, under this id and in this generation or epoch.
    pub fn is_member(&self, member_id: &Arc<str>, generation: i32) {
        let instance_id = self.config.instance_id.as_deref().map(Arc::from);
        self.state().speaker = Some(Speaker { member_id: member_id.clone(), generation, instance_id });
    }

    /// It is no member any more.
    pub fn is_none(&self) {
        let mut state = self.state();
        state.speaker = None;
        state.life += 1;
    }

    /// As whom it speaks; none while it is no member.
    pub fn speaker(&self) -> Option<Speaker> {
        self.state().speaker.clone()
    }

    /// It reads these from now on.
    pub fn owns(&self, owned: impl Iterator<Item = TopicPartition>) {
        let mut state = self.state();
        state.changes += 1;
        let (now, before) = (state.changes, std::mem::take(&mut state.owned));
        state.owned = owned.map(|of| before.get(&of).map_or((of.clone(), now), |since| (of.clone(), *since))).collect();
    }

    /// As whom offsets are committed that are taken now; none while it is no member.
    pub fn taken(&self) -> Option<Taken> {
        let state = self.state();
        let (life, changes) = (state.life, state.changes);
        state.speaker.clone().map(|by| Taken { by, life, changes })
    }

    /// As whom an attempt is made to commit offsets: as who took them, or, while they have all been its own since, as whom
    /// it has become. Others may have committed theirs in between otherwise.
    ///
    /// # Errors
    /// It is no member any more, or not the one that read these.
    pub fn speaker_for<'a>(
        &self,
        taken: &Taken,
        mut partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> Result<Speaker> {
        let state = self.state();
        let refuse = |error| Err(not_a_member(&self.config.group_id, error));
        let is_kept = |of: &TopicPartition| state.owned.get(of).is_some_and(|since| *since <= taken.changes);
        match &state.speaker {
            _ if state.life != taken.life => refuse(ErrorCode::UnknownMemberId),
            None => refuse(ErrorCode::UnknownMemberId),
            Some(speaker) if speaker.generation == taken.by.generation => Ok(speaker.clone()),
            Some(speaker) if partitions.all(is_kept) => Ok(speaker.clone()),
            Some(_) => refuse(ErrorCode::IllegalGeneration),
        }
    }

    /// A poll begins; the other end is when what this gives is dropped.
    pub fn polling(self: &Arc<Shared>) -> Polling {
        let mut state = self.state();
        (state.polling, state.last_poll) = (true, Instant::now());
        Polling(self.clone())
    }

    /// When the member counts as stuck, if it does not poll; none while it polls.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let state = self.state();
        (!state.polling).then(|| state.last_poll + self.config.max_poll_interval)
    }
}

/// When offsets were taken to be committed, and by whom.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    by: Speaker,
    life: u64,
    changes: u64,
}

/// While it is there somebody polls.
#[derive(Debug)]
pub(super) struct Polling(Arc<Shared>);

impl Drop for Polling {
    fn drop(&mut self) {
        let mut state = self.0.state();
        (state.polling, state.last_poll) = (false, Instant::now());
    }
}

/// What is wrong with a commit of who is no member, or not the one that it was.
pub(super) fn not_a_member(group: &str, error: ErrorCode) -> ClientError {
    let message = Some("the group has rebalanced without this member; poll to join it again");
    ClientError::refused(format!("committing offsets in group {group}"), error, message)
}

#[cfg(test)]
mod tests {
    use super::super::assignors::testing::partitions;
    use super::*;

    #[test]
    fn offsets_are_committed_in_a_later_generation_only_while_nobody_else_can_have_read_the_partition() {
        let shared = Shared::new(GroupConfig::of("g"));
        let speaks = |taken: &Taken, of: &str| {
            shared
                .speaker_for(taken, partitions(of).iter())
                .map(|speaker| speaker.generation)
                .map_err(|e| e.error_code())
        };
        assert!(shared.taken().is_none());
        shared.is_member(&"m".into(), 1);
        shared.owns(partitions("t-0 t-1").into_iter());
        let taken = shared.taken().unwrap();
        assert_eq!(speaks(&taken, "t-0 t-1 u-9"), Ok(1), "whatever it commits for itself");
        shared.is_member(&"m".into(), 2);
        shared.owns(partitions("t-0").into_iter());
        assert_eq!(speaks(&taken, "t-0"), Ok(2));
        assert_eq!(speaks(&taken, "t-0 t-1"), Err(Some(ErrorCode::IllegalGeneration)));
        shared.owns(partitions("t-0 t-1").into_iter());
        assert_eq!(speaks(&taken, "t-1"), Err(Some(ErrorCode::IllegalGeneration)), "another one may have had it");
        shared.is_none();
        shared.is_member(&"m".into(), 3);
        assert_eq!(speaks(&taken, "t-0"), Err(Some(ErrorCode::UnknownMemberId)));
    }
}
