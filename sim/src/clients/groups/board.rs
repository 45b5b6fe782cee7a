//! What is known in a run of all groups: who reads what now, and as whom somebody committed.

use client::group::Offsets;
use jepsen_lite::history::{GroupMember, Process};
use model::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// So many that committed are remembered of each group.
const REMEMBERED: usize = 200;

/// See the module's text.
#[derive(Default)]
pub struct Board(Mutex<State>);

#[derive(Default)]
struct State {
    marks: u64,
    /// By group and process.
    readers: BTreeMap<(String, Process), Reader>,
    /// By group, the oldest first.
    committed: BTreeMap<String, Vec<Committed>>,
}

/// A member that is there.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// The topics that it wants to read.
    pub topics: BTreeSet<String>,
    /// What it reads, and whether it knows where.
    pub reads: BTreeMap<TopicPartition, bool>,
}

/// What a member has committed, or had reached.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The member.
    pub by: GroupMember,
    /// The offsets.
    pub offsets: Offsets,
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

    /// How a member is; none when it is no member any more.
    pub fn shows(&self, group: &str, process: Process, reader: Option<Reader>) {
        let key = (group.to_owned(), process);
        let mut state = self.state();
        match reader {
            Some(reader) => drop(state.readers.insert(key, reader)),
            None => drop(state.readers.remove(&key)),
        }
    }

    /// The members of a group that are there.
    pub fn readers(&self, group: &str) -> Vec<Reader> {
        let state = self.state();
        state.readers.iter().filter(|((of, _), _)| of == group).map(|(_, reader)| reader.clone()).collect()
    }

    /// A member has got so far.
    pub fn committed(&self, group: &str, by: GroupMember, offsets: Offsets) {
        let mut state = self.state();
        let committed = state.committed.entry(group.to_owned()).or_default();
        committed.push(Committed { by, offsets });
        if committed.len() > REMEMBERED {
            committed.remove(0);
        }
    }

    /// A member as it was some time ago, in 65,536ths of what is known.
    pub fn somebody(&self, group: &str, which: u16) -> Option<Committed> {
        let state = self.state();
        let committed = state.committed.get(group)?;
        committed.get(usize::from(which) * committed.len() / 65_536).cloned()
    }
}
