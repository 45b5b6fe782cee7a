//! Consumer groups: members with the `client` crate's group consumer, and others who commit by hand.

mod awaited;
mod board;
mod by_hand;
pub mod committer;
mod coordinators;
mod listener;
pub mod member;
mod outcome;
mod witness;

pub use awaited::{await_groups, look_up_everything};
pub use board::Board;
