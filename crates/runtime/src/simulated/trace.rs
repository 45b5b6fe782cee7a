//! What happened, as a hash over structured events and as the last few of them. Two runs of one seed that hash alike did
//! the same disk and net operations, timer firings and client-visible results at the same times.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Since the simulation began.
    pub at: Duration,
    /// The node it happened on; 0 is the simulation itself.
    pub node: u64,
    /// What happened, in words.
    pub kind: &'static str,
    /// Ids, offsets and lengths, as the kind has them.
    pub values: [u64; 3],
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.at.as_secs(), self.at.subsec_nanos());
        let [a, b, c] = self.values;
        write!(f, "{seconds:>5}.{nanoseconds:09} node {} {} {a} {b} {c}", self.node, self.kind)
    }
}

#[derive(Default)]
pub(super) struct Trace {
    hash: u64,
    count: u64,
    keep: usize,
    print: bool,
    last: VecDeque<Event>,
}

impl Trace {
    pub fn new(keep: usize, print: bool) -> Trace {
        Trace { keep, print, ..Trace::default() }
    }

    pub fn record(&mut self, event: Event) {
        self.count += 1;
        self.mix(event.at.as_nanos() as u64);
        self.mix(event.node);
        let (words, rest) = event.kind.as_bytes().as_chunks();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.mix(rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
        event.values.into_iter().for_each(|value| self.mix(value));
        if self.print {
            eprintln!("{event}");
        }
        if self.keep > 0 {
            if self.last.len() == self.keep {
                self.last.pop_front();
            }
            self.last.push_back(event);
        }
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    pub fn hash(&self) -> u64 {
        self.hash ^ self.count
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn last(&self) -> impl Iterator<Item = &Event> {
        self.last.iter()
    }
}
