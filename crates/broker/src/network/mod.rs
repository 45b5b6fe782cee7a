//! Sockets: listeners, connections, frames, and the memory that requests may take.

pub mod connection;
pub mod frames;
pub mod listener;
pub mod request_memory;
