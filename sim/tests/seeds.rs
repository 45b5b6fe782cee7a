//! A batch of seeds through the launcher, as a person runs them, so that plain `cargo test` simulates too. The first
//! time this builds the simulator, which takes minutes.

use std::process::{Command, Output};

fn cargo_sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).output().expect("the launcher runs")
}

fn last_lines(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = out.lines().collect();
    let tail = lines[lines.len().saturating_sub(60)..].join("\n");
    format!("{tail}\n{}", String::from_utf8_lossy(&output.stderr))
}

#[test]
fn some_seeds_pass_and_are_the_same_twice() {
    let seeds = cargo_sim(&["--seeds", "4", "--from", "1"]);
    let said = last_lines(&seeds);
    assert!(seeds.status.success(), "{said}");
    assert!(said.contains("4 passed, 0 failed"), "{said}");
    let check = cargo_sim(&["check", "--seeds", "2", "--profile", "smoke"]);
    assert!(check.status.success(), "{}", last_lines(&check));
    let leak = cargo_sim(&["check", "--seeds", "1", "--profile", "smoke", "--planted-nondeterminism"]);
    let said = last_lines(&leak);
    assert!(!leak.status.success() && said.contains("1 different"), "the planted leak was not seen: {said}");
}

#[test]
fn some_clusters_pass_and_are_the_same_twice() {
    let seeds = cargo_sim(&["--profile", "cluster-smoke", "--seeds", "2"]);
    let said = last_lines(&seeds);
    assert!(seeds.status.success() && said.contains("2 passed, 0 failed"), "{said}");
    let check = cargo_sim(&["check", "--profile", "cluster-smoke", "--seeds", "1"]);
    assert!(check.status.success(), "{}", last_lines(&check));
}

#[test]
fn usage_errors_end_with_code_2() {
    let output = cargo_sim(&["--seed", "1", "--seeds", "4"]);
    assert_eq!(output.status.code(), Some(2), "{}", last_lines(&output));
}
