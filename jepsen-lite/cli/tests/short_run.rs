//! The program as people use it: a run of a few seconds against three real servers leaves a history that is judged alike
//! later, and everything a report needs.
#![cfg(not(madsim))]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // about real processes and their files

use std::path::Path;
use std::process::{Command, Output};

fn jepsen_lite(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jepsen-lite")).args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn three_servers_are_killed_and_paused_and_keep_what_they_promise() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let out = folder.path().join("run");
    let binary = tests::binary::thalweg().to_string_lossy().into_owned();
    let ran = jepsen_lite(&[
        "run",
        "--binary",
        &binary,
        "--out",
        &out.to_string_lossy(),
        "--workload",
        "group",
        "--nemesis",
        "kill,pause",
        "--time",
        "12s",
        "--rate",
        "100",
    ]);
    let said = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{said}\n{}", text(&ran.stderr));
    assert!(said.contains("valid: every promise was kept") && said.contains("faults: "), "{said}");
    is_judged_alike(&out.join("history.jsonl"));
    let page = std::fs::read_to_string(out.join("report.html")).expect("the report is there");
    assert!(page.contains("every promise was kept") && page.contains("\"faults\":[{"), "the page holds the run");
    let edn = std::fs::read_to_string(out.join("history.edn")).expect("the EDN is there");
    assert!(edn.contains(":f :send") && edn.contains(":process :nemesis"), "the EDN holds the run");
    // A folder is used once.
    let again = jepsen_lite(&["run", "--binary", &binary, "--out", &out.to_string_lossy()]);
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
}

fn is_judged_alike(history: &Path) {
    let checked = jepsen_lite(&["check", &history.to_string_lossy()]);
    let said = text(&checked.stdout);
    assert!(checked.status.success() && said.contains("clean in"), "{said}");
}

#[test]
fn servers_that_are_not_there_cannot_be_judged() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let out = folder.path().join("run").to_string_lossy().into_owned();
    let ran = jepsen_lite(&["run", "--binary", "/nowhere/thalweg", "--out", &out]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stderr).contains("--binary says where it is"), "{}", text(&ran.stderr));
}
