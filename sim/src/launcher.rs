//! Builds this program anew for the simulator and runs it.

use crate::building::{USUAL, cargo, target};
use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

/// The word that asks for the faster build; the simulator itself hears nothing of it.
const RELEASE: &str = "--release";
/// What it is built by then: linked as one, it is a quarter faster, and minutes more to build.
const RELEASE_PROFILE: &str = "sim-release";

/// `cargo sim test ...` runs `cargo test ...` in the simulator's world; all else is for the simulator itself.
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let profile = if arguments.iter().any(|a| a == RELEASE) { RELEASE_PROFILE } else { USUAL };
    arguments.retain(|argument| argument != RELEASE);
    let mut cargo = if arguments.first().is_some_and(|first| first == "test") {
        arguments.remove(0);
        cargo(&["test"], profile)
    } else {
        arguments.insert(0, "--".into());
        let mut command = vec!["run", "-p", "sim", "--bin", "sim"];
        if target().join(profile).join("sim").exists() {
            command.push("-q"); // the first build takes minutes, and should show that it gets on
        }
        cargo(&command, profile)
    };
    match cargo.args(arguments).status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("sim: cannot run cargo to build the simulator: {error}");
            ExitCode::FAILURE
        }
    }
}
