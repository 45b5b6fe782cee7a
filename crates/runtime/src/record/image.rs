//! What a directory holds: paths and bytes.

use super::Volume;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The contents of a data directory. Cheap to copy.
#[derive(Clone, Debug, Default)]
pub struct Image {
    volume: Volume,
}

impl Image {
    /// An empty directory.
    pub fn new() -> Image {
        Image::default()
    }

    /// Of what a volume holds; all of it counts as durable.
    pub(crate) fn of(mut volume: Volume) -> Image {
        volume.settle();
        volume.collect(|_| false);
        Image { volume }
    }

    /// Of what a volume holds, with what is loose in it.
    pub(crate) fn with_loose(mut volume: Volume) -> Image {
        volume.collect(|_| false);
        Image { volume }
    }

    pub(crate) fn volume(&self) -> &Volume {
        &self.volume
    }

    /// Puts a file at `path`, in place of what is there; directories are made as needed.
    ///
    /// # Panics
    /// When part of the path is a file.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.put_directory(parent);
        }
        let _replaced = self.volume.remove_file(path);
        let file = self.volume.create_file(path).expect("its directory exists");
        self.volume.contents_mut(file).expect("it was just made").write(0, bytes);
        self.volume.settle();
    }

    /// Makes a directory and those it is in, unless they exist.
    ///
    /// # Panics
    /// When part of the path is a file.
    pub fn put_directory(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for directory in ends.map(|end| &path[..end]) {
            if self.volume.find(directory).is_err() {
                self.volume.create_directory(directory).expect("its parent is a directory");
            }
        }
        self.volume.settle();
    }

    /// Every file by path.
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        self.volume.tree().into_iter().filter_map(|(path, _, bytes)| Some((path, bytes?))).collect()
    }

    /// How long all files are together.
    pub fn length(&self) -> u64 {
        self.volume.files().map(|(_, contents)| contents.length()).sum()
    }

    /// Every directory by path but the root, each before what is in it.
    pub fn directories(&self) -> Vec<String> {
        self.volume.tree().into_iter().filter(|(_, _, bytes)| bytes.is_none()).map(|(path, ..)| path).collect()
    }

    /// The bytes of one file.
    pub fn file(&self, path: &str) -> Option<Bytes> {
        let file = self.volume.find_file(path).ok()?;
        Some(self.volume.contents(file).ok()?.to_bytes())
    }

    /// Equal for equal images, and for others only by a rare accident: for leaving out what was tested already.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut mix = |word: u64| hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        for (path, _, bytes) in self.volume.tree() {
            mix(path.len() as u64);
            let bytes = bytes.unwrap_or_default();
            mix(bytes.len() as u64);
            for chunk in path.as_bytes().chunks(8).chain(bytes.chunks(8)) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                mix(u64::from_le_bytes(word));
            }
        }
        hash
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        let without_ids = |image: &Image| -> Vec<_> {
            image.volume.tree().into_iter().map(|(path, _, bytes)| (path, bytes)).collect()
        };
        without_ids(self) == without_ids(other)
    }
}

impl Eq for Image {}
