//! Planted bugs in stories: a story is run in a process of its own, with one planted, and must fail there.
#![allow(clippy::disallowed_methods, dead_code)] // outside of the story's world

use std::process::{Command, Stdio};
use std::sync::Once;

/// Names the bug that a process is to be run with.
const VARIABLE: &str = "THALWEG_PLANT";

/// Plants what this process is told to be run with. At the beginning of every story.
pub fn as_told() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Ok(bug) = std::env::var(VARIABLE) {
            model::marks::plant(&bug);
        }
    });
}

/// Whether `story` of this very program fails with `bug` planted.
pub fn catches(story: &str, bug: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.args(["--exact", story]).env(VARIABLE, bug).stdin(Stdio::null());
    let output = command.output().expect("this program can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "there is no story called {story}: {said}");
    said.contains("1 failed")
}
