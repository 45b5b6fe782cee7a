//! Sockets: listeners, connections, frames, and the memory that requests may take.

pub mod connection;
pub mod connection_limits;
pub mod frames;
pub mod listener;
pub mod request_memory;
