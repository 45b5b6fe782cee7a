//! `cargo sim faults`: every kind of fault, how many seeds have it at all, and how often the last fleet used it.
#![allow(clippy::disallowed_methods)] // the fleet lives outside of every simulated world

use crate::building;
use crate::plan::kinds;
use jepsen_lite::history::FaultKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the last fleet did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFleet {
    /// Runs that were finished.
    pub runs: u64,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<String, u64>,
}

impl LastFleet {
    fn file() -> PathBuf {
        building::target().join("last-fleet.json")
    }

    /// Remembers it for [`print`]. Where that cannot be written the menu goes without.
    pub fn remember(&self) {
        let json = serde_json::to_string(self).expect("counts are plain data");
        let _ = std::fs::write(LastFleet::file(), json);
    }

    fn remembered() -> Option<LastFleet> {
        serde_json::from_str(&std::fs::read_to_string(LastFleet::file()).ok()?).ok()
    }
}

/// Prints the menu; `true` when the last fleet used each kind, or there was none.
pub fn print() -> bool {
    let last = LastFleet::remembered();
    println!("{:<20} {:>9} {:>9} {:>16}", "kind", "one node", "cluster", "in the last run");
    let mut unused = 0;
    for kind in FaultKind::ALL {
        let percent = |cluster| {
            let kind = kinds(cluster).iter().find(|entry| entry.kind == *kind);
            kind.map_or("-".to_owned(), |kind| format!("{} %", kind.percent))
        };
        let used = last.as_ref().map(|last| last.faults.get(kind.name()).copied().unwrap_or(0));
        unused += u64::from(used == Some(0));
        let used = used.map_or("?".to_owned(), |times| times.to_string());
        println!("{:<20} {:>9} {:>9} {used:>16}", kind.name(), percent(false), percent(true));
    }
    match last {
        Some(last) => println!("the last fleet had {} runs; {unused} kinds did not happen in it", last.runs),
        None => println!("no fleet has run yet: cargo sim --seeds 200"),
    }
    unused == 0
}
