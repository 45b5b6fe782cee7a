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
    owned: BTreeSet<TopicPartition>,
    /// Whether a poll is under way.
    polling: bool,
    last_poll: Instant,
}

impl Shared {
    pub fn new(config: GroupConfig) -> Shared {
        let state = State { life: 0, speaker: None, owned: BTreeSet::new(), polling: false, last_poll: Instant::now() };
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
    pub fn owns(&self, owned: BTreeSet<TopicPartition>) {
        self.state().owned = owned;
    }

    /// As whom an attempt is made to commit offsets that were taken `by` this speaker in that life: as the same one, or,
    /// while they are all its own still, as whom it has become. Others may have committed theirs since otherwise.
    ///
    /// # Errors
    /// It is no member any more, or not the one that read these.
    pub fn speaker_for<'a>(
        &self,
        by: &Speaker,
        life: u64,
        mut partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> Result<Speaker> {
        let state = self.state();
        let refuse = |error| Err(not_a_member(&self.config.group_id, error));
        match &state.speaker {
            _ if state.life != life => refuse(ErrorCode::UnknownMemberId),
            None => refuse(ErrorCode::UnknownMemberId),
            Some(speaker) if speaker.generation == by.generation => Ok(speaker.clone()),
            Some(speaker) if partitions.all(|of| state.owned.contains(of)) => Ok(speaker.clone()),
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
