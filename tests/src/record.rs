//! Records to write and to find again.

use bytes::Bytes;
use client::{ConsumerRecord, Header};
use std::fmt::Write;

/// What a producer is given, and a consumer should give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its key, or null.
    pub key: Option<Vec<u8>>,
    /// Its value, or null.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order, duplicates kept.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// What a client can express.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Any bytes; else text in one line.
    pub any_bytes: bool,
    /// Empty keys and values beside null ones.
    pub empties: bool,
    /// Headers whose value is null.
    pub null_headers: bool,
    /// Headers that differ from record to record.
    pub own_headers: bool,
}

impl Dialect {
    /// Everything that Kafka's records can be.
    pub const FULL: Dialect = Dialect { any_bytes: true, empties: true, null_headers: true, own_headers: true };

    /// `count` records that try all that the dialect knows, the same ones each time. No two have the same value, but
    /// for the null and the empty ones.
    pub fn records(self, count: usize) -> Vec<Record> {
        let record = |n: usize| {
            let key = self.key(n);
            // Not both null: some clients refuse that.
            let value = if n % 10 == 3 && key.is_some() { None } else { Some(self.value(n)) };
            Record { key, value, headers: self.headers(n) }
        };
        (0..count).map(record).collect()
    }

    fn key(self, n: usize) -> Option<Vec<u8>> {
        match n {
            _ if n.is_multiple_of(7) => None,
            _ if n.is_multiple_of(11) && self.empties => Some(Vec::new()),
            _ if self.any_bytes => Some(scramble(n, 1 + n % 16)),
            _ => Some(format!("key {} ключ", n % 500).into_bytes()),
        }
    }

    fn value(self, n: usize) -> Vec<u8> {
        if n.is_multiple_of(13) && self.empties {
            return Vec::new();
        }
        let mut value = format!("value {n} wert ").into_bytes();
        value.extend("größer ".repeat(n % 24).into_bytes());
        // Some that do not fit into one read of a socket.
        value.extend(std::iter::repeat_n(b'.', if n % 1000 == 999 { 20_000 } else { 0 }));
        if self.any_bytes {
            value.extend(scramble(n, n % 60));
        }
        value
    }

    fn headers(self, n: usize) -> Vec<(String, Option<Vec<u8>>)> {
        let header = |name: &str, value: &[u8]| (name.to_owned(), Some(value.to_vec()));
        let null = ("nothing".to_owned(), None);
        let mut headers = match if self.own_headers { n % 4 } else { 3 } {
            0 => return Vec::new(),
            1 => vec![header("trace", format!("span {n}").as_bytes())],
            2 if self.any_bytes => vec![header("", &scramble(n, 5)), header("bytes", &[0, 255, 10, 9])],
            _ => vec![header("twice", "één".as_bytes()), header("empty", b""), header("twice", b"two")],
        };
        if self.null_headers && n % 4 == 3 || !self.own_headers {
            headers.push(null);
        }
        headers
    }
}

/// Bytes that look random and do not compress.
fn scramble(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64 + 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(next).collect()
}

impl Record {
    /// Key, value and headers in hex with spaces between: see `tests/clients/record_lines.py`.
    pub fn line(&self) -> String {
        let header = |(name, value): &(String, Option<Vec<u8>>)| {
            format!("{}:{}", hex(Some(name.as_bytes())), hex(value.as_deref()))
        };
        let headers: Vec<String> = self.headers.iter().map(header).collect();
        format!("{} {} {}", hex(self.key.as_deref()), hex(self.value.as_deref()), headers.join(","))
    }

    /// The headers as our own client takes them.
    pub fn client_headers(&self) -> Vec<Header> {
        let header = |(name, value): &(String, Option<Vec<u8>>)| Header {
            key: Bytes::copy_from_slice(name.as_bytes()),
            value: value.as_deref().map(Bytes::copy_from_slice),
        };
        self.headers.iter().map(header).collect()
    }
}

impl From<&ConsumerRecord> for Record {
    fn from(record: &ConsumerRecord) -> Record {
        let header = |header: &Header| {
            (String::from_utf8_lossy(&header.key).into_owned(), header.value.as_deref().map(<[u8]>::to_vec))
        };
        Record {
            key: record.key.as_deref().map(<[u8]>::to_vec),
            value: record.value.as_deref().map(<[u8]>::to_vec),
            headers: record.headers.iter().map(header).collect(),
        }
    }
}

/// Hex, or `-` for null.
fn hex(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_of_all_kinds_that_a_dialect_knows() {
        let records = Dialect::FULL.records(2000);
        let has = |what: &dyn Fn(&Record) -> bool| assert!(records.iter().any(what));
        has(&|record| record.key.is_none());
        has(&|record| record.value.is_none());
        has(&|record| record.key.as_ref().is_some_and(Vec::is_empty));
        has(&|record| record.headers.is_empty());
        has(&|record| record.headers.iter().any(|(_, value)| value.is_none()));
        has(&|record| record.headers.iter().filter(|(name, _)| name == "twice").count() == 2);
        has(&|record| record.value.as_ref().is_some_and(|value| value.len() > 20_000));
        assert!(records.iter().all(|record| record.key.is_some() || record.value.is_some()));
        assert_eq!(records, Dialect::FULL.records(2000));
    }

    #[test]
    fn text_stays_in_its_line() {
        let text = Dialect { any_bytes: false, empties: false, null_headers: false, own_headers: false };
        for record in text.records(2000) {
            let parts = [record.key.as_deref(), record.value.as_deref()].into_iter().flatten();
            let parts = parts.chain(record.headers.iter().filter_map(|(_, value)| value.as_deref()));
            for part in parts {
                let text = std::str::from_utf8(part).expect("it is text");
                assert!(!text.contains(['\n', '\t', ',', ':']), "{text:?}");
            }
        }
    }

    #[test]
    fn lines_tell_null_from_empty() {
        let headers = vec![("a".to_owned(), None), (String::new(), Some(vec![0, 255]))];
        let record = Record { key: None, value: Some(Vec::new()), headers };
        assert_eq!(record.line(), "-  61:-,:00ff");
    }
}
