//! The simulated world, on the executor of madsim. Madsim is the kernel only: executor, virtual time, node lifecycle.
//! Timers, disks, sockets, clocks and dice are ours, and hang off one [`World`](world::World) a run.
pub mod clock;
pub mod disk;
pub mod net;
pub mod process;
pub mod rand;
pub mod simulation;
pub mod task;
pub mod time;

mod arrival;
mod connection;
mod device;
mod errno;
mod file;
mod handshake;
mod instant;
mod latency;
mod lifecycle;
mod network;
mod retransmission;
mod stream;
mod timers;
mod trace;
mod watchdog;
mod world;
