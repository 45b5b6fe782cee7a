//! `cargo sim planted`: plants each historical bug in turn, and tells after how many seeds it was caught, and by whom.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use super::children::children;
use super::{Child, Ending, Request, run_each};
use std::path::Path;

/// The mark that a planted bug leaves when its place is reached.
const REACHED: &str = "planted bug reached";

/// One row of the ledger.
struct Row {
    name: String,
    caught: Option<(u64, &'static str, String)>,
    seeds_run: u64,
    seeds_reached: u64,
    died: u64,
}

/// Plants `names`, or all there are; `true` when each was caught.
pub fn run(names: &[String], request: &Request) -> bool {
    let known = names_in_source("planted!(\"");
    let unknown: Vec<&String> = names.iter().filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        println!("no such bug: {unknown:?}; there are: {}", known.join(", "));
        return false;
    }
    let chosen = if names.is_empty() { &known } else { names };
    let seeds = clean_seeds(request);
    println!("{} of {} seeds are clean without a planted bug and count", seeds.len(), request.count);
    println!("{:<44} {:>6}  caught by", "planted bug", "seeds");
    let rows: Vec<Row> = chosen.iter().map(|name| row(name, &seeds, request)).inspect(print_row).collect();
    let caught = rows.iter().filter(|row| row.caught.is_some()).count();
    println!("{caught} of {} planted bugs caught within {} seeds", rows.len(), seeds.len());
    caught == rows.len()
}

/// The seeds in which nothing is found as the code is: what is found there with a bug planted, the bug did.
fn clean_seeds(request: &Request) -> Vec<u64> {
    let mut clean = Vec::new();
    run_each(children(request), request.jobs, |ended| {
        if ended.report.is_some_and(|report| report.ending.caught_by().is_none()) {
            clean.push(ended.child.seed);
        }
        true
    });
    clean.sort_unstable();
    clean
}

/// Runs seeds, in order, until one catches it. With several jobs later seeds may run beside the one that does; the
/// least seed counts.
fn row(name: &str, seeds: &[u64], request: &Request) -> Row {
    let mut row = Row { name: name.to_owned(), caught: None, seeds_run: 0, seeds_reached: 0, died: 0 };
    let mut arguments = request.arguments.clone();
    arguments.extend(["--plant".to_owned(), name.to_owned()]);
    let children = seeds.iter().map(|seed| Child { seed: *seed, arguments: arguments.clone() });
    run_each(children, request.jobs, |ended| {
        row.seeds_run += 1;
        let Some(report) = ended.report else {
            row.died += 1;
            return true;
        };
        row.seeds_reached += u64::from(report.marks.contains_key(REACHED));
        let number = seeds.partition_point(|seed| *seed < report.seed) as u64 + 1;
        if let Some(by) = report.ending.caught_by()
            && row.caught.as_ref().is_none_or(|(earlier, ..)| number < *earlier)
        {
            row.caught = Some((number, by, headline(&report.ending)));
        }
        row.caught.is_none()
    });
    row
}

fn headline(ending: &Ending) -> String {
    ending.headline().chars().take(100).collect()
}

fn print_row(row: &Row) {
    let died = if row.died > 0 { format!(" ({} runs died)", row.died) } else { String::new() };
    match &row.caught {
        Some((seeds, by, what)) => println!("{:<44} {seeds:>6}  {by}: {what}{died}", row.name),
        None if row.seeds_reached > 0 => {
            let (reached, run) = (row.seeds_reached, row.seeds_run);
            println!("{:<44} {:>6}  reached in {reached} of {run} seeds, not detected{died}", row.name, "-");
        }
        None => println!("{:<44} {:>6}  never reached in {} seeds{died}", row.name, "-", row.seeds_run),
    }
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
