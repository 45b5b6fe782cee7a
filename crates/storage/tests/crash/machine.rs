//! Where histories run and crash images are opened.

use runtime::disk::Disk;
use runtime::record::{Image, Recorder};
use std::pin::Pin;

/// What a process does with its data directory.
pub type Program<T> = Box<dyn FnOnce(Disk) -> Pin<Box<dyn Future<Output = T> + Send>> + Send>;

/// A machine with one data directory.
pub trait Machine {
    /// Runs `program` as a process of its own, whose disk holds `image`; the process is killed afterwards. What it does
    /// to the disk is written down by `recorder`.
    fn run<T: Send + 'static>(
        &self,
        image: &Image,
        recorder: Option<&Recorder>,
        program: Program<T>,
    ) -> impl Future<Output = T>;

    /// The same, and after so many syncs one fails. Gives also what the machine holds then, with what is loose. `None`
    /// where there were no more syncs, or where disks cannot be made to fail.
    fn run_failing<T: Send + 'static>(
        &self,
        syncs: u64,
        recorder: &Recorder,
        program: Program<T>,
    ) -> impl Future<Output = Option<(T, Image)>>;
}
