//! An open file on a real file system.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the replacement that the lint names

use super::pressure::Pressure;
use crate::record::{FileId, Operation, Recorder};
use crate::task::blocking;
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How many zeros are written at a time.
const ZEROS: usize = 1 << 20;

/// An open file. Clones share it.
#[derive(Clone, Debug)]
pub struct File(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: std::fs::File,
    pressure: Arc<Pressure>,
    /// Bytes written since the last sync began.
    dirty: AtomicU64,
    recorder: Option<(Recorder, FileId)>,
}

impl File {
    pub(super) fn new(file: std::fs::File, pressure: &Arc<Pressure>, recorder: Option<(Recorder, FileId)>) -> File {
        File(Arc::new(Opened { file, pressure: pressure.clone(), dirty: AtomicU64::new(0), recorder }))
    }

    pub(super) fn into_std(self) -> io::Result<std::fs::File> {
        self.0.file.try_clone()
    }

    /// Fills `buffer` from `offset` on; fewer bytes come only at the end of the file.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let cached = self.0.read_cached(buffer, offset)?;
        let done = match cached {
            Cached::All(count) => return Ok(count),
            Cached::Part(count) => count,
        };
        let (opened, count) = (self.0.clone(), buffer.len() - done);
        let read = blocking(move || {
            let mut read = vec![0; count];
            let count = read_full(&opened.file, &mut read, offset + done as u64)?;
            read.truncate(count);
            io::Result::Ok(read)
        });
        let read = read.await?;
        buffer[done..done + read.len()].copy_from_slice(&read);
        Ok(done + read.len())
    }

    /// Writes `parts` one after the other from `offset` on, into the page cache. When the future is dropped, the write
    /// may still happen, later.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn write_at(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let length = parts.iter().map(Bytes::len).sum();
        let now = Instant::now();
        if self.0.pressure.may_write_inline(length, now) {
            return self.0.write(parts, length, offset, now);
        }
        let (opened, parts) = (self.0.clone(), parts.to_vec());
        blocking(move || opened.write(&parts, length, offset, Instant::now())).await
    }

    /// Makes the file at least `length` bytes long, what is new being zeros that are really written, so that later
    /// writes there change no metadata and are cheap to sync.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn allocate(&self, length: u64) -> io::Result<()> {
        let opened = self.0.clone();
        blocking(move || opened.allocate(length)).await
    }

    /// Makes the file's bytes and length durable, not its name.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown, and a later success proves nothing.
    pub async fn sync(&self) -> io::Result<()> {
        let opened = self.0.clone();
        blocking(move || opened.sync()).await
    }

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// `StorageFull`, or an I/O error.
    pub async fn set_length(&self, length: u64) -> io::Result<()> {
        let opened = self.0.clone();
        blocking(move || opened.set_length(length)).await
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn length(&self) -> io::Result<u64> {
        Ok(self.0.file.metadata()?.len())
    }
}

/// What a read that did not wait found.
enum Cached {
    /// All that was asked for, or up to the end of the file.
    All(usize),
    /// So much; the rest is on the device.
    Part(usize),
}

impl Opened {
    fn read_cached(&self, buffer: &mut [u8], offset: u64) -> io::Result<Cached> {
        if !self.pressure.can_read_cached() {
            return read_full(&self.file, buffer, offset).map(Cached::All);
        }
        let mut done = 0;
        while done < buffer.len() {
            match read_without_waiting(&self.file, &mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EAGAIN) => return Ok(Cached::Part(done)),
                    // tmpfs of older kernels and some network file systems
                    Some(libc::EOPNOTSUPP | libc::ENOSYS) => {
                        self.pressure.cannot_read_cached();
                        return read_full(&self.file, buffer, offset).map(Cached::All);
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(Cached::All(done))
    }

    fn write(&self, parts: &[Bytes], length: usize, offset: u64, began: Instant) -> io::Result<()> {
        let Some((recorder, file)) = &self.recorder else { return self.write_quietly(parts, length, offset, began) };
        let mut recording = recorder.recording();
        self.write_quietly(parts, length, offset, began)?;
        let bytes = parts.concat().into();
        recording.record(Operation::Write { file: *file, offset, bytes });
        Ok(())
    }

    fn write_quietly(&self, parts: &[Bytes], length: usize, offset: u64, began: Instant) -> io::Result<()> {
        let written = match parts {
            [part] => self.file.write_all_at(part, offset),
            parts => write_vectored_at(&self.file, parts, offset),
        };
        self.dirty.fetch_add(length as u64, Ordering::Relaxed);
        self.pressure.wrote(length as u64, began);
        written
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let recording = self.recorder.as_ref().map(|(recorder, file)| (recorder.recording(), *file));
        let zeros = vec![0; ZEROS];
        let mut end = self.file.metadata()?.len();
        while end < length {
            let count = (length - end).min(ZEROS as u64);
            self.file.write_all_at(&zeros[..count as usize], end)?;
            end += count;
        }
        if let Some((mut recording, file)) = recording {
            recording.record(Operation::Allocate { file, length });
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let begun = self.recorder.as_ref().map(|(recorder, file)| begin_sync(recorder, *file)).transpose()?;
        let dirty = self.dirty.swap(0, Ordering::Relaxed);
        let result = self.file.sync_data();
        self.pressure.synced(dirty);
        if result.is_ok() {
            end_sync(begun);
        }
        result
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let recording = self.recorder.as_ref().map(|(recorder, file)| (recorder.recording(), *file));
        self.file.set_len(length)?;
        if let Some((mut recording, file)) = recording {
            recording.record(Operation::SetLength { file, length });
        }
        Ok(())
    }
}

/// A recorded sync that has begun.
pub(super) struct Begun {
    recorder: Recorder,
    of: FileId,
    ticket: u64,
}

pub(super) fn begin_sync(recorder: &Recorder, of: FileId) -> io::Result<Begun> {
    let ticket = recorder.recording().begin_sync(of)?;
    Ok(Begun { recorder: recorder.clone(), of, ticket })
}

pub(super) fn end_sync(begun: Option<Begun>) {
    if let Some(Begun { recorder, of, ticket }) = begun {
        recorder.recording().record(Operation::EndSync { of, ticket });
    }
}

fn read_full(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[allow(unsafe_code)] // preadv2 has no safe wrapper in std
fn read_without_waiting(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let at = libc::off_t::try_from(offset).map_err(io::Error::other)?;
    // SAFETY: the slice names a buffer that outlives the call and that nobody else touches.
    let count = unsafe { libc::preadv2(file.as_raw_fd(), &slice, 1, at, libc::RWF_NOWAIT) };
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
}

#[allow(unsafe_code)] // pwritev has no safe wrapper in std
fn write_vectored_at(file: &std::fs::File, parts: &[Bytes], mut offset: u64) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unsafe_code)] // posix_fadvise has no safe wrapper in std
    fn forget_cached(file: &std::fs::File) {
        // SAFETY: it takes numbers only.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }

    #[test]
    fn what_is_not_cached_is_read_all_the_same() {
        let mut file = tempfile::NamedTempFile::new_in(".").expect("a file on a disk, not in memory");
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number / 3) as u8).collect();
        io::Write::write_all(&mut file, &bytes).expect("room");
        file.as_file().sync_all().expect("a good disk");
        let read = File::new(file.reopen().expect("it exists"), &Arc::default(), None);
        crate::task::run(1, async {
            for _ in 0..3 {
                forget_cached(file.as_file());
                let mut buffer = vec![0; 900_000];
                assert_eq!(read.read_at(&mut buffer, 100).await.expect("a good disk"), 900_000);
                assert!(buffer == bytes[100..900_100]);
            }
        })
        .expect("a runtime");
    }

    #[test]
    fn a_file_system_that_cannot_read_without_waiting_is_read_plainly() {
        let pressure = Arc::new(Pressure::default());
        pressure.cannot_read_cached();
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        io::Write::write_all(&mut file, b"bytes").expect("room");
        let read = File::new(file.reopen().expect("it exists"), &pressure, None);
        let mut buffer = [0; 8];
        let count = crate::task::run(1, async { read.read_at(&mut buffer, 1).await });
        assert_eq!(count.expect("a runtime").expect("a good disk"), 4);
        assert_eq!(&buffer[..4], b"ytes");
    }
}
