//! One replica of one partition: what a leader counts as committed, and how a follower becomes like it.
//!
//! Pure machines, driven by whoever owns the partition's log. A [`Leader`] lives as long as its leader epoch, a
//! [`Follower`] as long as it follows one leader in one epoch; with a new epoch in the image the owner makes a new
//! one. Neither touches the log: each is told how the log stands ([`OwnLog`], [`FollowerLog`]) after it moved, and a
//! follower says what is to be done to it ([`FollowerStep`]).
//!
//! A replica's fetch goes through [`check_fetch`] first, which compares its log with the leader's; only a
//! [`CheckedFetch`] can be given to [`Leader::fetched`], so progress of a log that differs cannot be counted.

pub mod cluster;
mod fetch_check;
mod follower;
mod leader;
mod own_log;
mod terms;

pub use fetch_check::{CheckedFetch, EndOfEpoch, EpochEnd, FetchCheck, FollowerFetch, LeaderLog, check_fetch};
pub use follower::{Batches, FetchAnswer, FetchToken, Follower, FollowerLog, FollowerStep, Following, Wanted};
pub use leader::{
    Acknowledged, Brokers, IsrAnswer, IsrProposal, Leader, ProposalId, ReplicaProgress, UNKNOWN_BROKER_EPOCH,
};
pub use own_log::OwnLog;
pub use terms::Terms;
