//! One file a command, or a folder for one with parts of its own.

pub mod broker;
pub mod cluster;
pub mod config;
pub mod consume;
pub mod demo;
pub mod dev;
pub mod group;
pub mod produce;
pub mod server;
pub mod topic;
