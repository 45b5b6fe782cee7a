//! A cluster of real processes on this machine: where its nodes live, and their processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a program keeps its own files and processes; no simulated node does

mod layout;
mod ports;
mod process;
mod ready;

pub use layout::{Layout, Node};
pub use process::{NodeProcess, Pid, in_words};
pub use ready::{client_config, wait_until_ready};
