//! kcat, that is an old librdkafka in C.

use crate::{Client, run};
use std::process::Command;
use tests::{Dialect, Record, clients};

/// `kcat` of the distribution.
pub struct Kcat;

/// Offset, length of the key, length of the value, key, value, headers.
const FORMAT: &str = "%o %K %S %k %s %h\n";

impl Client for Kcat {
    fn name(&self) -> &'static str {
        "kcat"
    }

    /// Input is text in lines; empty means null, and all records of a run have the same headers.
    fn dialect(&self) -> Dialect {
        Dialect { any_bytes: false, empties: false, null_headers: true, own_headers: false }
    }

    fn missing(&self) -> Option<String> {
        (!clients::has_program("kcat")).then(|| "kcat is not installed".to_owned())
    }

    fn write(&self, bootstrap: &str, topic: &str, codec: &str, records: &[Record]) {
        let mut command = Command::new("kcat");
        command.args(["-P", "-b", bootstrap, "-t", topic, "-p", "0", "-z", codec, "-Z", "-K", "\t"]);
        for (name, value) in &records[0].headers {
            command.arg("-H").arg(match value {
                Some(value) => format!("{name}={}", String::from_utf8_lossy(value)),
                None => name.clone(),
            });
        }
        let mut input = Vec::new();
        for record in records {
            assert_eq!(record.headers, records[0].headers, "headers are given once for all");
            input.extend(record.key.as_deref().unwrap_or_default());
            input.push(b'\t');
            input.extend(record.value.as_deref().unwrap_or_default());
            input.push(b'\n');
        }
        run(&mut command, input);
    }

    fn read(&self, bootstrap: &str, topic: &str, count: usize) -> Vec<u8> {
        let mut command = Command::new("kcat");
        command.args(["-C", "-q", "-b", bootstrap, "-t", topic, "-p", "0", "-o", "beginning", "-f", FORMAT]);
        command.args(["-X", "check.crcs=true", "-c", &count.to_string()]);
        run(&mut command, Vec::new())
    }

    fn shown(&self, records: &[Record]) -> Vec<u8> {
        let mut shown = Vec::new();
        for (offset, record) in records.iter().enumerate() {
            let length =
                |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("-1".to_owned(), |bytes| bytes.len().to_string());
            shown.extend(format!("{offset} {} {} ", length(&record.key), length(&record.value)).into_bytes());
            shown.extend(record.key.as_deref().unwrap_or_default());
            shown.push(b' ');
            shown.extend(record.value.as_deref().unwrap_or_default());
            shown.push(b' ');
            for (at, (name, value)) in record.headers.iter().enumerate() {
                shown.extend(if at > 0 { &b","[..] } else { b"" });
                shown.extend(name.as_bytes());
                shown.push(b'=');
                // kcat shows what C takes for a string.
                let value = value.as_deref().unwrap_or(b"NULL");
                shown.extend(value.split(|byte| *byte == 0).next().unwrap_or_default());
            }
            shown.push(b'\n');
        }
        shown
    }
}
