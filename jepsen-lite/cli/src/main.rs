//! `jepsen-lite`: runs real clusters under faults, and judges what clients of a Kafka-protocol cluster saw.
//!
//! It starts and harms processes, and keeps files of its own: no simulated node does that.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod checking;
mod clients;
mod command_line;
mod nemesis;
mod report;
mod running;
mod servers;

use clap::Parser;
use command_line::{Arguments, Command};
use std::io::Write;
use std::process::ExitCode;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every promise was kept.
    Valid,
    /// One was broken.
    Broken,
    /// Nothing could be judged.
    Unknown,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print(); // a closed terminal cannot be told
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let ended = match &arguments.command {
        Command::Check(check) => checking::check(check),
        Command::Edn { file } => checking::write_edn(file),
        Command::Run(run) => running::run(run),
        Command::Replay { file, run } => running::replay(file, run),
    };
    match ended {
        Ok(Ending::Valid) => ExitCode::SUCCESS,
        Ok(Ending::Broken) => ExitCode::from(1),
        Ok(Ending::Unknown) => ExitCode::from(2),
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Tells people how it goes, beside what the program was asked for. Nobody may be listening any more: that is no failure.
pub fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(stderr, "jepsen-lite: {line}"); // as said
    }
}
