//! How cargo builds something for the simulated world, whatever the user's own compiler flags are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The flag that picks the simulated half of `runtime`. Set in the variable that wins over every other source of flags.
const FLAGS: &str = "--cfg\u{1f}madsim";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// The profile of the workspace's Cargo.toml that is quick to build.
pub const USUAL: &str = "sim";

/// Where everything is built.
pub fn target() -> PathBuf {
    root().join("target/sim")
}

/// Cargo with one of its commands, building by a profile, and more arguments to come.
#[allow(clippy::disallowed_methods)] // outside of every simulated world
pub fn cargo(command: &[&str], profile: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(command).args(["--profile", profile, "--manifest-path"]).arg(root().join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS).env("CARGO_ENCODED_RUSTDOCFLAGS", FLAGS);
    cargo.env_remove("RUSTFLAGS").env_remove("RUSTDOCFLAGS").env_remove("CARGO_BUILD_TARGET");
    cargo
}
