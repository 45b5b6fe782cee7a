//! `thalweg` and `thalweg server`: a broker until SIGINT or SIGTERM.

use anyhow::{Context, bail};
use clap::Args;
use model::config::ServerConfig;
use runtime::time::{Duration, Instant, timeout};
use tracing_subscriber::EnvFilter;

/// How long a stop may take before the process ends anyway; the next start then recovers, as after a crash.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// Run a server as a properties file says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thalweg server -c server.properties
  thalweg server -c server.properties --set log.dirs=/var/lib/thalweg --set num.partitions=6
  KAFKA_LOG_RETENTION_HOURS=24 thalweg server -c server.properties")]
pub struct Server {
    /// The configuration, in the form of Kafka's server.properties.
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// One more config, over the file and the environment. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A server for development: this machine only, data in the present folder.
pub fn development() -> anyhow::Result<()> {
    let mut config = ServerConfig::new();
    config.add_assignment("listeners=PLAINTEXT://localhost:9092");
    config.add_assignment("log.dirs=./thalweg-data");
    config.add_assignment("node.id=1");
    config.add_environment(std::env::vars());
    serve(config, true)
}

/// A server as configured.
pub fn run(server: &Server) -> anyhow::Result<()> {
    let mut config = ServerConfig::new();
    if let Some(path) = &server.config {
        config.add_properties(path, &read(path)?);
    }
    config.add_environment(std::env::vars());
    for assignment in &server.set {
        config.add_assignment(assignment);
    }
    serve(config, false)
}

#[allow(clippy::disallowed_methods)] // a program reads its own configuration; no simulated node does
fn read(path: &str) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the configuration {path}"))?;
    String::from_utf8(bytes).with_context(|| format!("{path} is not UTF-8"))
}

fn serve(config: ServerConfig, development: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("THALWEG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    for notice in config.notices() {
        tracing::warn!("{notice}");
    }
    runtime::task::run(0, serve_until_stopped(config, development))?
}

async fn serve_until_stopped(config: ServerConfig, development: bool) -> anyhow::Result<()> {
    let began = Instant::now();
    let running = broker::start(config).await?;
    let took = began.elapsed().as_millis();
    let topics = running.broker.metadata.image().topics().len();
    eprintln!("thalweg: ready in {took} ms on {}, {topics} topics", running.addresses.join(" and "));
    if development {
        eprintln!("  try:  echo hello | kcat -b localhost:9092 -P -t greetings");
        eprintln!("        kcat -b localhost:9092 -C -t greetings -e");
    }
    runtime::process::stop_signal().await?;
    eprintln!("thalweg: stopping");
    match timeout(STOP_DEADLINE, running.stop()).await {
        Ok(stopped) => stopped.context("the data directory could not be closed cleanly; the next start recovers it"),
        Err(_) => bail!("the stop took longer than {} s; the next start recovers", STOP_DEADLINE.as_secs()),
    }
}
