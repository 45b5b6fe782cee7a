//! `thalweg`: an event-streaming server that every Kafka client works with, and the tools around it.

mod commands;
mod explain;
mod failure;
mod interrupt;
mod local;
mod output;
mod progress;
mod records;
mod releases;
mod results;
mod servers;
mod times;

use clap::{Parser, Subcommand};
use runtime::time::Instant;
use std::process::ExitCode;

/// An event-streaming server that every Kafka client works with.
///
/// Without a command it is a server for development on port 9092 of this machine, with its data in ./thalweg-data.
/// Requests of a megabyte come and go all the time; this one does not give their pages back to the system in between.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "thalweg", version, arg_required_else_help = false, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 10 unhealthy. Data goes to standard output, everything else to standard error.

Examples:
  thalweg                                    a server for development
  thalweg server -c server.properties        a server as configured
  echo hello | thalweg produce greetings     write a record
  thalweg consume greetings -e               read all that is there
  thalweg topic create orders -p 12          make a topic
  thalweg consume orders -g billing          read as a member of a group
  thalweg group describe billing             where a group stands, in records and in seconds
  thalweg dev up                             a cluster of three on this machine
  thalweg demo                               watch one lose its leader";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server as a properties file says.
    Server(commands::server::Server),
    /// Write records from standard input, a line each.
    Produce(Box<commands::produce::Produce>),
    /// Read records to standard output.
    Consume(Box<commands::consume::Consume>),
    /// Create, look at, change and delete topics.
    Topic(Box<commands::topic::Topic>),
    /// Look at groups of readers, and move them.
    Group(Box<commands::group::Group>),
    /// Look at the cluster as a whole.
    Cluster(commands::cluster::ClusterCommand),
    /// Look at brokers.
    Broker(commands::broker::BrokerCommand),
    /// A cluster for development on this machine.
    Dev(commands::dev::Dev),
    /// Watch a cluster lose a leader.
    Demo(commands::demo::Demo),
    /// Look at configuration keys.
    Config(commands::config::Config),
}

fn main() -> ExitCode {
    let began = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print(); // a closed terminal cannot be told
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    failure::exit_code(match arguments.command {
        None => commands::server::development(began),
        Some(Command::Server(server)) => commands::server::run(&server, began),
        Some(Command::Produce(produce)) => commands::produce::run(&produce),
        Some(Command::Consume(consume)) => commands::consume::run(&consume),
        Some(Command::Topic(topic)) => commands::topic::run(&topic),
        Some(Command::Group(group)) => commands::group::run(&group),
        Some(Command::Cluster(cluster)) => commands::cluster::run(&cluster),
        Some(Command::Broker(broker)) => commands::broker::run(&broker),
        Some(Command::Dev(dev)) => commands::dev::run(&dev),
        Some(Command::Demo(demo)) => commands::demo::run(&demo),
        Some(Command::Config(config)) => commands::config::run(&config),
    })
}
