//! One group, its members and its coordinator in memory, drawn and run by a seed: members come, go, crash, fall silent,
//! subscribe to something else and lose answers; some speak the classic protocol,
//! so that the group goes over and back; topics come, grow and go; coordinators are deposed, and their log is
//! compacted or refuses what it is given.

mod classic_member;
pub mod coordinator;
mod member;
mod run;

/// What a run has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Things that happened.
    pub events: u64,
    /// Records in the log at the end.
    pub records: usize,
    /// The last group epoch.
    pub epoch: i32,
    /// Partitions that changed hands.
    pub handed_over: u64,
}

/// What did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In a few words.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

impl Violation {
    fn new(invariant: &'static str, what: String) -> Violation {
        Violation { invariant, what }
    }
}

/// Plays a seed to its end.
///
/// # Errors
/// The first invariant that did not hold.
pub fn play(seed: u64) -> Result<Outcome, Violation> {
    run::Run::new(seed).play()
}
