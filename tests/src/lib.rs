//! What the end to end tests share: the real server as a process of its own, and records to write and read.
//!
//! Nothing here is for the simulator: these tests are about the program, the operating system and other people's clients.
#![cfg(not(madsim))]
// They start processes, read real directories and wait for real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod binary;
pub mod clients;
pub mod directory;
pub mod golden;
pub mod load;
pub mod nodes;
pub mod reading;
pub mod record;
pub mod server;

pub use record::{Dialect, Record};
pub use server::{Server, refused};

/// Says something past the test runner, which keeps what passing tests print.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}"); // a closed terminal cannot be told
}
