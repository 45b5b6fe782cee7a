//! The consumer protocol (KIP-848): members say what they subscribe to, and are told what they own.
//!
//! A *group epoch* rises with each change that asks for another assignment. The *target assignment* says what each
//! member is to own, as of an assignment epoch. Each member comes to that epoch on its own, with its heartbeats: it gives
//! up what it is not to own any more, and says so; only then is what others gave up its own. So a partition has one owner
//! at any time, and nobody waits who need not.

mod classic_members;
mod describe;
mod downgrade;
mod draft;
mod embedded;
mod heartbeat;
mod history;
mod holdings;
mod leave;
mod member;
mod metadata_hash;
mod offsets;
mod open;
mod pattern;
mod reconcile;
mod refusal;
mod replay;
mod request;
mod soft;
mod state;
mod subscription;
mod target;
mod upgrade;

pub(crate) use draft::tombstones;
pub(crate) use soft::{ConsumerSoft, Timer};
pub(crate) use state::ConsumerGroup;
