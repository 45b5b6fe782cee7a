//! `thalweg` and `thalweg server`: a broker until SIGINT or SIGTERM.

mod founding;

use crate::failure::{Usage, say};
use anyhow::{Context, bail};
use broker::metadata::MetadataFault;
use broker::{FoundingOptions, RunningBroker, StartError};
use clap::Args;
use model::config::{Notice, Origin, ServerConfig};
use runtime::time::{Duration, Instant, timeout};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use storage::StorageFault;
use storage::journal::JournalFault;
use tracing_subscriber::EnvFilter;

/// How long a stop may take before the process ends anyway; the next start then recovers, as after a crash. Most stops
/// take milliseconds; one that does not is busy with syncing what is not on disk yet.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// A stop that takes longer than this says so.
const SLOW_STOP: Duration = Duration::from_millis(1500);

/// Where the data of the development server is.
const DEVELOPMENT_DATA: &str = "./thalweg-data";

/// Run a server as a properties file says.
#[derive(Debug, Args)]
#[command(after_help = "\
Configs come from the file, then from the environment, then from --set; a later one wins.
`thalweg config reference` lists them all.

Examples:
  thalweg server -c server.properties
  thalweg server -c server.properties --set log.dirs=/var/lib/thalweg --set num.partitions=6
  KAFKA_LOG_RETENTION_HOURS=24 thalweg server -c server.properties
  thalweg server -c server.properties --cluster-id 5L6g3nShT-eMCtK--X86sw --release-version 4.0
  THALWEG_LOG=debug thalweg server           log more: error, warn, info, debug or trace")]
pub struct Server {
    /// The configuration, in the form of Kafka's server.properties.
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// One more config, over the file and the environment. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    founding: founding::Founding,
}

/// A server for development: this machine only, data in the present folder.
pub fn development(began: Instant) -> anyhow::Result<()> {
    let mut config = ServerConfig::new();
    config.add("listeners", "PLAINTEXT://localhost:9092", Origin::Program);
    config.add("log.dirs", DEVELOPMENT_DATA, Origin::Program);
    config.add_environment(std::env::vars());
    serve(config, founding::Founding::default().options()?, began, Some(Introduction::of(DEVELOPMENT_DATA)))
}

/// A server as configured.
pub fn run(server: &Server, began: Instant) -> anyhow::Result<()> {
    let mut config = ServerConfig::new();
    if let Some(path) = &server.config {
        config.add_properties(path, &read(path)?);
    }
    config.add_environment(std::env::vars());
    for assignment in &server.set {
        config.add_assignment(assignment);
    }
    serve(config, server.founding.options()?, began, None)
}

#[allow(clippy::disallowed_methods)] // a program reads its own configuration; no simulated node does
fn read(path: &str) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the configuration {path}"))?;
    String::from_utf8(bytes).map_err(|_| Usage(format!("the configuration {path} is not UTF-8")).into())
}

fn serve(
    config: ServerConfig,
    founding: FoundingOptions,
    began: Instant,
    introduction: Option<Introduction>,
) -> anyhow::Result<()> {
    config.check().map_err(|problems| Usage(problems.to_string()))?;
    log_to_stderr();
    for line in without_effect(config.notices()) {
        tracing::warn!("{line}");
    }
    let workers = config.get("num.io.threads").and_then(|setting| setting.value.trim().parse().ok()).unwrap_or(0);
    runtime::task::run(workers, serve_until_stopped(config, founding, began, introduction))?
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("THALWEG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let log = log.with_ansi(io::stderr().is_terminal());
    log.log_internal_errors(false).init(); // a log that nobody reads any more must not stop the server
}

async fn serve_until_stopped(
    config: ServerConfig,
    founding: FoundingOptions,
    began: Instant,
    introduction: Option<Introduction>,
) -> anyhow::Result<()> {
    let running = match broker::start_or_found(config.clone(), founding.clone()).await {
        Ok(running) => running,
        Err(error) => return Err(explain(error, &config)),
    };
    let image = running.broker.metadata.image();
    for line in founding::without_effect(&founding, |name| image.feature(name)) {
        tracing::warn!("{line}");
    }
    let took = began.elapsed();
    // Whoever is told that it is ready may stop it at once.
    let asked_to_stop = runtime::process::stop_signal();
    match introduction {
        Some(introduction) => introduction.print(&running, took),
        None => say(&ready(&running, took)),
    }
    asked_to_stop.await?;
    say("stopping");
    runtime::sync::select! {
        biased;
        // The signals are ours until the process ends: whoever asks twice does not want to wait.
        _ = runtime::process::stop_signal() => bail!("stopped at once, as asked twice; the next start recovers"),
        stopped = stop(running) => stopped,
    }
}

async fn stop(running: RunningBroker) -> anyhow::Result<()> {
    let mut stopping = Box::pin(running.stop());
    let stopped = match timeout(SLOW_STOP, &mut stopping).await {
        Ok(stopped) => stopped,
        Err(_) => {
            say("still writing what is not on disk yet; again Ctrl-C stops at once");
            match timeout(STOP_DEADLINE, stopping).await {
                Ok(stopped) => stopped,
                Err(_) => bail!("the stop took longer than {} s; the next start recovers", STOP_DEADLINE.as_secs()),
            }
        }
    };
    stopped.context("the data directory could not be closed cleanly; the next start recovers it")
}

fn ready(running: &RunningBroker, took: Duration) -> String {
    let topics = running.broker.metadata.image().topics().len();
    format!("ready in {} ms on {}, {topics} topics", took.as_millis(), running.addresses.join(" and "))
}

/// What the development server says of itself.
struct Introduction {
    data: &'static str,
    is_new: bool,
}

impl Introduction {
    fn of(data: &'static str) -> Introduction {
        Introduction { data, is_new: !Path::new(data).exists() }
    }

    fn print(&self, running: &RunningBroker, took: Duration) {
        let what = if self.is_new { "made" } else { "opened" };
        say(&format!("{what} {}, {}", self.data, ready(running, took)));
        say("try:  echo hello | thalweg produce greetings");
        say("      thalweg consume greetings -e");
    }
}

/// One line for each reason why configs that were given do nothing.
fn without_effect(notices: &[Notice]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for notice in notices {
        by_reason.entry(&notice.why).or_default().push(&notice.name);
    }
    let line = |(why, names): (&str, Vec<&str>)| {
        let (verb, names) = (if names.len() == 1 { "has" } else { "have" }, names.join(", "));
        format!("{names} {verb} no effect: {why}")
    };
    by_reason.into_iter().map(line).collect()
}

/// What the disk refused, in words that say which directory and what to do.
fn explain(error: StartError, config: &ServerConfig) -> anyhow::Error {
    let directories = ["log.dirs", "log.dir"].into_iter().find_map(|name| config.get(name));
    let directories = directories.map_or("/tmp/kafka-logs", |setting| setting.value.as_str());
    let disk = match &error {
        StartError::Directory { error, .. }
        | StartError::Metadata(MetadataFault::Io { error, .. })
        | StartError::Storage(StorageFault::Disk { error, .. })
        | StartError::Storage(StorageFault::Journal(JournalFault::Disk { error, .. })) => Some(error.kind()),
        StartError::Config(problems) => return Usage(problems.to_string()).into(),
        _ => None,
    };
    match disk.and_then(|kind| sentence(kind, directories)) {
        Some(sentence) => anyhow::anyhow!(sentence),
        None => error.into(),
    }
}

fn sentence(kind: io::ErrorKind, directories: &str) -> Option<String> {
    let (what, how) = match kind {
        io::ErrorKind::PermissionDenied => ("may not be written by this user", "change its owner or its rights"),
        io::ErrorKind::ReadOnlyFilesystem => ("is on a read-only file system", "mount it for writing"),
        io::ErrorKind::StorageFull => ("is on a full disk", "make space"),
        io::ErrorKind::QuotaExceeded => ("is at its quota", "make space, or raise the quota"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ("is not a directory", "move what is there"),
        _ => return None,
    };
    Some(format!("the data directory {directories} {what}; {how}, or choose another one with --set log.dirs=DIRECTORY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_without_effect_are_one_line_a_reason() {
        let mut config = ServerConfig::new();
        for assignment in ["num.network.threads=3", "ssl.protocol=TLSv1.2", "sasl.jaas.config=x", "ssl.key.password=p"]
        {
            config.add_assignment(assignment);
        }
        assert_eq!(
            without_effect(config.notices()),
            [
                "sasl.jaas.config has no effect: not there yet: SASL",
                "ssl.protocol, ssl.key.password have no effect: not there yet: TLS",
                "num.network.threads has no effect: the worker threads do the network's work too",
            ]
        );
    }

    #[test]
    fn a_full_disk_is_explained_with_the_directory_and_a_way_out() {
        let mut config = ServerConfig::new();
        config.add_assignment("log.dirs=/data");
        let fault = |kind: io::ErrorKind| StorageFault::Disk { path: ".lock".to_owned(), error: kind.into() };
        let said = explain(StartError::Storage(fault(io::ErrorKind::StorageFull)), &config).to_string();
        assert_eq!(
            said,
            "the data directory /data is on a full disk; make space, or choose another one with --set log.dirs=DIRECTORY"
        );
        let said = explain(StartError::Storage(fault(io::ErrorKind::Other)), &config).to_string();
        assert!(said.contains(".lock"), "{said}");
    }
}
