//! What a data directory may hold after a crash.
//!
//! A [`Recorder`] below [`Disk`](crate::disk::Disk) writes down every operation of a run, in the simulator or on a real
//! file system ([`Disk::open_recorded`](crate::disk::Disk::open_recorded)). The [`Log`] it gives then tells, for each
//! boundary between two operations, what the directory holds after a process crash and after a power failure: an
//! [`Image`] each, to be loaded into a simulated disk or written to a real directory and opened again.
//!
//! The durability model is the one of POSIX and of journaling file systems, with no favours: a file's bytes and length
//! are durable once a sync of it that began after the write has ended; a name (made, renamed or removed) once its
//! directory's has. Of what is not, a power failure keeps or loses each sector, each change of length and each change of
//! names by itself; only changes of one name happen in order, and a rename happens whole or not at all.
//!
//! ```text
//! for point in recorder.log().crash_points() {
//!     check(&point.after_process_crash());
//!     for failure in point.power_failures(SectorSize::Bytes512, 16) {
//!         check(&failure.image); // `point.operations` and `failure.kept` say which one it was
//!     }
//! }
//! ```

// in production the model only replays what a recorder saw; faults are the simulator's
#[cfg_attr(not(madsim), allow(dead_code))]
mod contents;
mod crash;
mod image;
mod log;
mod names;
#[cfg_attr(not(madsim), allow(dead_code))]
mod volume;

#[cfg(test)]
mod contents_tests;

pub use crash::{CrashPoint, CrashPoints, Kept, PowerFailure, Unit};
pub use image::Image;
pub use log::{Log, Operation, Recorder};

#[cfg(madsim)]
pub(crate) use names::Order;
#[cfg(madsim)]
pub(crate) use volume::Fate;
pub(crate) use volume::Volume;

/// A file of a recorded run, whatever it is called at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// How many bytes a disk writes all or nothing, at multiples of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectorSize {
    /// Old disks, and what most firmware promises.
    Bytes512,
    /// Newer ones.
    Bytes4096,
}
