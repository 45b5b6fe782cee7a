//! `cargo sim planted`: plants each historical bug in turn, and tells after how many seeds it was caught, and by whom.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use super::clean_runs::CleanRuns;
use super::ledger::{self, Budget, Entry, Judge};
use super::{Child, Ended, Ending, Request, run_each};
use crate::building;
use crate::profile::Profile;
use std::path::Path;
use std::process::Command;

/// The mark that a planted bug leaves when its place is reached.
const REACHED: &str = "planted bug reached";

/// What is asked of the ledger.
pub struct Options {
    /// Bugs, ids or areas; none means all.
    pub names: Vec<String>,
    /// Seeds for each, in place of its budget.
    pub seeds: Option<u64>,
    /// Worlds of this profile, in place of those of the row.
    pub profile: Option<&'static Profile>,
}

/// What became of one row.
struct Row {
    entry: Entry,
    caught: Option<(u64, &'static str, String)>,
    seeds_run: u64,
    seeds_reached: u64,
    died: u64,
}

/// Plants the bugs that were asked for; `true` when each was caught within its budget.
pub fn run(options: &Options, request: &Request) -> bool {
    let entries = match ledger::rows(&options.names) {
        Ok(entries) => entries,
        Err(unknown) => {
            let known: Vec<String> = ledger::LEDGER.iter().map(|e| format!("{} {}", e.id, e.bug)).collect();
            println!("no such bug, id or area: {unknown}; there are:\n{}", known.join("\n"));
            return false;
        }
    };
    println!("{:<4} {:<52} {:<7} {:>6}  caught by", "id", "planted bug", "budget", "seeds");
    let mut clean = CleanRuns::remembered();
    let rows: Vec<Row> = entries.iter().map(|entry| row(entry, options, request, &mut clean)).collect();
    let caught = rows.iter().filter(|row| row.caught.is_some()).count();
    for budget in [Budget::Easy, Budget::Medium, Budget::Hard] {
        let of_budget = || rows.iter().filter(|row| row.entry.budget == budget);
        let caught = of_budget().filter(|row| row.caught.is_some()).count();
        println!("{}: {caught} of {} caught within {} seeds", budget.name(), of_budget().count(), budget.seeds());
    }
    let by_history = rows.iter().filter(|row| matches!(row.caught, Some((_, "client history", _)))).count();
    println!("{caught} of {} planted bugs caught, {by_history} of them by the client history", rows.len());
    caught == rows.len()
}

fn row(entry: &Entry, options: &Options, request: &Request, clean: &mut CleanRuns) -> Row {
    let within = options.seeds.unwrap_or(entry.budget.seeds());
    let row = match (entry.judge, entry.profile(options.profile)) {
        (_, Some(profile)) => in_worlds(entry, &request.of_profile(profile, within), clean),
        (Judge::Machine(name), _) => in_machine(entry, name, request.from, within),
        (Judge::CrashPoints, _) => in_crash_points(entry),
        (Judge::Story(name), _) => in_story(entry, name),
        (Judge::Worlds(name), None) => unreachable!("{name} is a profile"),
    };
    print_row(&row);
    row
}

/// So many seeds are looked at between two looks at whether one has caught it.
const TOGETHER: u64 = 10;

/// Runs worlds, in order, until one catches it. Only seeds that are clean without the bug, and that come to where it is,
/// have to be run with it; with several jobs later ones may run beside the one that catches it; the least counts.
fn in_worlds(entry: &Entry, request: &Request, clean: &mut CleanRuns) -> Row {
    let mut row = Row { entry: *entry, caught: None, seeds_run: 0, seeds_reached: 0, died: 0 };
    let mut arguments = request.arguments.clone();
    arguments.extend(["--plant".to_owned(), entry.bug.to_owned()]);
    let end = request.from + request.count;
    for first in (request.from..end).step_by(TOGETHER as usize) {
        let seeds = first..end.min(first + TOGETHER);
        row.seeds_run += seeds.end - seeds.start;
        clean.learn(seeds.clone(), &request.arguments, request.jobs);
        let passes = |seed: &u64| {
            let run = clean.get(*seed, &request.arguments);
            run.is_some_and(|run| run.is_clean && run.passed.contains(entry.bug))
        };
        let children =
            seeds.filter(passes).map(|seed| Child { seed, arguments: arguments.clone() }).collect::<Vec<_>>();
        run_each(children.into_iter(), request.jobs, |ended| row.take(ended, request.from));
        if row.caught.is_some() {
            break;
        }
    }
    row
}

impl Row {
    /// A run with the bug in it; `false` when it was caught.
    fn take(&mut self, ended: Ended, from: u64) -> bool {
        let Some(report) = ended.report else {
            self.died += 1;
            return true;
        };
        self.seeds_reached += u64::from(report.marks.contains_key(REACHED));
        let number = report.seed - from + 1;
        if let Some(by) = report.ending.caught_by()
            && self.caught.as_ref().is_none_or(|(earlier, ..)| number < *earlier)
        {
            self.caught = Some((number, by, headline(&report.ending)));
        }
        self.caught.is_none()
    }
}

/// Plays the machine's own clusters in memory, in a process of their own: a bug is planted once in a process.
fn in_machine(entry: &Entry, machine: &str, from: u64, within: u64) -> Row {
    let mut row = Row { entry: *entry, caught: None, seeds_run: within, seeds_reached: 0, died: 0 };
    let program = std::env::current_exe().expect("this program has a file");
    let mut command = Command::new(program);
    command.args(["machines", machine, "--planted", entry.bug]);
    command.args(["--from", &from.to_string(), "--seeds", &within.to_string()]);
    let Ok(output) = command.output() else {
        row.died = within;
        return row;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The machine's own line: its name, the bug, the number of seeds, and what was violated.
    let rest = text.lines().find_map(|line| line.split_once(entry.bug)).map_or("", |(_, rest)| rest.trim());
    match rest.split_once(' ') {
        Some((number, what)) if output.status.success() => {
            let number = number.parse().unwrap_or(within);
            row.caught = Some((number, "invariant", what.trim().chars().take(100).collect()));
        }
        _ => row.seeds_reached = u64::from(!rest.ends_with("reached 0 times")),
    }
    row
}

/// Explores the histories one after the other until one shows the bug.
fn in_crash_points(entry: &Entry) -> Row {
    let mut row = Row { entry: *entry, caught: None, seeds_run: 1, seeds_reached: 0, died: 0 };
    let program = std::env::current_exe().expect("this program has a file");
    let Ok(output) = Command::new(program).args(["crash-points", "--planted", entry.bug]).output() else {
        row.died = 1;
        return row;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let what = text.lines().find_map(|line| line.split_once(entry.bug)).map_or("", |(_, what)| what.trim());
    if output.status.success() && !what.is_empty() {
        row.caught = Some((1, "crash points", what.chars().take(100).collect()));
    } else {
        row.seeds_reached = u64::from(!what.ends_with("reached 0 times"));
    }
    row
}

/// Tells the story with the bug planted: it must fail.
fn in_story(entry: &Entry, name: &str) -> Row {
    let mut row = Row { entry: *entry, caught: None, seeds_run: 1, seeds_reached: 0, died: 0 };
    let (file, story) = name.split_once("::").expect("a file and a story");
    let mut cargo = building::cargo(&["test", "-q", "-p", "storage", "--test", file], building::USUAL);
    let output = cargo.args(["--", "--exact", story]).env("THALWEG_PLANT", entry.bug).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if !said.contains("running 1 test") {
        row.died = 1;
    } else if said.contains("1 failed") {
        row.caught = Some((1, "story", name.to_owned()));
    }
    row
}

fn headline(ending: &Ending) -> String {
    ending.headline().chars().take(100).collect()
}

fn print_row(row: &Row) {
    let died = if row.died > 0 { format!(" ({} runs died)", row.died) } else { String::new() };
    let Entry { id, bug, budget, .. } = row.entry;
    let (seeds, what) = match &row.caught {
        Some((seeds, by, what)) => (seeds.to_string(), format!("{by}: {what}")),
        None if row.seeds_reached > 0 => {
            ("-".to_owned(), format!("NOT CAUGHT, reached in {} of {} seeds", row.seeds_reached, row.seeds_run))
        }
        None => ("-".to_owned(), format!("NOT CAUGHT, never reached in {} seeds", row.seeds_run)),
    };
    println!("{id:<4} {bug:<52} {:<7} {seeds:>6}  {what}{died}", budget.name());
}

/// The names in all calls of a macro, `opening` being its name and what precedes the name in the call.
pub fn names_in_source(opening: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let mut names = Vec::new();
    collect(&root.join("crates"), opening, &mut names);
    names.sort();
    names.dedup();
    names
}

/// The same, of the files below a directory.
pub fn collect(directory: &Path, opening: &str, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            collect(&path, opening, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            names.extend(
                code.flat_map(|line| line.split(opening).skip(1).filter_map(|rest| rest.split('"').next()))
                    .map(str::to_owned),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_bugs_are_found_in_the_source_and_each_is_planted_once() {
        let names = names_in_source("planted!(\"");
        assert!(names.iter().any(|name| name == "keep-journal-generation"), "{names:?}");
        let unique: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
    }
}
