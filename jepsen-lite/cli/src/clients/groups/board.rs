//! What members of groups show each other: who reads what now. And the numbers of commits.

use jepsen_lite::history::Process;
use model::TopicPartition;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// What a member reads, and whether it knows where.
pub type Reads = BTreeMap<TopicPartition, bool>;

/// See the module's text.
#[derive(Default)]
pub struct Board(Mutex<State>);

#[derive(Default)]
struct State {
    marks: u64,
    /// By group and process.
    readers: BTreeMap<(String, Process), Reads>,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic inside")
    }

    /// A number that no commit has had yet.
    pub fn mark(&self) -> u64 {
        let mut state = self.state();
        state.marks += 1;
        state.marks
    }

    /// What a member reads now; nothing when it is no member.
    pub fn shows(&self, group: &str, process: Process, reads: Reads) {
        self.state().readers.insert((group.to_owned(), process), reads);
    }

    /// For each member that reads a partition, whether it knows where.
    pub fn readers_of(&self, group: &str, partition: &TopicPartition) -> Vec<bool> {
        let state = self.state();
        let members = state.readers.iter().filter(|((of, _), _)| of == group);
        members.filter_map(|(_, reads)| reads.get(partition).copied()).collect()
    }
}
