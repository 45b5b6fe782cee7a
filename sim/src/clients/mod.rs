//! The clients of a run, each a node of its own with one habit. They speak the wire protocol by hand: what a client
//! library would hide (sequences, sessions, what was sent when a connection broke) is what is tested here. One of them
//! is the library, so that it is tested too.

mod admin;
mod chronicle;
mod deeds;
mod delete_records;
mod fetched;
mod follower;
mod groups;
mod lookups;
mod moves;
mod producer;
mod reader;
mod routes;
mod scan;
mod surroundings;
mod wire;

pub use admin::{ask_for_metadata, create_topics};
pub use chronicle::{Chronicle, Observer};
pub use deeds::look_at_deeds;
pub use groups::{await_groups, look_up_everything};
pub use lookups::{look_up_bounds_and_times, look_up_end};
pub use producer::LoneRecords;
pub use routes::Routes;
pub use scan::scan;
pub use surroundings::{Client, Phase, Surroundings};

use crate::plan::{ClientPlan, Habit};

/// Lives the life of a client: the steps of its plan while there are faults, then what its habit does at the end.
pub async fn live(client: Client, plan: ClientPlan) {
    match plan.habit {
        Habit::Producer(habit, steps) => producer::live(client, habit, steps).await,
        Habit::Library(habit, steps) => producer::library::live(client, habit, steps).await,
        Habit::Follower(habit, pauses) => follower::live(client, habit, pauses).await,
        Habit::Reader(steps) => reader::live(client, steps).await,
        Habit::Lookups(steps) => lookups::live(client, steps).await,
        Habit::Admin(steps) => admin::live(client, steps).await,
        Habit::Member(habit, deeds) => groups::member::live(client, habit, deeds).await,
        Habit::Committer(group, deeds) => groups::committer::live(client, group, deeds).await,
    }
}
