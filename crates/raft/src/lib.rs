//! The metadata quorum: Raft as a plain machine, with observers, snapshots, founding and voters that change one by one.
//!
//! Words are Kafka's. A leader's term is its *epoch*. Each entry has one *offset*; ends are exclusive: the *log end
//! offset* is the offset of the next entry, and all below the *high watermark* is committed.
//!
//! [`Raft`] is called with what happens and the time in hand; what it wants done comes out of
//! [`take_effects`](Raft::take_effects), in order. It writes before it speaks: a message that promises something stands
//! after the persistence effect that makes the promise good.

mod config;
mod dice;
mod durable;
mod effect;
mod election;
mod encoding;
mod following;
mod founding;
mod leading;
mod log;
mod membership;
mod message;
mod progress;
mod raft;
mod search;
mod snapshot_transfer;
mod transfer;
mod views;
mod voters;

pub use config::Config;
pub use durable::{Durable, Entry, HardState, Payload, Snapshot};
pub use effect::Effect;
pub use founding::{Founding, Obstacle};
pub use leading::NotLeader;
pub use membership::{VoterChange, VoterChangeError};
pub use message::{Body, Chunk, LogEnd, Message, ProbeAnswer};
pub use raft::Raft;
pub use views::{ReplicaProgress, Role};
pub use voters::{Endpoint, ReplicaKey, Voter, Voters};
