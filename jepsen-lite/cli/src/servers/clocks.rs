//! Wall clocks that can be set, one a node: by libfaketime, which each server is started with and which reads a file. The
//! monotonic clock stays what it is.

use super::node::Launch;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// Where distributions put it.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// The library, where somebody says it is or where it usually is.
///
/// # Errors
/// It is not there.
pub fn library(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let usual = PLACES.iter().map(PathBuf::from);
    let mut places = named.map(Path::to_owned).into_iter().chain(usual.filter(|_| named.is_none()));
    places.find(|place| place.is_file()).context("libfaketime is not installed; --faketime names its library")
}

/// The clock of one node.
#[derive(Clone, Debug)]
pub struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// One that is right, for a server in this folder, and what the server has to be started with.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn install(folder: &Path, library: &Path, launch: &mut Launch) -> anyhow::Result<WallClock> {
        let clock = WallClock { file: folder.join("clock") };
        clock.set(0)?;
        let file = clock.file.to_string_lossy().into_owned();
        launch.environment.extend(
            [
                ("LD_PRELOAD", library.to_string_lossy().into_owned()),
                ("FAKETIME_TIMESTAMP_FILE", file),
                ("FAKETIME_CACHE_DURATION", "1".to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
                // Else the waits of a JVM, which go by the monotonic clock, never end.
                ("FAKETIME_FORCE_MONOTONIC_FIX", "0".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Ok(clock)
    }

    /// Sets it so many seconds ahead of the right time, or behind it; within a second or so.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, ahead: i64) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.file.display());
        // A reader never sees half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{ahead:+}s\n")).with_context(cannot)?;
        fs::rename(&new, &self.file).with_context(cannot)
    }
}
