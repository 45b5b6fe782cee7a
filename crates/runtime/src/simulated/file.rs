//! An open file on a simulated disk.

use super::device::{Access, Cost};
use super::disk::Owner;
use super::errno::{EBADF, error};
use crate::record::{FileId, Operation};
use bytes::Bytes;
use std::io;
use std::sync::Arc;

/// An open file. Clones share it.
#[derive(Clone, Debug)]
pub struct File(pub(super) Arc<Opened>);

#[derive(Debug)]
pub(super) struct Opened {
    pub owner: Owner,
    pub id: FileId,
    /// What it was called when it was opened, for faults that are aimed.
    pub path: Arc<str>,
    pub is_writable: bool,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Destructors of a dead process run late, and touch nothing.
        let _ = self.owner.with(|access| {
            if let Some(count) = access.mount.open.get_mut(&self.id) {
                *count -= 1;
                if *count == 0 {
                    access.mount.open.remove(&self.id);
                    access.collect();
                }
            }
            Ok(())
        });
    }
}

impl File {
    /// Changes its bytes. The file stays open until that is done.
    async fn change(
        &self,
        kind: &'static str,
        values: [u64; 2],
        cost: Cost,
        work: impl FnOnce(&mut Access<'_>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let opened = &self.0;
        if !opened.is_writable {
            return Err(error(EBADF));
        }
        let values = [opened.id.0, values[0], values[1]];
        opened.owner.perform(kind, values, cost, Some(opened.clone()), work).await
    }

    /// Fills `buffer` from `offset` on; fewer bytes come only at the end of the file.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Opened { owner, id, path, .. } = &*self.0;
        let (before, after) = owner.begin("read", [id.0, offset, buffer.len() as u64], Cost::Cache);
        owner.wait(before).await;
        let count = owner.with(|access| access.read(*id, path, buffer, offset));
        owner.wait(after).await;
        count
    }

    /// Writes `parts` one after the other from `offset` on, into the page cache. When the future is dropped, the write
    /// may still happen, later.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn write_at(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let length: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let (id, path, parts) = (self.0.id, self.0.path.clone(), parts.to_vec());
        let write = move |access: &mut Access<'_>| access.write(id, &path, &parts, offset);
        self.change("write", [offset, length], Cost::Write(length), write).await
    }

    /// Makes the file at least `length` bytes long, what is new being zeros that are really written, so that later
    /// writes there change no metadata and are cheap to sync.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn allocate(&self, length: u64) -> io::Result<()> {
        let id = self.0.id;
        let allocate = move |access: &mut Access<'_>| access.allocate(id, length);
        self.change("allocate", [length, 0], Cost::Write(length), allocate).await
    }

    /// Makes the file's bytes and length durable, not its name.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown, and a later success proves nothing.
    pub async fn sync(&self) -> io::Result<()> {
        let Opened { owner, id, path, .. } = &*self.0;
        let (id, path) = (*id, path.clone());
        let ticket = owner.with(|access| access.begin_sync(id))?;
        let end = move |access: &mut Access<'_>| access.end_sync(id, &path, ticket);
        owner.perform("sync", [id.0, ticket, 0], Cost::Sync, Some(self.0.clone()), end).await
    }

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// `StorageFull`, or an I/O error.
    pub async fn set_length(&self, length: u64) -> io::Result<()> {
        let file = self.0.id;
        let set = move |access: &mut Access<'_>| {
            access.mount.volume.contents_mut(file)?.set_length(length);
            access.record(Operation::SetLength { file, length });
            access.write_back(file);
            Ok(())
        };
        self.change("set length", [length, 0], Cost::Cache, set).await
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn length(&self) -> io::Result<u64> {
        let id = self.0.id;
        let length = move |access: &mut Access<'_>| Ok(access.mount.volume.contents(id)?.length());
        self.0.owner.perform("length", [id.0, 0, 0], Cost::Cache, None, length).await
    }
}
