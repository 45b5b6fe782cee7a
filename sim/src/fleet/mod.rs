//! Many seeds, one process each: a process-wide counter or hash seed in a dependency cannot leak from one run into the
//! next.

pub mod check;
mod children;
mod clean_runs;
pub mod hunt;
pub mod judge;
pub mod ledger;
pub mod marks;
pub mod menu;
pub mod planted;
pub mod replay;
pub mod report;
pub mod seeds;
pub mod shrink;

pub use children::{Child, Ended, run_each};
pub use report::{Ending, RunReport};

use crate::profile::Profile;

/// What to run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first seed.
    pub from: u64,
    /// So many seeds.
    pub count: u64,
    /// So many processes at the same time.
    pub jobs: usize,
    /// What is asked of a run.
    pub profile: Profile,
    /// What each run is told besides its seed.
    pub arguments: Vec<String>,
}

impl Request {
    /// The same for worlds of another profile, and so many seeds.
    pub fn of_profile(&self, profile: &Profile, count: u64) -> Request {
        let mut arguments = self.arguments.clone();
        if let Some(at) = arguments.iter().position(|argument| argument == "--profile") {
            arguments.drain(at..at + 2);
        }
        arguments.extend(["--profile".to_owned(), profile.name.to_owned()]);
        Request { count, profile: *profile, arguments, ..self.clone() }
    }

    /// The command that shows one seed again.
    pub fn command(&self, seed: u64) -> String {
        let mut words = vec!["cargo sim --seed".to_owned(), seed.to_string()];
        words.extend(self.arguments.iter().cloned());
        words.join(" ")
    }
}
