//! A producer for one partition, on one connection at a time. What is not answered is sent again, in order, on the next
//! connection.

mod identity;
mod lane;
pub mod library;
mod lone_records;
mod requests;

use super::surroundings::{Client, Phase};
use crate::plan::{ProducerHabit, WriteStep};
use lane::Lane;
pub use lone_records::LoneRecords;
use runtime::time::{Duration, Instant};

/// Takes the steps, then waits for what is on its way.
pub async fn live(client: Client, habit: ProducerHabit, steps: Vec<WriteStep>) {
    let mut lane = Lane::new(client.clone(), habit);
    for step in steps {
        lane.work_until(Instant::now() + Duration::from_micros(u64::from(step.pause)), Phase::Faults).await;
        lane.make_room().await;
        if client.is_past(Phase::Faults) {
            break;
        }
        lane.write(step);
    }
    lane.finish().await;
}
