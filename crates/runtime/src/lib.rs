//! The seam between Thalweg and the world. Everything that tells time, waits, talks, stores or rolls dice goes
//! through here, and this is the only crate that knows which world it is: tokio on a real machine, or the simulator
//! (`cfg(madsim)`). Both halves have the same names and signatures; a caller cannot tell them apart.

#[cfg(not(madsim))]
#[path = "production/mod.rs"]
mod half;
#[cfg(madsim)]
#[path = "simulated/mod.rs"]
mod half;

pub mod record;

pub use half::{clock, disk, net, process, rand, task, time};

#[cfg(madsim)]
pub use half::simulation;

/// Channels and locks that need no runtime of their own.
pub mod sync {
    pub use tokio::select;
    pub use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, RwLock, Semaphore, mpsc, oneshot, watch};
}

/// The byte-stream traits of [`net`].
pub mod io {
    pub use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
}
