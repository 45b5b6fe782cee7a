//! Small volumes that can be filled: one a node, in memory, mounted where its data is. A process that is killed leaves
//! what it wrote.

use super::shell;
use anyhow::Context;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What fills it.
const BALLAST: &str = "ballast";

/// A volume of a node. Dropped, it is unmounted, and what was on it is gone.
#[derive(Debug)]
pub struct Volume {
    at: PathBuf,
}

impl Volume {
    /// Mounts an empty one of so many megabytes.
    ///
    /// # Errors
    /// Only root may.
    pub fn mount(at: &Path, megabytes: u32) -> anyhow::Result<Volume> {
        let size = format!("size={megabytes}m,mode=755");
        shell::run("mount", &["-t", "tmpfs", "-o", &size, "jepsen-lite", &at.to_string_lossy()])?;
        Ok(Volume { at: at.to_owned() })
    }

    /// Where a server may keep its data: the volume has room for what fills it beside that.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn data(&self) -> anyhow::Result<PathBuf> {
        let data = self.at.join("data");
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        Ok(data)
    }

    /// Takes all the space that is left.
    ///
    /// # Errors
    /// Something else is wrong with it.
    pub fn fill(&self) -> anyhow::Result<()> {
        let path = self.at.join(BALLAST);
        let cannot = || format!("cannot write {}", path.display());
        let mut ballast = fs::File::create(&path).with_context(cannot)?;
        for size in [1 << 20, 4 << 10] {
            let zeros = vec![0; size];
            loop {
                match ballast.write(&zeros) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).with_context(cannot),
                }
            }
        }
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn free(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.at.join(BALLAST)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("cannot free a full volume"),
            _ => Ok(()),
        }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // A process that was killed a moment ago may still hold it: then it goes with that.
        let _ = shell::run("umount", &["--lazy", &self.at.to_string_lossy()]);
    }
}
