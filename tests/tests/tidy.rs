//! Style and layering as tests.
#![allow(clippy::disallowed_methods)] // looks at the source tree itself

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which of our crates each crate may use. `model` is free for all.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("protocol", &["model"]),
    ("controller", &["model", "protocol"]),
    ("coordinator", &["model", "protocol"]),
    ("raft", &["model"]),
    ("replication", &["model"]),
    ("runtime", &["model"]),
    ("storage", &["model", "protocol", "runtime"]),
    ("client", &["model", "protocol", "runtime"]),
    (
        "broker",
        &["model", "protocol", "controller", "coordinator", "raft", "replication", "runtime", "storage", "client"],
    ),
    ("cli", &["model", "protocol", "runtime", "client", "broker", "coordinator", "storage"]),
    ("jepsen-lite", &["model"]),
    ("jepsen-lite-cli", &["model", "runtime", "client", "jepsen-lite", "tests"]),
    (
        "sim",
        &[
            "model",
            "protocol",
            "raft",
            "replication",
            "runtime",
            "storage",
            "client",
            "controller",
            "coordinator",
            "broker",
            "jepsen-lite",
        ],
    ),
    ("tests", &["model", "protocol", "runtime", "storage", "client", "broker"]),
];

/// Crates without async, locks, channels, clocks, dice, threads and files.
const PURE: &[&str] = &["model", "protocol", "controller", "coordinator", "raft", "replication"];

const LONGEST_FILE: usize = 1000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is in the root").to_owned()
}

fn folder_of(name: &str) -> PathBuf {
    match name {
        "sim" | "jepsen-lite" | "tests" => root().join(name),
        "jepsen-lite-cli" => root().join("jepsen-lite/cli"),
        name => root().join("crates").join(name),
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["crates", "sim", "jepsen-lite", "tests"] {
        sources(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "the sources are found");
    found.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        (path.strip_prefix(root()).expect("below the root").to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = all_sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}

#[test]
fn crates_use_only_those_below_them() {
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in EDGES {
        let manifest = std::fs::read_to_string(folder_of(name).join("Cargo.toml")).expect("each crate has a manifest");
        for line in manifest.lines() {
            let used = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let fine = !ours.contains(used) || allowed.contains(&used);
            assert!(fine, "{name} may not use {used}: see the table of edges");
        }
    }
}

#[test]
fn the_runtime_alone_names_the_world() {
    let words = ["tokio::", "madsim::", "std::fs::", "std::time::Instant", "std::time::SystemTime", "cfg(madsim)"];
    for (path, text) in all_sources() {
        let name = path.to_string_lossy();
        let free =
            ["crates/runtime/", "sim/", "tests/", "crates/cli/src/commands/server.rs", "crates/model/src/marks.rs"];
        // Checkers are timed by their own tests, which are files beside them.
        let is_test = name.ends_with("/generated.rs")
            || name.contains("/tests/")
            || name.contains("/examples/")
            || name.contains("/fuzz/");
        if is_test || free.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        for word in words {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let named = code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
            assert!(!named, "{name} names {word}: go through crates/runtime");
        }
    }
}

#[test]
fn pure_crates_are_pure() {
    let words = ["async fn", "async move", ".await", "Mutex<", "RwLock<", "mpsc", "thread::", "runtime::", "rand::"];
    for (path, text) in all_sources() {
        let name = path.to_string_lossy();
        let pure = PURE.iter().any(|pure| name.starts_with(&format!("crates/{pure}/src/")));
        if !pure || name.ends_with("/marks.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert!(!words.iter().any(|word| line.contains(word)), "{name} is of a pure crate: {line}");
        }
    }
}

#[test]
fn planted_bugs_and_marks_have_one_literal_name_each() {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (path, text) in all_sources() {
        let file = path.to_string_lossy().into_owned();
        if file.ends_with("/marks.rs") || file.starts_with("tests/") {
            continue;
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for start in ["planted!(", "mark!("] {
                let Some((before, rest)) = line.split_once(start) else { continue };
                if before.ends_with(['"', '`', '\'']) {
                    continue; // spoken of, not used
                }
                let name = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(name, _)| name);
                let name = name.unwrap_or_else(|| panic!("{file}: a computed name: {line}"));
                if let Some(other) = names.insert(name.to_owned(), file.clone()) {
                    panic!("{name:?} is named in {other} and in {file}");
                }
            }
        }
    }
    assert!(names.len() > 20, "the names are found: {names:?}");
}
