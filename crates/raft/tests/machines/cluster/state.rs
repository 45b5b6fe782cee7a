//! The driver's state: a hash of all that was applied, and how many offsets that is. Its snapshot has more bytes than it
//! needs, all of which follow from it: a snapshot put together from two is noticed.

use bytes::Bytes;
use model::Offset;
use raft::{Entry, Payload};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub end: Offset,
    pub hash: u64,
}

impl State {
    pub fn apply(&mut self, entry: &Entry) {
        self.hash = mix(self.hash ^ content(entry));
        self.end += 1;
    }

    pub fn encode(&self) -> Bytes {
        let mut bytes = [self.end.to_le_bytes(), self.hash.to_le_bytes()].concat();
        let mut filling = self.hash;
        for _ in 0..8 + self.hash % 24 {
            filling = mix(filling);
            bytes.extend(filling.to_le_bytes());
        }
        bytes.into()
    }

    /// The state that was encoded so; `None` when none was.
    pub fn decode(bytes: &Bytes) -> Option<State> {
        let word = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let state = State { end: word(0)? as Offset, hash: word(8)? };
        (state.encode() == bytes).then_some(state)
    }
}

/// What an entry says, as a number.
pub fn content(entry: &Entry) -> u64 {
    let said = match &entry.payload {
        Payload::LeaderChange => 1,
        Payload::Voters(voters) => voters.keys().fold(2, |hash, key| {
            let directory = u64::from_le_bytes(key.directory.0[..8].try_into().expect("eight bytes"));
            mix(hash ^ mix(key.id as u64 ^ directory))
        }),
        Payload::Data(bytes) => bytes.chunks(8).fold(3, |hash, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix(hash ^ u64::from_le_bytes(word))
        }),
    };
    mix(said ^ entry.epoch as u64)
}

fn mix(bits: u64) -> u64 {
    let bits = (bits ^ 0x51_7cc1_b727_220a).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^ (bits >> 29)
}
