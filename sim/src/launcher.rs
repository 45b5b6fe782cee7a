//! Builds this program anew for the simulator and runs it, whatever the user's own compiler flags are.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The flag that picks the simulated half of `runtime`. Set in the variable that wins over every other source of flags.
const FLAGS: &str = "--cfg\u{1f}madsim";

/// `cargo sim test ...` runs `cargo test ...` in the simulator's world; all else is for the simulator itself.
pub fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let target = root.join("target/sim");
    let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if arguments.first().is_some_and(|first| first == "test") {
        arguments.remove(0);
        cargo.arg("test");
    } else {
        cargo.args(["run", "-p", "sim", "--bin", "sim"]);
        if target.join("sim/sim").exists() {
            cargo.arg("-q"); // the first build takes minutes, and should show that it gets on
        }
        arguments.insert(0, "--".into());
    }
    cargo.args(["--profile", "sim", "--manifest-path"]).arg(root.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target).args(arguments);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS).env("CARGO_ENCODED_RUSTDOCFLAGS", FLAGS);
    cargo.env_remove("RUSTFLAGS").env_remove("RUSTDOCFLAGS").env_remove("CARGO_BUILD_TARGET");
    match cargo.status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("sim: cannot run cargo to build the simulator: {error}");
            ExitCode::FAILURE
        }
    }
}
