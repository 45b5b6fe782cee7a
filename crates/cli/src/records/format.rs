//! `consume -f`: how a record is printed, in the words of kcat.

use super::Read;
use super::escapes::escape;
use bytes::Bytes;
use client::Header;
use std::io::Write;
use std::str::FromStr;

/// A pattern such as `%t %p %o: %s\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    KeyLength,
    Value,
    ValueLength,
    ValueLengthBinary,
    Headers,
}

/// What each letter means, for `--help`.
pub const HELP: &str = "\
Formats (as in kcat):
  %t topic       %p partition   %o offset        %T timestamp in ms
  %k key         %K its length  %s value         %S its length, -1 for null
  %h headers     %R length of the value as 4 bytes, most significant first
  %% percent     \\n \\t \\r \\0 \\xNN \\\\";

impl Format {
    /// Key and value with this between them, a line each.
    pub fn with_key(delimiter: &[u8]) -> Format {
        Format(vec![Part::Key, Part::Text(delimiter.to_vec()), Part::Value, Part::Text(b"\n".to_vec())])
    }

    /// Prints a record at the end of `out`. A key or value that is null is `null_text`.
    pub fn print(&self, record: &Read, null_text: &str, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Topic => out.extend_from_slice(record.topic.as_bytes()),
                Part::Partition => print_number(record.partition.into(), out),
                Part::Offset => print_number(record.offset, out),
                Part::Timestamp => print_number(record.timestamp, out),
                Part::Key => out.extend_from_slice(record.key.as_deref().unwrap_or(null_text.as_bytes())),
                Part::KeyLength => print_number(length(&record.key), out),
                Part::Value => out.extend_from_slice(record.value.as_deref().unwrap_or(null_text.as_bytes())),
                Part::ValueLength => print_number(length(&record.value), out),
                Part::ValueLengthBinary => out.extend_from_slice(&(length(&record.value) as i32).to_be_bytes()),
                Part::Headers => print_headers(record, null_text, out),
            }
        }
    }
}

/// -1 for null.
fn length(bytes: &Option<Bytes>) -> i64 {
    bytes.as_ref().map_or(-1, |bytes| bytes.len() as i64)
}

fn print_number(number: i64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("memory takes all that is written");
}

fn print_headers(record: &Read, null_text: &str, out: &mut Vec<u8>) {
    let null_text = if null_text.is_empty() { "NULL" } else { null_text };
    for (index, Header { key, value }) in record.headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        out.push(b'=');
        out.extend_from_slice(value.as_deref().unwrap_or(null_text.as_bytes()));
    }
}

impl Default for Format {
    /// The value, a line each.
    fn default() -> Format {
        Format(vec![Part::Value, Part::Text(b"\n".to_vec())])
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(pattern: &str) -> Result<Format, String> {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let (part, after) = match first {
                '%' => directive(rest)?,
                '\\' => {
                    let (byte, after) = escape(rest)?;
                    (Part::Text(vec![byte]), after)
                }
                _ => {
                    let end = rest.find(['%', '\\']).unwrap_or(rest.len());
                    (Part::Text(rest.as_bytes()[..end].to_vec()), &rest[end..])
                }
            };
            match (parts.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.extend_from_slice(&text),
                (_, part) => parts.push(part),
            }
            rest = after;
        }
        Ok(Format(parts))
    }
}

fn directive(text: &str) -> Result<(Part, &str), String> {
    let part = match text.as_bytes().get(1) {
        Some(b't') => Part::Topic,
        Some(b'p') => Part::Partition,
        Some(b'o') => Part::Offset,
        Some(b'T') => Part::Timestamp,
        Some(b'k') => Part::Key,
        Some(b'K') => Part::KeyLength,
        Some(b's') => Part::Value,
        Some(b'S') => Part::ValueLength,
        Some(b'R') => Part::ValueLengthBinary,
        Some(b'h') => Part::Headers,
        Some(b'%') => Part::Text(b"%".to_vec()),
        _ => {
            let shown: String = text.chars().take(2).collect();
            return Err(format!("'{shown}' stands for nothing; use %t %p %o %T %k %K %s %S %R %h or %%"));
        }
    };
    Ok((part, &text[2..]))
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn print(pattern: &str, record: &Read) -> String {
        let mut out = Vec::new();
        pattern.parse::<Format>().expect("a pattern").print(record, "", &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_letter_prints_what_it_stands_for() {
        assert_eq!(
            print(r"%t/%p@%o %T %k:%K %s:%S 100%%\n", &example()),
            "greetings/3@42 1700000000000 who:3 hello:5 100%\n"
        );
        assert_eq!(print("%h", &example()), "a=1,a=NULL,b=");
        assert_eq!(print(r"\x41\\é%%", &example()), r"A\é%");
    }

    #[test]
    fn null_is_nothing_but_its_length_tells() {
        let record = Read { key: None, value: None, ..example() };
        assert_eq!(print("[%k %K][%s %S]", &record), "[ -1][ -1]");
        let mut out = Vec::new();
        Format::with_key(b":").print(&record, "NULL", &mut out);
        assert_eq!(out, b"NULL:NULL\n");
    }

    #[test]
    fn the_binary_length_is_four_bytes() {
        let mut out = Vec::new();
        "%R%s".parse::<Format>().expect("a pattern").print(&example(), "", &mut out);
        assert_eq!(out, b"\0\0\0\x05hello");
    }

    #[test]
    fn a_wrong_letter_is_refused_with_those_that_are_right() {
        assert!("%q".parse::<Format>().unwrap_err().starts_with("'%q' stands for nothing; use %t"));
        assert!("%".parse::<Format>().is_err());
        assert!(r"\q".parse::<Format>().is_err());
    }
}
