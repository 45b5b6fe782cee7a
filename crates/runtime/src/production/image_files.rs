//! Crash images on a real file system: for tests that open them with the production half.
#![allow(clippy::disallowed_methods)] // this is the replacement that the lint names

use crate::record::Image;
use std::io;
use std::path::Path;

impl Image {
    /// Writes it into a directory, which is made when it does not exist and should be empty.
    ///
    /// # Errors
    /// An I/O error.
    pub fn write_to(&self, root: impl AsRef<Path>) -> io::Result<()> {
        let root = root.as_ref();
        std::fs::create_dir_all(root)?;
        for directory in self.directories() {
            std::fs::create_dir(root.join(directory))?;
        }
        for (path, bytes) in self.files() {
            std::fs::write(root.join(path), bytes)?;
        }
        Ok(())
    }

    /// What a directory holds.
    ///
    /// # Errors
    /// An I/O error.
    pub fn read_from(root: impl AsRef<Path>) -> io::Result<Image> {
        read(root.as_ref())
    }
}

pub(super) fn read(root: &Path) -> io::Result<Image> {
    let mut image = Image::new();
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if entry.file_type()?.is_dir() {
                image.put_directory(&path);
                directories.push(path);
            } else {
                image.put(&path, &std::fs::read(entry.path())?);
            }
        }
    }
    Ok(image)
}
