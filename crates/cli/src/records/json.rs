//! A record as one line of JSON.

use super::{Read, base64};
use client::Header;
use serde_json::{Map, Value, json};

/// Prints a record at the end of `out`, as an object on one line. What is not UTF-8 is in base64, under another name.
pub fn print(record: &Read, out: &mut Vec<u8>) {
    let mut object = Map::new();
    object.insert("topic".to_owned(), json!(&*record.topic));
    object.insert("partition".to_owned(), json!(record.partition));
    object.insert("offset".to_owned(), json!(record.offset));
    object.insert("timestamp".to_owned(), json!(record.timestamp));
    insert_bytes(&mut object, "key", record.key.as_deref());
    insert_bytes(&mut object, "value", record.value.as_deref());
    let headers = record.headers.iter().map(|Header { key, value }| {
        let mut header = Map::new();
        insert_bytes(&mut header, "name", Some(key));
        insert_bytes(&mut header, "value", value.as_deref());
        Value::Object(header)
    });
    object.insert("headers".to_owned(), headers.collect());
    serde_json::to_writer(&mut *out, &Value::Object(object)).expect("memory takes all that is written");
    out.push(b'\n');
}

fn insert_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => object.insert(name.to_owned(), Value::Null),
        Some(Ok(text)) => object.insert(name.to_owned(), json!(text)),
        Some(Err(_)) => object.insert(format!("{name}_base64"), json!(base64::encode(bytes.unwrap_or_default()))),
    };
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;
    use bytes::Bytes;

    fn line(record: &Read) -> String {
        let mut out = Vec::new();
        print(record, &mut out);
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn a_record_is_one_line_with_headers_in_order_and_null_apart_from_empty() {
        let line = line(&example());
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["value"], "hello");
        assert_eq!(read["offset"], 42);
        assert_eq!(read["headers"][1], json!({"name": "a", "value": null}));
        assert_eq!(read["headers"][2], json!({"name": "b", "value": ""}));
    }

    #[test]
    fn bytes_that_are_no_text_are_not_changed() {
        let record = Read { value: Some(Bytes::from_static(b"\xff\xfe")), key: None, ..example() };
        let read: Value = serde_json::from_str(&line(&record)).expect("JSON");
        assert_eq!(read["value_base64"], "//4=");
        assert_eq!(read["key"], Value::Null);
        assert!(read.get("value").is_none());
    }
}
