//! A data directory on a real file system. Paths are relative to its root, with `/` between names.
//!
//! Page-cache writes run inline on the worker; syncs on a blocking thread.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the replacement that the lint names

use bytes::Bytes;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory.
#[derive(Clone, Debug)]
pub struct Disk {
    root: Arc<Path>,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It exists; for reading.
    Read,
    /// It exists; for reading and writing.
    Existing,
    /// For reading and writing; made empty when it does not exist.
    OrCreate,
    /// For reading and writing; it must not exist.
    New,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last part of the path.
    pub name: String,
    /// A directory or a file.
    pub is_directory: bool,
}

/// Holds a lock file until dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

impl Disk {
    /// The directory at `root`, made with its parents when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Disk> {
        let root: PathBuf = root.into();
        std::fs::create_dir_all(&root)?;
        Ok(Disk { root: root.into() })
    }

    /// Where it is, for messages.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, `PermissionDenied`, out of space or of file descriptors.
    pub async fn open_file(&self, path: &str, open: Open) -> io::Result<File> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        match open {
            Open::Read => &mut options,
            Open::Existing => options.write(true),
            Open::OrCreate => options.write(true).create(true).truncate(false),
            Open::New => options.write(true).create_new(true),
        };
        options.open(self.path(path)).map(|file| File(Arc::new(file)))
    }

    /// Makes a directory in one that exists. The name is durable after [`Disk::sync_directory`] of the parent.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound`, out of space.
    pub async fn create_directory(&self, path: &str) -> io::Result<()> {
        std::fs::create_dir(self.path(path))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, or it is not empty.
    pub async fn remove_directory(&self, path: &str) -> io::Result<()> {
        std::fs::remove_dir(self.path(path))
    }

    /// The names in a directory (`""` is the root), sorted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.path(path))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry { name, is_directory: entry.file_type()?.is_dir() });
        }
        entries.sort();
        Ok(entries)
    }

    /// Renames a file or directory, over what has that name. Both names are durable after their directories are synced.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    /// Removes a file's name. Open handles keep its bytes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_file(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(path))
    }

    /// Makes the names in a directory (`""` is the root) durable.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown.
    pub async fn sync_directory(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        crate::task::blocking(move || std::fs::File::open(path)?.sync_all()).await
    }

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// As the operating system says.
    #[allow(unsafe_code)] // statvfs has no safe wrapper in std
    pub async fn available(&self) -> io::Result<u64> {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(self.root.as_os_str().as_bytes())?;
        let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the path is a C string and `stat` is written before it is read.
        if unsafe { libc::statvfs(path.as_ptr(), &mut stat) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Takes the lock file `path`, made when it does not exist.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    pub async fn lock(&self, path: &str) -> io::Result<Lock> {
        let file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(path))?;
        file.try_lock()?;
        Ok(Lock { _file: file })
    }
}

/// An open file. Clones share it.
#[derive(Clone, Debug)]
pub struct File(Arc<std::fs::File>);

impl File {
    /// Fills `buffer` from `offset` on; fewer bytes come only at the end of the file.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    /// Writes `parts` one after the other from `offset` on, into the page cache.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn write_at(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        if let [part] = parts {
            return self.0.write_all_at(part, offset);
        }
        write_vectored_at(&self.0, parts, offset)
    }

    /// Makes the file's bytes and length durable, not its name.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown, and a later success proves nothing.
    pub async fn sync(&self) -> io::Result<()> {
        let file = self.0.clone();
        crate::task::blocking(move || file.sync_data()).await
    }

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// `StorageFull`, or an I/O error.
    pub async fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[allow(unsafe_code)] // pwritev has no safe wrapper in std
fn write_vectored_at(file: &std::fs::File, parts: &[Bytes], mut offset: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let mut slices: Vec<IoSlice<'_>> = parts.iter().filter(|p| !p.is_empty()).map(|p| IoSlice::new(p)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        let count = rest.len().min(1024) as libc::c_int;
        let at = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: an IoSlice is layout-compatible with iovec, and the slices outlive the call.
        let n = unsafe { libc::pwritev(file.as_raw_fd(), rest.as_ptr().cast(), count, at) };
        if n < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += n as u64;
        IoSlice::advance_slices(&mut rest, n as usize);
    }
    Ok(())
}
