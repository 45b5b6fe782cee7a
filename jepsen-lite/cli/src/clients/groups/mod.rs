//! Groups of readers: who is in them, what has to come back to them once all is well, and what they have committed.

mod board;
mod listener;
mod lookups;
mod member;
mod witness;

pub use board::Board;
pub use lookups::look_up_everything;

use super::{FOUNDER, Surroundings};
use client::GroupProtocol;
use jepsen_lite::history::{Action, Answer, Outcome, Process};
use model::TopicPartition;
use runtime::task::{self, JoinHandle};
use runtime::time::{Duration, Instant, sleep};
use std::sync::Arc;

/// One group by each protocol.
const CREWS: [(&str, GroupProtocol); 2] =
    [("crew-classic", GroupProtocol::Classic), ("crew-consumer", GroupProtocol::Consumer)];
/// Members of a group.
const MEMBERS: u32 = 3;
const FIRST_MEMBER: Process = 50;
const FIRST_LOOKUP: Process = 80;
/// Everything is read by somebody within this time.
const WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// A group of this run.
#[derive(Clone)]
pub struct Crew {
    /// Its name.
    pub name: String,
    /// By which protocol.
    pub protocol: GroupProtocol,
    /// What its members show.
    pub board: Arc<Board>,
    /// What clients know.
    pub around: Surroundings,
}

impl Crew {
    /// All groups; what they commit is numbered over all of them.
    pub fn all(around: &Surroundings) -> Vec<Crew> {
        let board: Arc<Board> = Arc::default();
        let crew = |(name, protocol): (&str, GroupProtocol)| Crew {
            name: name.to_owned(),
            protocol,
            board: board.clone(),
            around: around.clone(),
        };
        CREWS.map(crew).to_vec()
    }

    /// Starts its members, and one who asks what it has committed. `number`: which group of the run it is.
    pub fn start(&self, number: u32) -> Vec<JoinHandle<()>> {
        let first = FIRST_MEMBER + number * MEMBERS;
        let members =
            (first..first + MEMBERS).map(|process| task::spawn("member", member::live(self.clone(), process)));
        members.chain([task::spawn("lookups", lookups::live(self.clone(), FIRST_LOOKUP + number))]).collect()
    }

    /// What is missing from it: each partition is to be read by one member that knows where.
    fn missing(&self) -> Option<String> {
        let read = |of: &TopicPartition| self.board.readers_of(&self.name, of);
        self.around.partitions().iter().find_map(|partition| match &read(partition)[..] {
            [] => Some(format!("nobody reads {partition}")),
            [true] => None,
            [false] => Some(format!("its reader does not know where to read {partition}")),
            readers => Some(format!("{} read {partition}", readers.len())),
        })
    }
}

/// Waits until each partition is read by one member of each group, and writes down which groups do not come to that.
pub async fn await_groups(crews: &[Crew]) {
    let deadline = Instant::now() + WITHIN;
    for crew in crews {
        let chronicle = &crew.around.chronicle;
        let operation = chronicle.invoke(FOUNDER, Action::AwaitGroup { group: crew.name.clone() });
        let outcome = loop {
            match crew.missing() {
                None => break Outcome::Ok(Answer::Done),
                Some(why) if Instant::now() >= deadline => break Outcome::Fail(format!("{why} after {WITHIN:?}")),
                Some(_) => sleep(POLL).await,
            }
        };
        chronicle.complete(operation, outcome);
    }
}
