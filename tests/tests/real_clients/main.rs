//! Other people's clients write and read 10,000 records in every codec, byte for byte; each reads what itself and what
//! another one wrote. `tests/install-clients.sh` installs them; a client that is not there is skipped, loudly.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes

mod console;
mod kcat;
mod ours;
mod scripts;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tests::{Dialect, Record, Server, clients};

/// Records of a client and codec.
const COUNT: usize = 10_000;
/// The codecs, by number in a batch's attributes.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A Kafka client, driven as its users do.
trait Client: Sync {
    /// What its tests are called.
    fn name(&self) -> &'static str;
    /// What it can write.
    fn dialect(&self) -> Dialect;
    /// Why it cannot be run here.
    fn missing(&self) -> Option<String>;
    /// Writes records to partition 0, in order.
    fn write(&self, bootstrap: &str, topic: &str, codec: &str, records: &[Record]);
    /// Reads `count` records of partition 0, and shows them with their offsets.
    fn read(&self, bootstrap: &str, topic: &str, count: usize) -> Vec<u8>;
    /// What [`read`](Self::read) should show.
    fn shown(&self, records: &[Record]) -> Vec<u8>;
}

static ALL: [&dyn Client; 6] =
    [&kcat::Kcat, &scripts::CONFLUENT_KAFKA, &scripts::KAFKA_PYTHON, &scripts::FranzGo, &console::Console, &ours::Ours];

/// Those that are installed; looked for once.
fn installed() -> &'static [&'static dyn Client] {
    static INSTALLED: OnceLock<Vec<&'static dyn Client>> = OnceLock::new();
    INSTALLED.get_or_init(|| ALL.into_iter().filter(|client| client.missing().is_none()).collect())
}

fn test(client: &dyn Client) {
    if let Some(why) = client.missing() {
        return clients::skipped(client.name(), &why);
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    // Topics are created by being used, as clients are used to.
    let server = Server::start(folder.path(), &["num.partitions=1"]);
    let records = client.dialect().records(COUNT);
    let readers = installed();
    let me = readers.iter().position(|other| other.name() == client.name()).expect("it is installed");
    for (number, codec) in CODECS.into_iter().enumerate() {
        let topic = format!("{}-{codec}", client.name());
        client.write(server.address(), &topic, codec, &records);
        assert_that_codec_is_used(&folder.path().join(format!("{topic}-0")), codec);
        let other = readers[(me + number + 1) % readers.len()];
        for reader in [client, other] {
            let what = format!("what {} wrote with {codec}, read by {}", client.name(), reader.name());
            let read = reader.read(server.address(), &topic, COUNT);
            assert_same(&what, &read, &reader.shown(&records));
        }
    }
    assert_eq!(server.stop().status.code(), Some(0));
}

#[test]
fn kcat_writes_and_reads() {
    test(&kcat::Kcat);
}

#[test]
fn confluent_kafka_writes_and_reads() {
    test(&scripts::CONFLUENT_KAFKA);
}

#[test]
fn kafka_python_writes_and_reads() {
    test(&scripts::KAFKA_PYTHON);
}

#[test]
fn franz_go_writes_and_reads() {
    test(&scripts::FranzGo);
}

#[test]
fn kafkas_console_clients_write_and_read() {
    test(&console::Console);
}

#[test]
fn our_own_client_writes_and_reads() {
    test(&ours::Ours);
}

/// The server keeps batches as the producer compressed them. A producer may leave single batches uncompressed.
fn assert_that_codec_is_used(partition: &Path, codec: &str) {
    let number = CODECS.iter().position(|known| *known == codec).expect("a known codec") as u8;
    let log = std::fs::read(partition.join("00000000000000000000.log")).expect("the first segment can be read");
    let (mut at, mut used) = (0, 0);
    while at + 61 <= log.len() {
        let length = u32::from_be_bytes(log[at + 8..at + 12].try_into().expect("four bytes"));
        used += usize::from(log[at + 22] & 7 == number);
        at += 12 + length as usize;
    }
    assert!(used > 0, "{}: no batch has codec {codec}", partition.display());
}

fn assert_same(what: &str, read: &[u8], wanted: &[u8]) {
    if read == wanted {
        return;
    }
    let lines = |bytes: &[u8]| -> Vec<String> {
        bytes.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    };
    let (read, wanted) = (lines(read), lines(wanted));
    let at = read.iter().zip(&wanted).take_while(|(read, wanted)| read == wanted).count();
    let shorten = |line: Option<&String>| line.map(|line| line.chars().take(300).collect::<String>());
    let (found, expected) = (shorten(read.get(at)), shorten(wanted.get(at)));
    panic!("{what}: of {} lines, line {at} is\n{found:?}, not\n{expected:?}", wanted.len());
}

/// Runs a program with `input` and gives what it wrote to standard output.
fn run(command: &mut Command, input: Vec<u8>) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input); // a program that ends early says why itself
    });
    let output = child.wait_with_output().expect("a child can be waited for");
    writer.join().expect("writing does not panic");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
    output.stdout
}
