//! Plants bugs, one a process, and tells which history caught it.

use super::{Options, one};
use crate::fleet::planted::names_in_source;

/// Plants `bug`, or `all` there are; `true` when each was caught.
pub fn run(bug: &str, histories: &[String], options: &Options) -> bool {
    let known = names_in_source("planted!(\"");
    let chosen: Vec<&String> = known.iter().filter(|known| bug == "all" || *known == bug).collect();
    if chosen.is_empty() {
        println!("no such bug: {bug}; there are: {}", known.join(", "));
        return false;
    }
    let mut missed = 0;
    for bug in &chosen {
        let mut reached = 0;
        let caught = histories.iter().find_map(|history| {
            let row = one::in_child(history, Some(bug), options);
            reached += row.reached;
            row.wrong.into_iter().next()
        });
        missed += usize::from(caught.is_none());
        let caught = caught.unwrap_or_else(|| format!("NOT CAUGHT, its place was reached {reached} times"));
        println!("{bug:<42} {}", caught.lines().next().unwrap_or_default().chars().take(200).collect::<String>());
    }
    println!("{} of {} planted bugs caught", chosen.len() - missed, chosen.len());
    missed == 0
}
