//! The `thalweg` program of the profile under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate has a folder of its own in the root")
}

/// Where the program is; built first if it is missing or older than its sources. `THALWEG_BINARY` names another one.
///
/// # Panics
/// When it cannot be built.
pub fn thalweg() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("THALWEG_BINARY").map_or_else(build, PathBuf::from))
}

/// Cargo builds a package's programs for its own tests alone, so it is asked; it knows what is up to date.
fn build() -> PathBuf {
    // <target>/<profile>/deps/<this test>
    let this = std::env::current_exe().expect("a running program has a path");
    let output = this.ancestors().nth(2).expect("cargo puts tests two folders below the profile's parent");
    let target = output.parent().expect("a profile's folder is in the target folder");
    let profile = match output.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} is not in a profile's folder", this.display()),
    };
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--bin", "thalweg", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(root())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "cargo build --bin thalweg failed: see above");
    output.join("thalweg")
}
