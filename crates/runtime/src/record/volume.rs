//! A directory tree as a disk and its page cache hold it: the one durability model, used by the simulated disk and by
//! crash images of recorded runs.

use super::contents::Contents;
use super::names::{Change, Name, Order, close};
use super::{FileId, SectorSize};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};

/// A directory tree.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    inodes: BTreeMap<FileId, Inode>,
    next: u64,
    changes: Vec<Change>,
    next_change: u64,
    next_ticket: u64,
    directory_syncs: BTreeMap<u64, (FileId, u64)>,
    /// Files that lost their name, until they are collected.
    unnamed: BTreeSet<FileId>,
    /// So many of them could not be forgotten the last time.
    stay: usize,
}

#[derive(Clone, Debug)]
enum Inode {
    File(Contents),
    Directory(Directory),
}

/// The names in a directory as everyone sees them, and as the disk has them.
#[derive(Clone, Debug, Default)]
struct Directory {
    names: BTreeMap<String, FileId>,
    durable: BTreeMap<String, FileId>,
}

/// What decides about each loose thing when the power fails.
pub(crate) trait Fate {
    /// Whether the name change of this number happened.
    fn keeps_name(&mut self, change: u64) -> bool;
    /// Whether the file's change of length happened.
    fn keeps_length(&mut self, file: FileId) -> bool;
    /// Whether the sector was written.
    fn keeps_sector(&mut self, file: FileId, sector: u64) -> bool;
    /// What follows from a choice of names that breaks their order.
    fn order(&self) -> Order;
}

impl Default for Volume {
    fn default() -> Self {
        Volume {
            inodes: BTreeMap::from([(Volume::ROOT, Inode::Directory(Directory::default()))]),
            next: 1,
            changes: Vec::new(),
            next_change: 0,
            next_ticket: 0,
            directory_syncs: BTreeMap::new(),
            unnamed: BTreeSet::new(),
            stay: 0,
        }
    }
}

impl Volume {
    pub const ROOT: FileId = FileId(0);

    /// The file or directory of this path; `""` is the root.
    pub fn find(&self, path: &str) -> io::Result<FileId> {
        let mut at = Volume::ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = *self.directory(at)?.names.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    pub fn find_file(&self, path: &str) -> io::Result<FileId> {
        let id = self.find(path)?;
        match &self.inodes[&id] {
            Inode::File(_) => Ok(id),
            Inode::Directory(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    /// The names in a directory, and which of them are directories.
    pub fn list(&self, path: &str) -> io::Result<Vec<(String, FileId, bool)>> {
        let names = &self.directory(self.find(path)?)?.names;
        let is_directory = |id: &FileId| matches!(self.inodes[id], Inode::Directory(_));
        Ok(names.iter().map(|(name, id)| (name.clone(), *id, is_directory(id))).collect())
    }

    /// The contents of a file; what was removed with its last handle closed is gone.
    pub fn contents(&self, file: FileId) -> io::Result<&Contents> {
        match self.inodes.get(&file) {
            Some(Inode::File(contents)) => Ok(contents),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    pub fn contents_mut(&mut self, file: FileId) -> io::Result<&mut Contents> {
        match self.inodes.get_mut(&file) {
            Some(Inode::File(contents)) => Ok(contents),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &Contents)> {
        self.inodes.iter().filter_map(|(id, inode)| match inode {
            Inode::File(contents) => Some((*id, contents)),
            Inode::Directory(_) => None,
        })
    }

    fn directory(&self, id: FileId) -> io::Result<&Directory> {
        match self.inodes.get(&id) {
            Some(Inode::Directory(directory)) => Ok(directory),
            Some(Inode::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn directory_mut(&mut self, id: FileId) -> Option<&mut Directory> {
        match self.inodes.get_mut(&id) {
            Some(Inode::Directory(directory)) => Some(directory),
            _ => None,
        }
    }

    /// The directory of a path and the name in it.
    fn place(&self, path: &str) -> io::Result<Name> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() || name == "." || name == ".." {
            return Err(ErrorKind::InvalidInput.into());
        }
        let directory = self.find(parent)?;
        self.directory(directory)?;
        Ok(Name { directory, name: name.to_owned() })
    }

    fn at(&self, place: &Name) -> Option<FileId> {
        self.directory(place.directory).ok()?.names.get(&place.name).copied()
    }

    /// The id that the next file or directory will have.
    pub fn next_id(&self) -> FileId {
        FileId(self.next)
    }

    pub fn create_file(&mut self, path: &str) -> io::Result<FileId> {
        self.create(path, Inode::File(Contents::default()))
    }

    pub fn create_directory(&mut self, path: &str) -> io::Result<FileId> {
        self.create(path, Inode::Directory(Directory::default()))
    }

    fn create(&mut self, path: &str, inode: Inode) -> io::Result<FileId> {
        let place = self.place(path)?;
        if self.at(&place).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let id = FileId(self.next);
        self.next += 1;
        self.inodes.insert(id, inode);
        self.change(id, None, Some(place));
        Ok(id)
    }

    pub fn remove_file(&mut self, path: &str) -> io::Result<FileId> {
        let id = self.find_file(path)?;
        let place = self.place(path)?;
        self.unnamed.insert(id);
        self.change(id, Some(place), None);
        Ok(id)
    }

    pub fn remove_directory(&mut self, path: &str) -> io::Result<()> {
        let id = self.find(path)?;
        if !self.directory(id)?.names.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        let place = self.place(path)?;
        self.change(id, Some(place), None);
        Ok(())
    }

    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let id = self.find(from)?;
        let (from, to) = (self.place(from)?, self.place(to)?);
        if let Some(replaced) = self.at(&to) {
            match (&self.inodes[&id], &self.inodes[&replaced]) {
                _ if replaced == id => return Ok(()),
                (Inode::File(_), Inode::File(_)) => {}
                (Inode::File(_), Inode::Directory(_)) => return Err(ErrorKind::IsADirectory.into()),
                (Inode::Directory(_), Inode::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                (Inode::Directory(_), Inode::Directory(old)) if old.names.is_empty() => {}
                (Inode::Directory(_), Inode::Directory(_)) => return Err(ErrorKind::DirectoryNotEmpty.into()),
            }
        }
        self.unnamed.extend(self.at(&to));
        self.change(id, Some(from), Some(to));
        Ok(())
    }

    fn change(&mut self, of: FileId, from: Option<Name>, to: Option<Name>) {
        self.next_change += 1;
        let change = Change { number: self.next_change, of, from, to };
        self.apply(&change, |directory| &mut directory.names);
        self.changes.push(change);
    }

    fn apply(&mut self, change: &Change, names: impl Fn(&mut Directory) -> &mut BTreeMap<String, FileId>) {
        if let Some(from) = &change.from
            && let Some(directory) = self.directory_mut(from.directory)
            && names(directory).get(&from.name) == Some(&change.of)
        {
            names(directory).remove(&from.name);
        }
        if let Some(to) = &change.to
            && let Some(directory) = self.directory_mut(to.directory)
        {
            names(directory).insert(to.name.clone(), change.of);
        }
    }

    /// A sync of a file or directory begins.
    pub fn begin_sync(&mut self, of: FileId) -> io::Result<u64> {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        match self.inodes.get_mut(&of).ok_or(ErrorKind::NotFound)? {
            Inode::File(contents) => contents.begin_sync(ticket),
            Inode::Directory(_) => _ = self.directory_syncs.insert(ticket, (of, self.next_change)),
        }
        Ok(ticket)
    }

    /// It ended well: what was there when it began is durable.
    pub fn end_sync(&mut self, of: FileId, ticket: u64) {
        if let Some((directory, last)) = self.directory_syncs.remove(&ticket) {
            self.sync_names(directory, last);
        } else if let Ok(contents) = self.contents_mut(of) {
            contents.end_sync(ticket);
        }
    }

    /// A directory's sync failed: nothing is known to be durable.
    pub fn forget_sync(&mut self, ticket: u64) {
        self.directory_syncs.remove(&ticket);
    }

    fn sync_names(&mut self, directory: FileId, last: u64) {
        let mut happened: Vec<bool> =
            self.changes.iter().map(|change| change.number <= last && change.touches(directory)).collect();
        self.commit(&mut happened, Order::Earlier);
    }

    /// The file system commits the name changes up to the `choice`th by itself.
    pub fn commit_names(&mut self, choice: u64) {
        let mut happened: Vec<bool> = (0..self.changes.len() as u64).map(|index| index < choice).collect();
        self.commit(&mut happened, Order::Earlier);
    }

    pub fn loose_names(&self) -> impl Iterator<Item = u64> {
        self.changes.iter().map(|change| change.number)
    }

    fn commit(&mut self, happened: &mut [bool], order: Order) {
        close(&self.changes, happened, order);
        let changes = std::mem::take(&mut self.changes);
        for (change, happened) in changes.into_iter().zip(happened) {
            if *happened {
                self.apply(&change, |directory| &mut directory.durable);
            } else {
                self.changes.push(change);
            }
        }
    }

    /// The power fails.
    pub fn power_failure(&mut self, size: SectorSize, fate: &mut dyn Fate) {
        let mut happened: Vec<bool> = self.changes.iter().map(|change| fate.keeps_name(change.number)).collect();
        self.commit(&mut happened, fate.order());
        self.changes.clear();
        self.directory_syncs.clear();
        for (id, inode) in &mut self.inodes {
            match inode {
                Inode::Directory(directory) => directory.names.clone_from(&directory.durable),
                Inode::File(contents) => {
                    let keeps_length = !contents.is_length_loose() || fate.keeps_length(*id);
                    contents.power_failure(size, keeps_length, |sector| fate.keeps_sector(*id, sector));
                }
            }
        }
        self.collect(|_| false);
    }

    /// All that is in the cache counts as durable.
    pub fn settle(&mut self) {
        let mut happened = vec![true; self.changes.len()];
        self.commit(&mut happened, Order::Earlier);
        for inode in self.inodes.values_mut() {
            if let Inode::File(contents) = inode {
                contents.settle();
            }
        }
    }

    /// The kernel drops all pages that it believes clean.
    pub fn evict(&mut self) {
        for inode in self.inodes.values_mut() {
            if let Inode::File(contents) = inode {
                contents.evict();
            }
        }
    }

    /// How many files have lost a name since what could be forgotten was forgotten.
    pub fn unnamed(&self) -> usize {
        self.unnamed.len().saturating_sub(self.stay)
    }

    /// Forgets what has no name, durable or not, and is not open.
    pub fn collect(&mut self, is_open: impl Fn(FileId) -> bool) {
        let mut reached = BTreeSet::new();
        let mut next = vec![Volume::ROOT];
        next.extend(self.changes.iter().map(|change| change.of));
        while let Some(id) = next.pop() {
            if !reached.insert(id) {
                continue;
            }
            if let Some(Inode::Directory(directory)) = self.inodes.get(&id) {
                let named = directory.names.values().chain(directory.durable.values());
                next.extend(named.filter(|named| !reached.contains(*named)));
            }
        }
        self.inodes.retain(|id, _| reached.contains(id) || is_open(*id));
        self.unnamed.retain(|id| self.inodes.contains_key(id));
        self.stay = self.unnamed.len();
    }

    /// Bytes that its named or open files take.
    pub fn used(&self, is_open: impl Fn(FileId) -> bool) -> u64 {
        let mut used = 0;
        let mut next = vec![Volume::ROOT];
        let mut named = BTreeSet::new();
        while let Some(id) = next.pop() {
            named.insert(id);
            match &self.inodes[&id] {
                Inode::Directory(directory) => {
                    used += super::contents::PAGE as u64;
                    next.extend(directory.names.values());
                }
                Inode::File(contents) => used += contents.allocated(),
            }
        }
        let unnamed = self.files().filter(|(id, _)| !named.contains(id) && is_open(*id));
        used + unnamed.map(|(_, contents)| contents.allocated()).sum::<u64>()
    }

    /// All files and directories by path, a directory before what is in it.
    pub fn tree(&self) -> Vec<(String, FileId, Option<Bytes>)> {
        let mut found = Vec::new();
        let mut next = vec![(String::new(), Volume::ROOT)];
        while let Some((path, id)) = next.pop() {
            match &self.inodes[&id] {
                Inode::File(contents) => found.push((path, id, Some(contents.to_bytes()))),
                Inode::Directory(directory) => {
                    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
                    next.extend(directory.names.iter().map(|(name, id)| (format!("{prefix}{name}"), *id)));
                    if id != Volume::ROOT {
                        found.push((path, id, None));
                    }
                }
            }
        }
        found.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        found
    }
}
