//! Kafka's own console producer, with its defaults, which are those of the Java client (idempotent, acks=all), and
//! console consumer.

use crate::{Client, run};
use tests::{Dialect, Record, clients};

/// Both programs.
pub struct Console;

const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const NULL: &str = "<null>";

impl Client for Console {
    fn name(&self) -> &'static str {
        "kafka-console"
    }

    /// Input is text in lines.
    fn dialect(&self) -> Dialect {
        Dialect { any_bytes: false, ..Dialect::FULL }
    }

    fn missing(&self) -> Option<String> {
        clients::kafka_program(PRODUCER).err()
    }

    fn write(&self, bootstrap: &str, topic: &str, codec: &str, records: &[Record]) {
        let mut command = clients::kafka_program(PRODUCER).expect("it is installed");
        command.args(["--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec]);
        for property in ["parse.key=true", "parse.headers=true", &format!("null.marker={NULL}")] {
            command.args(["--reader-property", property]);
        }
        run(&mut command, lines(records, |_| Vec::new(), NULL));
    }

    fn read(&self, bootstrap: &str, topic: &str, count: usize) -> Vec<u8> {
        let mut command = clients::kafka_program(CONSUMER).expect("it is installed");
        command.args(["--bootstrap-server", bootstrap, "--topic", topic, "--partition", "0", "--offset", "0"]);
        command.args(["--timeout-ms", "30000", "--max-messages", &count.to_string()]);
        for what in ["print.key=true", "print.headers=true", "print.offset=true", &format!("null.literal={NULL}")] {
            command.args(["--formatter-property", what]);
        }
        run(&mut command, Vec::new())
    }

    fn shown(&self, records: &[Record]) -> Vec<u8> {
        lines(records, |offset| format!("Offset:{offset}\t").into_bytes(), "NO_HEADERS")
    }
}

/// Headers, key and value with tabs between.
fn lines(records: &[Record], before: impl Fn(usize) -> Vec<u8>, no_headers: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    for (offset, record) in records.iter().enumerate() {
        lines.extend(before(offset));
        for (at, (name, value)) in record.headers.iter().enumerate() {
            lines.extend(if at > 0 { &b","[..] } else { b"" });
            lines.extend(name.as_bytes());
            lines.push(b':');
            lines.extend(value.as_deref().unwrap_or(NULL.as_bytes()));
        }
        lines.extend(if record.headers.is_empty() { no_headers.as_bytes() } else { b"" });
        for (part, end) in [(&record.key, b'\t'), (&record.value, b'\n')] {
            lines.extend(if end == b'\t' { &b"\t"[..] } else { b"" });
            lines.extend(part.as_deref().unwrap_or(NULL.as_bytes()));
            lines.push(end);
        }
    }
    lines
}
