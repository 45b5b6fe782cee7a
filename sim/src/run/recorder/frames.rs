//! Finds requests and answers in what is written to connections.

use crate::report::recording::Message;
use runtime::simulation::net::Written;
use std::collections::BTreeMap;

/// Bytes of a request's head that are looked at: its length, API, version and correlation id.
const REQUEST_HEAD: usize = 12;
/// Of an answer's: its length and correlation id.
const ANSWER_HEAD: usize = 8;

/// What was seen so far.
#[derive(Default)]
pub struct Frames {
    /// By time.
    pub messages: Vec<Message>,
    streams: BTreeMap<u64, Stream>,
    /// APIs of requests that are not answered yet, by stream and correlation id.
    asked: BTreeMap<(u64, i32), i16>,
}

/// Where one direction of a connection is.
#[derive(Default)]
struct Stream {
    /// The beginning of the head of the next frame.
    head: Vec<u8>,
    /// Bytes of the present frame that are still to come.
    rest: usize,
}

impl Frames {
    /// Some bytes are written.
    pub fn written(&mut self, at: u64, written: &Written<'_>) {
        let wanted = if written.from_client { REQUEST_HEAD } else { ANSWER_HEAD };
        let mut bytes = written.bytes;
        let mut stream = self.streams.remove(&written.stream).unwrap_or_default();
        while !bytes.is_empty() {
            let skipped = stream.rest.min(bytes.len());
            stream.rest -= skipped;
            bytes = &bytes[skipped..];
            let taken = (wanted - stream.head.len()).min(bytes.len());
            stream.head.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if stream.head.len() == wanted {
                let length = 4 + word(&stream.head[..4]).max(0) as usize;
                stream.rest = length.saturating_sub(wanted);
                self.frame(at, written, &stream.head, length);
                stream.head.clear();
            }
        }
        self.streams.insert(written.stream, stream);
    }

    fn frame(&mut self, at: u64, written: &Written<'_>, head: &[u8], length: usize) {
        let correlation = word(&head[head.len() - 4..]);
        let api = if written.from_client {
            let api = i16::from_be_bytes([head[4], head[5]]);
            self.asked.insert((written.stream, correlation), api);
            api
        } else {
            self.asked.remove(&(written.back, correlation)).unwrap_or(-1)
        };
        let (from, to) = (written.from.number() as u32, written.to.number() as u32);
        self.messages.push(Message { at, from, to, api, answer: !written.from_client, bytes: length as u32 });
    }
}

fn word(bytes: &[u8]) -> i32 {
    i32::from_be_bytes(bytes.try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::simulation::Node;

    fn request(api: i16, correlation: i32) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 10, 0, api as u8, 0, 1];
        bytes.extend(correlation.to_be_bytes());
        bytes.extend([7, 7]);
        bytes
    }

    fn write(frames: &mut Frames, from_client: bool, bytes: &[u8]) {
        let (stream, back) = if from_client { (5, 6) } else { (6, 5) };
        let (from, to, port, offset) = (Node::SUPERVISOR, Node::SUPERVISOR, 9092, 0);
        frames.written(1, &Written { from, to, stream, back, port, from_client, offset, bytes });
    }

    #[test]
    fn requests_are_found_however_they_are_cut_and_answers_by_what_they_answer() {
        let both = [request(1, 40), request(3, 41)].concat();
        for cut in 1..both.len() {
            let mut frames = Frames::default();
            write(&mut frames, true, &both[..cut]);
            write(&mut frames, true, &both[cut..]);
            write(&mut frames, false, &[0, 0, 0, 4, 0, 0, 0, 41]);
            let seen: Vec<_> = frames.messages.iter().map(|m| (m.api, m.answer, m.bytes)).collect();
            assert_eq!(seen, [(1, false, 14), (3, false, 14), (3, true, 8)], "cut at {cut}");
        }
    }
}
