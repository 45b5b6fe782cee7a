//! Plants a machine's bugs, one a process, and tells after how many seeds each was caught, and by which invariant.
#![allow(clippy::disallowed_methods)] // outside of every simulated world

use super::{Machine, Options, seeds};
use crate::fleet::planted::collect;
use std::path::Path;
use std::process::Command;

/// Plants `bug`, or `all` there are; `true` when each was caught.
pub fn run(bug: &str, machines: &[Machine], options: &Options) -> bool {
    let all: Vec<(Machine, String)> = machines
        .iter()
        .flat_map(|machine| bugs_of(machine).into_iter().map(|bug| (*machine, bug)))
        .filter(|(_, known)| bug == "all" || known == bug)
        .collect();
    match &all[..] {
        [] => {
            let known: Vec<String> = machines.iter().flat_map(bugs_of).collect();
            println!("no such bug: {bug}; there are: {}", known.join(", "));
            false
        }
        [(machine, bug)] => here(*machine, bug, options),
        _ => {
            let caught = all.iter().filter(|(machine, bug)| in_child(machine, bug, options)).count();
            println!("{caught} of {} planted bugs caught within {} seeds", all.len(), options.seeds);
            caught == all.len()
        }
    }
}

fn bugs_of(machine: &Machine) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let mut names = Vec::new();
    collect(&root.join("crates").join(machine.name).join("src"), "planted!(\"", &mut names);
    names.sort();
    names
}

fn here(machine: Machine, bug: &str, options: &Options) -> bool {
    model::marks::plant(bug);
    let played = seeds::play(machine, options, true);
    let reached = model::marks::counts().get("planted bug reached").copied().unwrap_or(0);
    let name = machine.name;
    match played.found.first() {
        Some(found) => {
            let nth = found.seed - options.range().start + 1;
            let what: String = found.what.chars().take(100).collect();
            println!("{name:<12} {bug:<44} {nth:>6}  {}: {what}", found.by);
        }
        None => println!("{name:<12} {bug:<44} {:>6}  NOT CAUGHT, its place was reached {reached} times", "-"),
    }
    !played.found.is_empty()
}

fn in_child(machine: &Machine, bug: &str, options: &Options) -> bool {
    let program = std::env::current_exe().expect("this program has a file");
    let mut command = Command::new(program);
    command.args(["machines", machine.name, "--planted", bug]);
    command.args(["--from", &options.from.to_string(), "--seeds", &options.seeds.to_string()]);
    command.args(["--jobs", &options.jobs().to_string()]);
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            println!("{} {bug}: cannot be started: {error}", machine.name);
            false
        }
    }
}
