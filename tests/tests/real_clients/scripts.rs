//! Client libraries, driven by short programs of ours in `tests/clients/` that speak in lines: see [`Record::line`].

use crate::{Client, run};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use tests::{Dialect, Record, binary, clients};

/// A library for Python, in an environment of its own.
pub struct Python {
    name: &'static str,
    dialect: Dialect,
}

/// librdkafka in its present version.
pub const CONFLUENT_KAFKA: Python = Python { name: "confluent-kafka", dialect: Dialect::FULL };
/// Written in Python alone. Its producer takes no null in headers.
pub const KAFKA_PYTHON: Python =
    Python { name: "kafka-python", dialect: Dialect { null_headers: false, ..Dialect::FULL } };
/// Written in Go.
pub struct FranzGo;

impl Python {
    fn command(&self) -> Command {
        let mut command = Command::new(clients::home().join(self.name).join("bin/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(sources(self.name).join("client.py"));
        command
    }
}

impl Client for Python {
    fn name(&self) -> &'static str {
        self.name
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn missing(&self) -> Option<String> {
        let installed = clients::home().join(format!("{}.installed", self.name)).exists();
        (!installed).then(|| format!("{} is not installed", self.name))
    }

    fn write(&self, bootstrap: &str, topic: &str, codec: &str, records: &[Record]) {
        run(self.command().args(["write", bootstrap, topic, codec]), input(records));
    }

    fn read(&self, bootstrap: &str, topic: &str, count: usize) -> Vec<u8> {
        run(self.command().args(["read", bootstrap, topic, &count.to_string()]), Vec::new())
    }

    fn shown(&self, records: &[Record]) -> Vec<u8> {
        with_offsets(records)
    }
}

impl Client for FranzGo {
    fn name(&self) -> &'static str {
        "franz-go"
    }

    fn dialect(&self) -> Dialect {
        Dialect::FULL
    }

    fn missing(&self) -> Option<String> {
        if !clients::has_program("go") {
            return Some("go is not installed".to_owned());
        }
        let installed = clients::home().join("franz-go.installed").exists();
        (!installed).then(|| "franz-go is not installed".to_owned())
    }

    fn write(&self, bootstrap: &str, topic: &str, codec: &str, records: &[Record]) {
        run(Command::new(go_program()).args(["write", bootstrap, topic, codec]), input(records));
    }

    fn read(&self, bootstrap: &str, topic: &str, count: usize) -> Vec<u8> {
        run(Command::new(go_program()).args(["read", bootstrap, topic, &count.to_string()]), Vec::new())
    }

    fn shown(&self, records: &[Record]) -> Vec<u8> {
        with_offsets(records)
    }
}

/// Built from its source here and the modules that are installed.
fn go_program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("franz-go-client");
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(sources("franz-go"));
        build.env("GOMODCACHE", clients::home().join("franz-go")).env("GOFLAGS", "-mod=readonly").env("GOPROXY", "off");
        run(&mut build, Vec::new());
        program
    })
}

fn sources(client: &str) -> PathBuf {
    binary::root().join("tests/clients").join(client)
}

fn input(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(|record| (record.line() + "\n").into_bytes()).collect()
}

fn with_offsets(records: &[Record]) -> Vec<u8> {
    let line = |(offset, record): (usize, &Record)| format!("{offset} {}\n", record.line()).into_bytes();
    records.iter().enumerate().flat_map(line).collect()
}
