//! Where other people's clients are, as `tests/install-clients.sh` leaves them.

use crate::say;
use std::path::PathBuf;
use std::process::Command;

/// The folder that they are installed in.
pub fn home() -> PathBuf {
    let own = std::env::var_os("THALWEG_CLIENTS").map(PathBuf::from);
    own.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/thalweg-clients"))
}

/// Whether a program can be run.
pub fn has_program(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// Says loudly that a test does not test what its name promises, and why.
pub fn skipped(what: &str, why: &str) {
    say(&format!("\nSKIPPED: {what}: {why} (tests/install-clients.sh installs the clients)"));
}

/// A command that runs one of Kafka's own programs, or why there is none.
///
/// # Errors
/// Java or Kafka's jars are not installed.
pub fn kafka_program(class: &str) -> Result<Command, String> {
    let jars = home().join("kafka-console");
    if !has_program("java") {
        return Err("java is not installed".to_owned());
    }
    if !jars.is_dir() {
        return Err("Kafka's jars are not installed".to_owned());
    }
    let logging = crate::binary::root().join("tests/clients/kafka-console/log4j2.properties");
    let mut command = Command::new("java");
    // Short runs: no time for the second compiler, no threads for a collector.
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]);
    command.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
    command.arg("-cp").arg(format!("{}/*", jars.display())).arg(class);
    Ok(command)
}
