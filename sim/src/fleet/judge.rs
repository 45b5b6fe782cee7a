//! `cargo sim judge`: what clients saw, judged again or for the first time. For histories that a run left behind, and for
//! those of other clusters.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use jepsen_lite::checker;
use jepsen_lite::history::{self, History};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Judges each file, and prints what is wrong; `true` when nothing is.
pub fn run(files: &[PathBuf]) -> bool {
    let mut clean = true;
    for file in files {
        match read(file) {
            Ok(history) => clean &= show(file, &history),
            Err(why) => {
                println!("{}: {why}", file.display());
                clean = false;
            }
        }
    }
    clean
}

fn read(file: &Path) -> Result<History, String> {
    let opened = File::open(file).map_err(|error| format!("cannot be read: {error}"))?;
    history::read(BufReader::new(opened)).map_err(|error| error.to_string())
}

fn show(file: &Path, history: &History) -> bool {
    let verdict = checker::check(history);
    print!("{}: {}", file.display(), checker::in_words(history, &verdict));
    verdict.is_clean()
}
