//! `thalweg`: an event-streaming server that every Kafka client works with, and the tools around it.

mod commands;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An event-streaming server that every Kafka client works with.
///
/// Without a command it is a server for development on port 9092 of this machine, with its data in ./thalweg-data.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, arg_required_else_help = false, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  thalweg                                    a server for development
  thalweg server -c server.properties        a server as configured
  thalweg config reference > reference.md    every config key";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server as a properties file says.
    Server(commands::server::Server),
    /// Look at configuration keys.
    Config(commands::config::Config),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print(); // a closed terminal cannot be told
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let result = match arguments.command {
        None => commands::server::development(),
        Some(Command::Server(server)) => commands::server::run(&server),
        Some(Command::Config(config)) => commands::config::run(&config),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thalweg: {error:#}");
            ExitCode::from(1)
        }
    }
}
