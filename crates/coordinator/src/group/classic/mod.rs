//! The classic protocol: members join, the leader assigns, everyone fetches its assignment.
//!
//! A group in motion is soft state: the log has a generation only once its leader has assigned it (or nobody is left),
//! so a new coordinator goes on from the last assignment, and members of a generation that was never assigned join
//! again. A group whose log says all there is to say (empty, nobody expected) has no soft state.

mod check;
mod describe;
mod heartbeat;
mod join;
mod leave;
mod member;
mod motion;
mod promises;
mod protocols;
mod rebalance;
mod record;
mod requests;
mod sessions;
mod static_members;
mod subscription;
mod sync;
mod view;

pub(crate) use join::Joining;
pub(crate) use member::Member;
pub(crate) use motion::{Classic, State, Trigger};
pub(crate) use subscription::{Subscription, subscription_of_record};
pub(crate) use view::{ClassicView, Undo};
