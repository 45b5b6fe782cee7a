//! A record from one line of JSON, as [`json`](super::json) prints it.

use super::base64;
use super::input::Typed;
use bytes::Bytes;
use client::Header;
use model::Timestamp;
use serde_json::{Map, Value};

/// What a line may have. Topic, partition and offset say where the record was, not where it goes.
const NAMES: &[&str] =
    &["headers", "key", "key_base64", "offset", "partition", "timestamp", "topic", "value", "value_base64"];
const HEADER_NAMES: &[&str] = &["name", "name_base64", "value", "value_base64"];

/// The record of a line. What is left out is null; no timestamp, or -1, means now.
///
/// # Errors
/// A sentence, when it is no JSON or has what no record has.
pub fn parse(line: &[u8]) -> Result<Typed, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("it is not JSON: {error}"))?;
    let object = object(&value, "a record", NAMES)?;
    let headers = match object.get("headers") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(headers)) => headers.iter().map(header).collect::<Result<_, _>>()?,
        Some(_) => return Err("headers must be an array of objects with name and value".to_owned()),
    };
    let timestamp = timestamp(object)?;
    Ok(Typed { key: bytes(object, "key")?, value: bytes(object, "value")?, headers, timestamp })
}

fn object<'a>(value: &'a Value, what: &str, names: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let object =
        value.as_object().ok_or_else(|| format!("{what} must be an object, such as {{\"value\": \"hello\"}}"))?;
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(format!("{what} has no '{unknown}'; it may have {}", names.join(", "))),
        None => Ok(object),
    }
}

fn header(value: &Value) -> Result<Header, String> {
    let object = object(value, "a header", HEADER_NAMES)?;
    let key = bytes(object, "name")?.ok_or("a header must have a name")?;
    Ok(Header { key, value: bytes(object, "value")? })
}

fn timestamp(object: &Map<String, Value>) -> Result<Option<Timestamp>, String> {
    match object.get("timestamp") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(-1) => Ok(None),
            Some(timestamp) if timestamp >= 0 => Ok(Some(timestamp)),
            _ => Err("timestamp must be milliseconds since 1970 UTC".to_owned()),
        },
    }
}

/// The bytes of `name`, a string, or of `name_base64`.
fn bytes(object: &Map<String, Value>, name: &str) -> Result<Option<Bytes>, String> {
    let encoded = format!("{name}_base64");
    match (object.get(name), object.get(&encoded)) {
        (Some(_), Some(_)) => Err(format!("there is both {name} and {encoded}; one is enough")),
        (None | Some(Value::Null), None) => Ok(None),
        (Some(Value::String(text)), None) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        (None, Some(Value::String(text))) => match base64::decode(text) {
            Some(bytes) => Ok(Some(bytes.into())),
            None => Err(format!("{encoded} is not base 64 of RFC 4648 with padding")),
        },
        (None, Some(_)) => Err(format!("{encoded} must be a string")),
        (Some(_), None) => Err(format!("{name} must be a string or null; other JSON goes into a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Read, example, json};
    use super::*;

    #[test]
    fn what_consume_prints_is_read_back_to_the_last_byte() {
        let odd = Read {
            key: Some(Bytes::from_static(b"\xff\0")),
            value: None,
            headers: vec![Header { key: Bytes::from_static(b"\x80"), value: None }, Header::new("", "\u{1f980}\"\n")],
            timestamp: 0,
            ..example()
        };
        for record in [example(), odd] {
            let mut line = Vec::new();
            json::print(&record, &mut line);
            let Read { key, value, headers, timestamp, .. } = record;
            assert_eq!(parse(&line), Ok(Typed { key, value, headers, timestamp: Some(timestamp) }));
        }
    }

    #[test]
    fn what_is_left_out_is_null_and_now() {
        assert_eq!(parse(b"{}"), Ok(Typed::default()));
        assert_eq!(parse(br#"{"timestamp": -1, "headers": null}"#), Ok(Typed::default()));
    }

    #[test]
    fn what_no_record_has_is_refused_by_name() {
        let stories = [
            ("hello", "not JSON"),
            ("\"hello\"", "must be an object"),
            (r#"{"vaule": "x"}"#, "no 'vaule'"),
            (r#"{"value": 5}"#, "value must be a string"),
            (r#"{"value_base64": "Zg"}"#, "base 64"),
            (r#"{"value_base64": null}"#, "must be a string"),
            (r#"{"key": "a", "key_base64": "Zg=="}"#, "one is enough"),
            (r#"{"headers": {"a": "b"}}"#, "must be an array"),
            (r#"{"headers": [{"value": "b"}]}"#, "must have a name"),
            (r#"{"headers": [{"key": "b"}]}"#, "no 'key'"),
            (r#"{"timestamp": "now"}"#, "milliseconds"),
            (r#"{"timestamp": -5}"#, "milliseconds"),
        ];
        for (line, says) in stories {
            let error = parse(line.as_bytes()).expect_err(line);
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
