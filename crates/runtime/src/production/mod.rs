//! The real world: thin tokio and std.

pub mod clock;
pub mod disk;
pub mod net;
pub mod process;
pub mod rand;
pub mod task;
pub mod time;

mod file;
mod image_files;
mod pressure;
