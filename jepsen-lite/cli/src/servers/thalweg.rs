//! Thalweg: the configuration of a node, and how it is started.

use super::Layout;
use super::node::{Launch, Node};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The program: the one that is named, the one beside this program, or the one that cargo has built.
///
/// # Errors
/// There is none.
pub fn binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|this| Some(this.parent()?.join("thalweg")));
    let built = PathBuf::from("target/release/thalweg");
    let places: Vec<PathBuf> = match named {
        Some(named) => vec![named.to_owned()],
        None => beside.into_iter().chain([built]).collect(),
    };
    let Some(found) = places.iter().find(|place| place.is_file()) else {
        bail!("there is no thalweg at {}; --binary says where it is", places[0].display())
    };
    found.canonicalize().with_context(|| format!("cannot use {}", found.display()))
}

/// Writes a node's configuration, and says how to start it.
///
/// # Errors
/// It cannot be written.
pub fn prepare(binary: &Path, node: &Node, layout: &Layout) -> anyhow::Result<Launch> {
    let voters = layout.controllers.iter().map(|(id, address)| format!("{id}@{address}"));
    let mut properties = layout.properties_of(node);
    properties.push(("controller.quorum.voters".into(), voters.collect::<Vec<_>>().join(",")));
    // Small, so that a volume that is to be filled can be, and that the journal comes round.
    properties.push(("thalweg.journal.max.bytes".into(), (64 << 20).to_string()));
    let path = node.folder.join("server.properties");
    let text: String = properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let words = [&*binary.to_string_lossy(), "server", "--config", &path.to_string_lossy()].map(str::to_owned);
    Ok(Launch { words: words.to_vec(), environment: Vec::new() })
}
