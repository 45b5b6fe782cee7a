//! The commands as people use them, against a real server.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes in real time

mod clusters;
mod groups;
mod manners;
mod process;
mod records;
mod topics;
