//! Good frames: every message in every version, and batches in every codec.

use protocol::header::{RequestHeader, request_header_version};
use protocol::records::Compression;
use protocol::{ApiKey, Writer};

use super::Target;
use crate::every_message::{Kind, Role, kinds};
use crate::samples::{self, Dice, batches};

/// No good frame is longer.
const LONGEST: usize = 400;

/// Good frames, and the readers for bad ones.
pub struct Corpus {
    pub(super) kinds: Vec<Kind>,
    /// The kind of request of each API key.
    pub(super) requests: Vec<Option<usize>>,
    messages: Vec<(Target, Vec<u8>)>,
    batches: Vec<Vec<u8>>,
    /// One frame in so many is a run of batches.
    batch_one_in: u32,
}

impl Corpus {
    /// All of them. One in `batch_one_in` is a run of batches, which take longer than messages.
    pub fn new(batch_one_in: u32) -> Corpus {
        let kinds = kinds();
        let mut requests = vec![None; 128];
        let mut messages = Vec::new();
        for (index, kind) in kinds.iter().enumerate() {
            if let Role::Request(key) = kind.role {
                requests[key as usize] = Some(index);
            }
            for version in kind.versions.clone() {
                for start in [0, 1000] {
                    let body = small_sample(kind, version, start);
                    messages.push(match kind.role {
                        Role::Request(key) => (Target::Request, [header(key, version), body].concat()),
                        _ => (Target::Body(index, version), body),
                    });
                }
            }
        }
        Corpus { kinds, requests, messages, batches: runs_of_batches(), batch_one_in }
    }

    /// What `choice` means for a frame from elsewhere: even, a request; odd, one of all other messages and versions.
    #[allow(dead_code)] // the fuzz target for frames asks
    pub fn target(&self, choice: u16) -> Target {
        let bodies = self.messages.iter().map(|(target, _)| *target).filter(|target| *target != Target::Request);
        let bodies: Vec<Target> = bodies.step_by(2).collect(); // there are two frames of each
        if choice.is_multiple_of(2) { Target::Request } else { bodies[usize::from(choice / 2) % bodies.len()] }
    }

    pub(super) fn any(&self, dice: &mut Dice) -> (Target, &[u8]) {
        if dice.one_in(self.batch_one_in) {
            return (Target::Batches, &self.batches[dice.index(self.batches.len())]);
        }
        let (target, frame) = &self.messages[dice.index(self.messages.len())];
        (*target, frame)
    }
}

fn small_sample(kind: &Kind, version: i16, start: u64) -> Vec<u8> {
    let sample = |seed| samples::message(kind.table, kind.layout(version), &mut Dice::new(seed));
    let small = (start..start + 20).map(sample).find(|sample| sample.len() <= LONGEST);
    let mut body = small.unwrap_or_else(|| sample(start));
    body.truncate(LONGEST);
    body
}

fn header(api_key: i16, api_version: i16) -> Vec<u8> {
    let client_id = Some("client".into());
    let mut header = RequestHeader { api_key, api_version, correlation_id: 7, client_id, ..RequestHeader::default() };
    let key = ApiKey::from_code(api_key).expect("an API of a kind");
    if request_header_version(key, api_version) == 2 {
        header.unknown_tagged_fields.insert(3, bytes::Bytes::from_static(b"tag"));
    }
    let mut writer = Writer::new();
    header.encode(&mut writer).expect("a header");
    writer.finish_contiguous().to_vec()
}

fn runs_of_batches() -> Vec<Vec<u8>> {
    let mut dice = Dice::new(9);
    let mut runs = Vec::new();
    for codec in Compression::ALL {
        for _ in 0..60 {
            let run: Vec<_> = (0..dice.below(2) + 1).map(|_| batches::batch(codec, &mut dice)).collect();
            runs.push(run.concat());
        }
    }
    runs
}
