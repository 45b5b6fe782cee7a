//! Between brokers: followers fetch from leaders, and leaders tell the controller who is in sync.

pub mod fetch_round;
mod fetcher;
mod fetchers;
mod follower_session;
pub mod isr_changes;

pub use fetchers::Fetchers;
pub use follower_session::{DURABLE_END, PARTITION_EPOCH};
pub use isr_changes::IsrChanges;
