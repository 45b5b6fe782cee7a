//! Loads the group coordinator of any broker that speaks Kafka's protocol, and says what that costs the server.
//!
//! Requests are made by hand over plain sockets, in the versions of Kafka 4, so that the load's own cost is small and
//! the same whoever serves.
//! Each run prints one line of JSON. Times are in milliseconds, costs are microseconds of the server's processor time
//! (user and system, of the processes in `--server-pids`, as `/proc/PID/stat` counts them: in steps of 10 ms).
//!
//! ```sh
//! cargo build --release -p tests --example coordinator_load
//! load="target/release/examples/coordinator_load --bootstrap 127.0.0.1:9092 --server-pids $pid"
//! $load classic --members 100 --partitions 1000
//! $load consumer --members 1000 --partitions 1000 --heartbeat-ms 1000
//! $load commits --clients 64 --per-request 1 --seconds 10
//! $load commits --clients 64 --per-request 10 --seconds 10
//! ```
//!
//! To compare servers give them the same configuration, `group.initial.rebalance.delay.ms=0` above all, and the same
//! durability; take turns between them; and let a JVM get warm (`--warmup-rounds`, `--warmup-seconds`).
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a program that measures, of real processes

mod classic;
mod commits;
mod consumer;
mod figures;
mod server_cpu;
mod site;
mod wire;

use clap::{Parser, Subcommand};
use server_cpu::ServerCpu;
use site::Site;

#[derive(Parser)]
#[command(about = "Loads a group coordinator and says what that costs the server")]
struct Arguments {
    /// Where to ask first: host:port, several separated by commas.
    #[arg(long, default_value = "127.0.0.1:9092", global = true)]
    bootstrap: String,
    /// The server's processes, separated by commas.
    #[arg(long, value_delimiter = ',', global = true)]
    server_pids: Vec<u32>,
    /// What the server is called in the result.
    #[arg(long, default_value = "server", global = true)]
    name: String,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Members of a classic group join, sync, and all rejoin again and again.
    Classic(classic::Options),
    /// Members of a consumer group (KIP-848) come until each has its share.
    Consumer(consumer::Options),
    /// Clients commit offsets, each to a group of its own, one request at a time.
    Commits(commits::Options),
}

fn main() {
    let arguments = Arguments::parse();
    // One worker: the load leaves the other processors to the server.
    let story = async { runtime::task::spawn("load", run(arguments)).await.expect("what went wrong is said above") };
    println!("{}", runtime::task::run(1, story).expect("a thread can be started"));
}

async fn run(arguments: Arguments) -> serde_json::Value {
    let cpu = ServerCpu::of(arguments.server_pids);
    let partitions = match &arguments.scenario {
        Scenario::Classic(options) => options.partitions,
        Scenario::Consumer(options) => options.partitions,
        Scenario::Commits(options) => options.partitions,
    };
    let site = Site::prepare(&arguments.bootstrap, partitions).await;
    let mut result = match &arguments.scenario {
        Scenario::Classic(options) => classic::run(&site, &cpu, options).await,
        Scenario::Consumer(options) => consumer::run(&site, &cpu, options).await,
        Scenario::Commits(options) => commits::run(&site, &cpu, options).await,
    };
    result["server"] = arguments.name.into();
    result
}
