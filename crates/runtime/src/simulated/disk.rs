//! A node's data directory on a simulated disk.
//!
//! Every operation takes a while, drawn from the disk's own stream, so that tasks interleave at each. It goes on when its
//! future is dropped, as production's does on its thread. A handle belongs to the process that opened it: when that is
//! gone, it touches nothing any more.

pub use super::file::File;

use super::device::{Access, Cost};
use super::file::Opened;
use super::lifecycle::Node;
use super::timers::Sleep;
use super::world::World;
use crate::record::{Operation, Recorder};
use madsim::runtime::Handle;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A data directory.
#[derive(Clone, Debug)]
pub struct Disk {
    owner: Owner,
    path: Arc<Path>,
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
    owner: Owner,
    path: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.owner.with(|access| Ok(access.mount.locks.remove(&self.path))); // a dead process holds no locks
    }
}

impl Disk {
    /// The directory at `root`, made with its parents, durably, when it does not exist. Each root is a device of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Disk> {
        let root: PathBuf = root.into();
        let world = World::current();
        let (node, incarnation) = world.current_process();
        let mount = world.disks().of(node, world.seed()).open_mount(&root);
        let owner = Owner { world, node, incarnation, mount };
        owner.perform("disk open", [mount as u64, 0, 0], Cost::Cache, None, |_| Ok(())).await?;
        Ok(Disk { owner, path: root.into() })
    }

    /// The same, with everything that this process does there from now on written down by `recorder`, for tests of
    /// crashes. What an earlier process left in the page cache is loose when the recording begins.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open_recorded(root: impl Into<PathBuf>, recorder: &Recorder) -> io::Result<Disk> {
        let disk = Disk::open(root).await?;
        disk.owner.with(|access| {
            recorder.begin(&access.mount.volume);
            access.mount.recorder = Some(recorder.clone());
            Ok(())
        })?;
        Ok(disk)
    }

    /// Where it is, for messages.
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// Changes names, and writes it down where that is asked for.
    async fn names(
        &self,
        kind: &'static str,
        operation: Operation,
        action: impl FnOnce(&mut Access<'_>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let change = move |access: &mut Access<'_>| {
            action(access)?;
            access.record(operation);
            access.collect();
            Ok(())
        };
        self.owner.perform(kind, [0; 3], Cost::Cache, None, change).await
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, out of space.
    pub async fn open_file(&self, path: &str, open: Open) -> io::Result<File> {
        let (owner, name) = (self.owner.clone(), path.to_owned());
        let opens = move |access: &mut Access<'_>| {
            let id = match (open, access.mount.volume.find_file(&name)) {
                (Open::New, Ok(_)) => return Err(ErrorKind::AlreadyExists.into()),
                (_, Ok(id)) => id,
                (Open::OrCreate | Open::New, Err(error)) if error.kind() == ErrorKind::NotFound => {
                    access.needs_block()?;
                    let id = access.mount.volume.create_file(&name)?;
                    access.record(Operation::CreateFile { path: name.clone() });
                    id
                }
                (_, Err(error)) => return Err(error),
            };
            *access.mount.open.entry(id).or_insert(0) += 1;
            // made here, so that it is closed again when nobody waits for it any more
            Ok(Opened { owner, id, path: name.into(), is_writable: open != Open::Read })
        };
        let opened = self.owner.perform("file open", [0; 3], Cost::Cache, None, opens).await?;
        Ok(File(Arc::new(opened)))
    }

    /// Makes a directory in one that exists. The name is durable after [`Disk::sync_directory`] of the parent.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound`, out of space.
    pub async fn create_directory(&self, path: &str) -> io::Result<()> {
        let path = path.to_owned();
        let operation = Operation::CreateDirectory { path: path.clone() };
        let create = move |access: &mut Access<'_>| {
            if access.mount.volume.find(&path).is_err() {
                access.needs_block()?; // one that is there needs none, and the kernel says that it is there
            }
            access.mount.volume.create_directory(&path).map(drop)
        };
        self.names("directory made", operation, create).await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, or it is not empty.
    pub async fn remove_directory(&self, path: &str) -> io::Result<()> {
        let path = path.to_owned();
        let operation = Operation::RemoveDirectory { path: path.clone() };
        self.names("directory removed", operation, move |access| access.mount.volume.remove_directory(&path)).await
    }

    /// The names in a directory (`""` is the root), sorted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let path = path.to_owned();
        let lists = move |access: &mut Access<'_>| access.mount.volume.list(&path);
        let names = self.owner.perform("directory listed", [0; 3], Cost::Cache, None, lists).await?;
        let entries = names.into_iter().map(|(name, _, is_directory)| Entry { name, is_directory });
        let mut entries: Vec<Entry> = entries.collect();
        entries.sort();
        Ok(entries)
    }

    /// Renames a file or directory, over what has that name. Both names are durable after their directories are synced.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let operation = Operation::Rename { from: from.clone(), to: to.clone() };
        self.names("renamed", operation, move |access| access.mount.volume.rename(&from, &to)).await
    }

    /// Removes a file's name. Open handles keep its bytes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_file(&self, path: &str) -> io::Result<()> {
        let path = path.to_owned();
        let operation = Operation::RemoveFile { path: path.clone() };
        self.names("file removed", operation, move |access| access.mount.volume.remove_file(&path).map(drop)).await
    }

    /// Makes the names in a directory (`""` is the root) durable.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown.
    pub async fn sync_directory(&self, path: &str) -> io::Result<()> {
        let path = path.to_owned();
        let (id, ticket) = self.owner.with(|access| {
            let id = access.mount.volume.find(&path)?;
            Ok((id, access.begin_sync(id)?))
        })?;
        let end = move |access: &mut Access<'_>| access.end_sync(id, &path, ticket);
        self.owner.perform("directory sync", [id.0, ticket, 0], Cost::Sync, None, end).await
    }

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// None here.
    pub async fn available(&self) -> io::Result<u64> {
        self.owner.perform("space asked", [0; 3], Cost::Cache, None, |access| Ok(access.room())).await
    }

    /// Takes the lock file `path`, made when it does not exist.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    pub async fn lock(&self, path: &str) -> io::Result<Lock> {
        drop(self.open_file(path, Open::OrCreate).await?);
        self.owner.with(|access| match access.mount.locks.insert(path.to_owned()) {
            true => Ok(()),
            false => Err(ErrorKind::WouldBlock.into()),
        })?;
        Ok(Lock { owner: self.owner.clone(), path: path.to_owned() })
    }
}

/// The process that a handle belongs to, and where it leads.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    world: Arc<World>,
    node: Node,
    incarnation: u64,
    mount: usize,
}

impl Owner {
    fn is_alive(&self) -> bool {
        self.world.nodes().of(self.node).incarnation == self.incarnation
    }

    /// Does something to the disk, if the process still lives.
    pub fn with<T>(&self, action: impl FnOnce(&mut Access<'_>) -> io::Result<T>) -> io::Result<T> {
        if !self.is_alive() {
            return Err(io::Error::other("the process is dead"));
        }
        let mut disks = self.world.disks();
        let device = disks.of(self.node, self.world.seed());
        action(&mut device.access(self.mount, &self.world, self.node))
    }

    /// An operation begins, which may stall the whole node: what it takes before its work is done, and after.
    pub fn begin(&self, kind: &'static str, values: [u64; 3], cost: Cost) -> (Duration, Duration) {
        if !self.is_alive() {
            return (Duration::ZERO, Duration::ZERO); // it will hear so
        }
        let now = self.world.now();
        let timing = self.world.disks().of(self.node, self.world.seed()).plan(cost, now);
        self.world.event(self.node, kind, values);
        if let Some(duration) = timing.stalls_node.filter(|_| !self.node.is_supervisor()) {
            self.world.stall(self.node, duration);
        }
        (timing.before, timing.after)
    }

    pub async fn wait(&self, duration: Duration) {
        if !duration.is_zero() {
            Sleep::after(self.world.clone(), duration).await;
        }
    }

    /// Does an operation in its time, to the end even when nobody waits for it any more; `file` stays open until then.
    /// The work itself must not hold a file: it is dropped while the disk is locked, and closing a file locks it.
    pub async fn perform<T: Send + 'static>(
        &self,
        kind: &'static str,
        values: [u64; 3],
        cost: Cost,
        file: Option<Arc<Opened>>,
        work: impl FnOnce(&mut Access<'_>) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (before, after) = self.begin(kind, values, cost);
        let mut step = Step { owner: self.clone(), before, file, work: Some(Box::new(work)) };
        self.wait(before).await;
        let result = step.finish();
        self.wait(after).await;
        result
    }
}

type Work<T> = Box<dyn FnOnce(&mut Access<'_>) -> io::Result<T> + Send>;

/// An operation that has begun.
struct Step<T: Send + 'static> {
    owner: Owner,
    before: Duration,
    file: Option<Arc<Opened>>,
    work: Option<Work<T>>,
}

impl<T: Send + 'static> Step<T> {
    fn finish(&mut self) -> io::Result<T> {
        let work = self.work.take().expect("it is done once");
        self.owner.with(work)
    }
}

impl<T: Send + 'static> Drop for Step<T> {
    /// Its future was dropped too early: a thread of the kernel goes on with it.
    fn drop(&mut self) {
        let in_world = Handle::try_current().is_ok();
        let Some(work) = self.work.take().filter(|_| in_world && self.owner.is_alive()) else { return };
        let (owner, before, file) = (self.owner.clone(), self.before, self.file.take());
        self.owner.node.spawn("disk operation that nobody waits for", async move {
            owner.wait(before).await;
            let _ = owner.with(work); // nobody wants to know
            drop(file);
        });
    }
}
