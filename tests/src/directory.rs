//! Copies of data directories.

use std::fs;
use std::path::Path;

/// Copies a folder with all that is in it.
///
/// # Panics
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a folder can be read");
        let (source, copied) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &copied);
        } else {
            fs::copy(&source, &copied).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        }
    }
}
