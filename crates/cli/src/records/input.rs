//! Records from standard input: what separates them, and key from value.

use super::json_input;
use bytes::Bytes;
use client::Header;
use model::Timestamp;
use std::io::{self, BufRead, Read};

/// A line of JSON may be this many times as long as the record it stands for: six for escapes, the rest for names.
const JSON_OVERHEAD: u64 = 8;

/// How input becomes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Each piece that ends with a delimiter is a record.
    Pieces(Shape),
    /// All of it is one record.
    Whole(Shape),
    /// Each line is a JSON object, as `consume --json` prints it.
    Json,
}

/// What separates records, and key from value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Ends each record; the last one need not have it.
    pub delimiter: Bytes,
    /// Comes between key and value. Without it there are no keys.
    pub key_delimiter: Option<Bytes>,
    /// An empty key or value is null.
    pub empty_is_null: bool,
}

/// A record to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers; only JSON has them.
    pub headers: Vec<Header>,
    /// The timestamp; only JSON has it.
    pub timestamp: Option<Timestamp>,
}

/// Why there is no next record.
#[derive(Debug)]
pub enum InputFault {
    /// Reading failed.
    Unreadable(io::Error),
    /// No delimiter came in time.
    TooLong,
    /// It is not what it should be; a sentence.
    Wrong(String),
}

impl Input {
    /// The next record of `source`, with how many bytes it took; none at the end. Holds one record's bytes at most, of
    /// which a key and a value have `longest` together.
    ///
    /// # Errors
    /// See [`InputFault`]. What follows it cannot be read then.
    pub fn next(&self, source: &mut dyn BufRead, longest: u64) -> Result<Option<(Typed, u64)>, InputFault> {
        let (shape, piece) = match self {
            Input::Pieces(shape) => (shape, piece(source, &shape.delimiter, longest + shape.extra())?),
            Input::Whole(shape) => (shape, whole(source, longest + shape.extra())?),
            Input::Json => return json_line(source, longest.saturating_mul(JSON_OVERHEAD)),
        };
        Ok(piece.map(|(bytes, length)| (shape.record(bytes), length)))
    }

    /// Whether [`next`](Self::next) finds a record in what was read already.
    pub fn is_ready(&self, read: &[u8]) -> bool {
        match self {
            Input::Pieces(shape) => contains(read, &shape.delimiter),
            Input::Whole(_) => false,
            Input::Json => contains(read, b"\n"),
        }
    }
}

fn contains(read: &[u8], delimiter: &[u8]) -> bool {
    match delimiter {
        [byte] => read.contains(byte),
        _ => read.windows(delimiter.len()).any(|window| window == delimiter),
    }
}

/// Bytes up to `delimiter` or the end, with how many were taken; none when there are no more.
fn piece(source: &mut dyn BufRead, delimiter: &[u8], longest: u64) -> Result<Option<(Vec<u8>, u64)>, InputFault> {
    let mut bytes = Vec::new();
    let last = *delimiter.last().expect("delimiters are not empty");
    let mut source = source.take(longest.saturating_add(1));
    loop {
        let read = source.read_until(last, &mut bytes).map_err(InputFault::Unreadable)?;
        let length = bytes.len() as u64;
        if length > longest {
            return Err(InputFault::TooLong);
        }
        if bytes.ends_with(delimiter) {
            bytes.truncate(bytes.len() - delimiter.len());
            return Ok(Some((bytes, length)));
        }
        if read == 0 {
            return Ok((length > 0).then_some((bytes, length)));
        }
    }
}

/// All bytes to the end; none when there are none.
fn whole(source: &mut dyn BufRead, longest: u64) -> Result<Option<(Vec<u8>, u64)>, InputFault> {
    let mut bytes = Vec::new();
    source.take(longest.saturating_add(1)).read_to_end(&mut bytes).map_err(InputFault::Unreadable)?;
    let length = bytes.len() as u64;
    if length > longest { Err(InputFault::TooLong) } else { Ok((length > 0).then_some((bytes, length))) }
}

/// The record of the next line; lines without anything are passed over.
fn json_line(source: &mut dyn BufRead, longest: u64) -> Result<Option<(Typed, u64)>, InputFault> {
    while let Some((line, length)) = piece(source, b"\n", longest)? {
        if !line.trim_ascii().is_empty() {
            return json_input::parse(&line).map(|record| Some((record, length))).map_err(InputFault::Wrong);
        }
    }
    Ok(None)
}

impl Shape {
    /// Bytes of a record's piece that are neither key nor value.
    fn extra(&self) -> u64 {
        (self.delimiter.len() + self.key_delimiter.as_ref().map_or(0, Bytes::len)) as u64
    }

    /// All of `bytes` as one record.
    fn record(&self, bytes: Vec<u8>) -> Typed {
        let bytes = Bytes::from(bytes);
        let split = self.key_delimiter.as_ref().and_then(|delimiter| {
            let at = bytes.windows(delimiter.len()).position(|window| window == delimiter)?;
            Some((bytes.slice(..at), bytes.slice(at + delimiter.len()..)))
        });
        match split {
            Some((key, value)) => Typed { key: self.or_null(key), value: self.or_null(value), ..Typed::default() },
            None => Typed { value: self.or_null(bytes), ..Typed::default() },
        }
    }

    fn or_null(&self, bytes: Bytes) -> Option<Bytes> {
        (!self.empty_is_null || !bytes.is_empty()).then_some(bytes)
    }
}

/// Reads `NAME=VALUE`, or `NAME` for a header without a value.
///
/// # Errors
/// A sentence, when the name is empty.
pub fn parse_header(text: &str) -> Result<Header, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("a header needs a name: NAME=VALUE".to_owned());
    }
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Ok(Header { key: bytes(name), value: value.map(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(delimiter: &'static str, key_delimiter: Option<&'static str>, empty_is_null: bool) -> Shape {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        Shape { delimiter: bytes(delimiter), key_delimiter: key_delimiter.map(bytes), empty_is_null }
    }

    fn read(shape: &Shape, input: &str) -> Vec<(Option<String>, Option<String>)> {
        let text = |bytes: Option<Bytes>| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut input = input.as_bytes();
        let mut records = Vec::new();
        while let Some((record, _)) = Input::Pieces(shape.clone()).next(&mut input, 1000).expect("memory can be read") {
            records.push((text(record.key), text(record.value)));
        }
        records
    }

    fn pair(key: Option<&str>, value: Option<&str>) -> (Option<String>, Option<String>) {
        (key.map(str::to_owned), value.map(str::to_owned))
    }

    #[test]
    fn a_line_is_a_record_and_the_last_needs_no_end() {
        let plain = shape("\n", None, false);
        assert_eq!(read(&plain, "a\n\nb"), [pair(None, Some("a")), pair(None, Some("")), pair(None, Some("b"))]);
        assert_eq!(read(&plain, "a\n"), [pair(None, Some("a"))]);
        assert!(read(&plain, "").is_empty());
    }

    #[test]
    fn the_first_key_delimiter_counts_and_a_line_without_one_has_no_key() {
        let keyed = shape("\n", Some("::"), false);
        assert_eq!(
            read(&keyed, "k::v::w\nalone\n::v"),
            [pair(Some("k"), Some("v::w")), pair(None, Some("alone")), pair(Some(""), Some("v"))]
        );
    }

    #[test]
    fn empty_is_null_when_asked_for() {
        let nulls = shape("\n", Some(":"), true);
        assert_eq!(read(&nulls, "k:\n:v\n\n"), [pair(Some("k"), None), pair(None, Some("v")), pair(None, None)]);
    }

    #[test]
    fn delimiters_may_be_long_and_may_overlap_with_what_is_no_delimiter() {
        let long = shape("--\n", None, false);
        assert_eq!(read(&long, "a\nb--\n-\n---\n"), [pair(None, Some("a\nb")), pair(None, Some("-\n-"))]);
    }

    #[test]
    fn an_endless_record_ends_before_memory_does() {
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        let plain = shape("\n", None, false);
        for input in [Input::Pieces(plain.clone()), Input::Whole(plain), Input::Json] {
            assert!(matches!(input.next(&mut endless, 10_000), Err(InputFault::TooLong)), "{input:?}");
        }
    }

    #[test]
    fn a_record_may_be_as_long_as_allowed_and_no_longer() {
        let keyed = Input::Pieces(shape("\n", Some(":"), false));
        assert!(matches!(keyed.next(&mut "key:value\n".as_bytes(), 8), Ok(Some(_))));
        assert!(matches!(keyed.next(&mut "key:value\n".as_bytes(), 7), Err(InputFault::TooLong)));
    }

    #[test]
    fn all_of_it_may_be_one_record() {
        let whole = Input::Whole(shape("\n", None, false));
        let mut input = "a\nb\n".as_bytes();
        let (record, length) = whole.next(&mut input, 100).expect("memory can be read").expect("a record");
        assert_eq!((record.value, length), (Some(Bytes::from_static(b"a\nb\n")), 4));
        assert!(matches!(whole.next(&mut input, 100), Ok(None)));
    }

    #[test]
    fn a_record_is_ready_when_its_delimiter_is_there() {
        let long = Input::Pieces(shape("--\n", None, false));
        assert!(long.is_ready(b"a--\nb") && !long.is_ready(b"a-\n") && !long.is_ready(b""));
        assert!(Input::Json.is_ready(b"{}\n") && !Input::Json.is_ready(b"{}"));
        assert!(!Input::Whole(shape("\n", None, false)).is_ready(b"a\n"));
    }

    #[test]
    fn headers_have_a_name_and_maybe_a_value() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(parse_header("a=b=c"), Ok(Header::new("a", "b=c")));
        assert_eq!(parse_header("a="), Ok(Header::new("a", "")));
        assert_eq!(parse_header("a"), Ok(Header { key: bytes("a"), value: None }));
        assert!(parse_header("=b").is_err());
    }
}
