//! Reads standard input beside the rest: a terminal that is waited for holds up neither the network nor the end.

use crate::records::input::{Input, InputFault, Typed};
use anyhow::anyhow;
use runtime::sync::mpsc;
use std::io::{self, BufReader, Read};

/// Records are handed on together up to about this many bytes, as long as they are there without waiting.
const CHUNK_BYTES: usize = 64 << 10;
/// How many chunks are read ahead.
const CHUNKS_AHEAD: usize = 4;

/// Records in the order of the input; the last thing may be why there are no more.
pub type Records = mpsc::Receiver<anyhow::Result<Vec<Typed>>>;

/// One record, without reading.
pub fn one(record: Typed) -> Records {
    let (chunks, records) = mpsc::channel(1);
    chunks.try_send(Ok(vec![record])).expect("there is room for one");
    records
}

/// The records of standard input.
#[allow(clippy::disallowed_methods)] // a thread that may block for ever must not be one that the runtime waits for
pub fn standard_input(input: Input, longest: u64) -> Records {
    let (chunks, records) = mpsc::channel(CHUNKS_AHEAD);
    std::thread::spawn(move || {
        let mut reading =
            Reading { input, longest, number: 1, source: BufReader::with_capacity(CHUNK_BYTES, io::stdin()) };
        loop {
            let (chunk, end) = reading.next_chunk();
            if !chunk.is_empty() && chunks.blocking_send(Ok(chunk)).is_err() {
                return; // nobody wants more
            }
            match end {
                Some(Ok(())) => return,
                Some(Err(failure)) => return drop(chunks.blocking_send(Err(failure))),
                None => {}
            }
        }
    });
    records
}

struct Reading<R> {
    input: Input,
    longest: u64,
    /// Of the next record, from 1.
    number: u64,
    source: BufReader<R>,
}

impl<R: Read> Reading<R> {
    /// What can be read before something has to be waited for, and whether and how the input ended after it.
    fn next_chunk(&mut self) -> (Vec<Typed>, Option<anyhow::Result<()>>) {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        loop {
            match self.input.next(&mut self.source, self.longest) {
                Ok(Some((record, length))) => {
                    chunk.push(record);
                    bytes += length;
                    self.number += 1;
                    if bytes >= CHUNK_BYTES as u64 || !self.input.is_ready(self.source.buffer()) {
                        return (chunk, None);
                    }
                }
                Ok(None) => return (chunk, Some(Ok(()))),
                Err(fault) => return (chunk, Some(Err(self.explain(fault)))),
            }
        }
    }

    fn explain(&self, fault: InputFault) -> anyhow::Error {
        let (number, longest) = (self.number, self.longest);
        match fault {
            InputFault::Unreadable(error) => anyhow!("standard input cannot be read: {error}"),
            InputFault::Wrong(why) => anyhow!("record {number} of the input: {why}"),
            InputFault::TooLong => anyhow!(
                "record {number} of the input is longer than the {longest} bytes that are allowed; is the delimiter \
                 right? --max-record-bytes allows more"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::input::Shape;

    fn reading(source: impl Read) -> Reading<impl Read> {
        let shape = Shape { delimiter: "\n".into(), key_delimiter: None, empty_is_null: false };
        Reading { input: Input::Pieces(shape), longest: 100, number: 1, source: BufReader::new(source) }
    }

    #[test]
    fn what_is_there_is_handed_on_before_more_is_waited_for() {
        // The first read gives two lines and a half, and only then is the rest of the third one asked for.
        let mut reading = reading("a\nb\nc".as_bytes().chain("d\n".as_bytes()));
        let (chunk, end) = reading.next_chunk();
        assert!(chunk.len() == 2 && end.is_none(), "{chunk:?}");
        let (chunk, end) = reading.next_chunk();
        assert!(chunk[0].value.as_deref() == Some(b"cd") && end.is_none(), "{chunk:?}");
        let (chunk, end) = reading.next_chunk();
        assert!(chunk.is_empty() && matches!(end, Some(Ok(()))), "{chunk:?}");
    }

    #[test]
    fn what_came_before_a_bad_record_is_handed_on_and_the_bad_one_is_named() {
        let mut reading = reading("a\nb\n".as_bytes().chain(io::repeat(b'x')));
        let (chunk, end) = reading.next_chunk();
        assert!(chunk.len() == 2 && end.is_none(), "{chunk:?}");
        let (_, end) = reading.next_chunk();
        let said = end.expect("an end").expect_err("too long").to_string();
        assert!(said.contains("record 3") && said.contains("--max-record-bytes"), "{said}");
    }
}
