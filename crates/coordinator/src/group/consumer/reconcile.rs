//! The way of one member to its target: give up first, then take what others have given up.

use super::holdings::{Held, Holdings};
use super::member::{Current, State};
use crate::assignor::Assignment;
use model::{PartitionId, Uuid};
use protocol::messages::consumer_group_heartbeat::TopicPartitions;

/// What a member's next step depends on.
pub struct Step<'a> {
    /// What it has.
    pub current: &'a Current,
    /// The epoch of the target assignment.
    pub target_epoch: i32,
    /// What it is to own.
    pub target: &'a Assignment,
    /// What it says that it owns; none when it did not say.
    pub owned: Option<&'a [TopicPartitions]>,
    /// Whether it subscribes to a topic that is there.
    pub subscribes: &'a dyn Fn(Uuid) -> bool,
    /// Whether another member holds a partition.
    pub is_taken: &'a dyn Fn(Uuid, PartitionId) -> bool,
    /// Its subscription has changed just now.
    pub has_new_subscription: bool,
}

impl Step<'_> {
    /// What the member has after the step; as before when it cannot go on.
    pub fn take(&self) -> Current {
        let current = self.current;
        match current.state {
            State::Stable if current.epoch != self.target_epoch => self.toward_target(),
            State::Stable if self.has_new_subscription => self.give_up_unsubscribed(),
            State::Stable => current.clone(),
            State::Revoking if !self.has_given_up(&current.revoking) => {
                if self.has_new_subscription {
                    self.give_up_unsubscribed()
                } else {
                    current.clone()
                }
            }
            State::Revoking | State::Waiting | State::Unknown => self.toward_target(),
        }
    }

    /// Whether the member says that it owns none of these any more.
    fn has_given_up(&self, revoking: &Holdings) -> bool {
        let Some(owned) = self.owned else { return false };
        let still = |topic: &TopicPartitions| topic.partitions.iter().any(|p| revoking.contains(topic.topic_id, *p));
        !owned.iter().any(still)
    }

    fn toward_target(&self) -> Current {
        let wanted = self.target.filtered(|topic, _| (self.subscribes)(topic));
        let (kept, revoking): (Vec<Held>, Vec<Held>) =
            self.current.assigned.iter().partition(|held| wanted.contains(held.topic, held.partition));
        let (kept, revoking): (Holdings, Holdings) = (kept.into_iter().collect(), revoking.into_iter().collect());
        if !revoking.is_empty() && !self.has_given_up(&revoking) {
            return self.with(self.current.epoch, State::Revoking, kept, revoking);
        }
        let lacking = wanted.filtered(|topic, partition| !kept.contains(topic, partition));
        let is_free = |topic, partition| {
            // What it is giving up itself is its own to take back.
            !(self.is_taken)(topic, partition) || model::planted!("assigned-before-given-up")
        };
        let free = lacking.filtered(is_free);
        let state = if free.len() == lacking.len() { State::Stable } else { State::Waiting };
        let since = self.target_epoch;
        let taken: Holdings = free.iter().map(|(topic, partition)| Held { topic, partition, since }).collect();
        self.with(self.target_epoch, state, kept.united(&taken), Holdings::default())
    }

    /// Only what the member no longer subscribes to goes; the rest waits for the next target.
    fn give_up_unsubscribed(&self) -> Current {
        let current = self.current;
        let (kept, unsubscribed): (Vec<Held>, Vec<Held>) =
            current.assigned.iter().partition(|held| (self.subscribes)(held.topic));
        if unsubscribed.is_empty() {
            return current.clone();
        }
        let kept: Holdings = kept.into_iter().collect();
        let revoking = current.revoking.united(&unsubscribed.into_iter().collect());
        if self.has_given_up(&revoking) {
            return self.with(current.epoch, current.state, kept, current.revoking.clone());
        }
        self.with(current.epoch, State::Revoking, kept, revoking)
    }

    fn with(&self, epoch: i32, state: State, assigned: Holdings, revoking: Holdings) -> Current {
        Current { epoch, previous_epoch: self.current.epoch, state, assigned, revoking }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Uuid = Uuid([1; 16]);

    fn holdings(partitions: &[PartitionId], since: i32) -> Holdings {
        partitions.iter().map(|partition| Held { topic: TOPIC, partition: *partition, since }).collect()
    }

    fn target(partitions: &[PartitionId]) -> Assignment {
        partitions.iter().map(|partition| (TOPIC, *partition)).collect()
    }

    fn step(current: &Current, target_epoch: i32, wanted: &[i32], owned: Option<&[i32]>, taken: &[i32]) -> Current {
        let owned =
            owned.map(|owned| [TopicPartitions { topic_id: TOPIC, partitions: owned.to_vec(), ..Default::default() }]);
        Step {
            current,
            target_epoch,
            target: &target(wanted),
            owned: owned.as_ref().map(|owned| owned.as_slice()),
            subscribes: &|_| true,
            is_taken: &|_, partition| taken.contains(&partition),
            has_new_subscription: false,
        }
        .take()
    }

    #[test]
    fn a_member_gives_up_before_it_goes_on() {
        let start = Current { epoch: 1, previous_epoch: 0, assigned: holdings(&[0, 1], 1), ..Current::default() };
        let told = step(&start, 2, &[1, 2], None, &[2]);
        assert_eq!((told.epoch, told.state), (1, State::Revoking));
        assert_eq!((&told.assigned, &told.revoking), (&holdings(&[1], 1), &holdings(&[0], 1)));
        assert_eq!(step(&told, 2, &[1, 2], Some(&[0, 1]), &[2]), told, "it still owns what it should give up");
        assert_eq!(step(&told, 2, &[1, 2], None, &[2]), told, "it did not say what it owns");
        let waiting = step(&told, 2, &[1, 2], Some(&[1]), &[2]);
        assert_eq!((waiting.epoch, waiting.previous_epoch, waiting.state), (2, 1, State::Waiting));
        assert!(waiting.revoking.is_empty());
        let stable = step(&waiting, 2, &[1, 2], None, &[]);
        assert_eq!((stable.epoch, stable.state), (2, State::Stable));
        assert_eq!(stable.assigned, holdings(&[1], 1).united(&holdings(&[2], 2)));
    }

    #[test]
    fn a_member_that_owns_nothing_any_more_has_given_up_at_once() {
        let start = Current { epoch: 1, assigned: holdings(&[0, 1], 1), ..Current::default() };
        let stable = step(&start, 2, &[5], Some(&[]), &[]);
        assert_eq!((stable.epoch, stable.state), (2, State::Stable));
        assert_eq!(stable.assigned, holdings(&[5], 2));
    }

    #[test]
    fn a_topic_that_is_not_subscribed_to_any_more_goes_before_the_next_target() {
        let start = Current { epoch: 3, assigned: holdings(&[0], 2), ..Current::default() };
        let after = Step {
            current: &start,
            target_epoch: 3,
            target: &target(&[0]),
            owned: None,
            subscribes: &|_| false,
            is_taken: &|_, _| false,
            has_new_subscription: true,
        }
        .take();
        assert_eq!((after.epoch, after.state), (3, State::Revoking));
        assert_eq!((&after.assigned, &after.revoking), (&Holdings::default(), &holdings(&[0], 2)));
    }
}
