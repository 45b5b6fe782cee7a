//! `cargo sim replay`: plays a `.repro` file, and says whether what it expects was found.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use super::{Child, Request, run_each, seeds};
use crate::repro::Repro;
use std::path::Path;

/// Plays it; `true` when nothing is found any more.
pub fn run(file: &Path, request: &Request) -> bool {
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let repro = match read.and_then(|text| Repro::read(&text)) {
        Ok(repro) => repro,
        Err(why) => {
            println!("{}: {why}", file.display());
            return false;
        }
    };
    println!("found at commit {}, profile {}: {}", repro.commit, repro.profile, repro.expected);
    let mut arguments = request.arguments.clone();
    arguments.extend(["--repro".to_owned(), file.display().to_string()]);
    arguments.extend(repro.planted.iter().flat_map(|name| ["--plant".to_owned(), name.clone()]));
    let request = Request { from: repro.plan.seed, count: 1, arguments, ..request.clone() };
    let mut found = None;
    run_each([Child { seed: request.from, arguments: request.arguments.clone() }].into_iter(), 1, |ended| {
        seeds::show(&request, &ended);
        found = ended.report.map(|report| report.ending.headline());
        true
    });
    match &found {
        Some(now) if *now == repro.expected => println!("as expected: {now}"),
        Some(now) => println!("expected {}, and found: {now}", repro.expected),
        None => println!("the run died"),
    }
    found.as_deref() == Some("clean")
}
