//! Planted bugs and coverage marks, named in words at the place where the danger lives.
//!
//! `planted!("ack-before-sync")` is the constant false unless the code is built for the simulator (or with
//! `--cfg thalweg_planted`); there, one process-wide switch picks at most one bug, set once at start. A real process that
//! is built so takes the name from the environment variable `THALWEG_PLANT`.
//! `mark!("isr below minimum")` counts how often a branch that handles a fault, a race or a wrap was reached.

/// Whether the bug `$name` is planted in this process. Guards one expression that re-creates a historical mistake.
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::marks::is_planted($name)
    };
}

/// Counts that this branch was reached.
#[macro_export]
macro_rules! mark {
    ($name:literal) => {
        $crate::marks::reached($name)
    };
}

#[cfg(any(madsim, thalweg_planted))]
mod armed {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::{Mutex, OnceLock};

    static PLANTED: OnceLock<String> = OnceLock::new();
    static REACHED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
    static PASSED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    /// Switches one bug on for the life of the process. Once, before anything runs.
    pub fn plant(name: &str) {
        assert!(PLANTED.set(name.to_owned()).is_ok(), "one bug a process, planted once");
    }

    /// See [`planted!`](crate::planted).
    pub fn is_planted(name: &'static str) -> bool {
        let planted = asked_for() == Some(name);
        if asked_for().is_none() {
            PASSED.lock().expect("no panic inside").insert(name);
        }
        if planted {
            let mut reached = REACHED.lock().expect("no panic inside");
            let times = reached.entry("planted bug reached").or_insert(0);
            *times += 1;
            if *times == 1 {
                first_reached(name);
            }
        }
        planted
    }

    /// The bug of this process. In the simulator it comes from the seed's own plan and from nowhere else.
    #[cfg(madsim)]
    fn asked_for() -> Option<&'static str> {
        PLANTED.get().map(String::as_str)
    }

    #[cfg(not(madsim))]
    fn asked_for() -> Option<&'static str> {
        Some(PLANTED.get_or_init(|| std::env::var("THALWEG_PLANT").unwrap_or_default()))
    }

    /// A trace holds it already.
    #[cfg(madsim)]
    fn first_reached(_: &str) {}

    /// Who runs real processes has to learn from their logs that a bug was there to be found.
    #[cfg(not(madsim))]
    fn first_reached(name: &str) {
        eprintln!("thalweg: planted bug reached: {name}");
    }

    /// See [`mark!`](crate::mark).
    pub fn reached(name: &'static str) {
        *REACHED.lock().expect("no panic inside").entry(name).or_insert(0) += 1;
    }

    /// The bugs that this process would have met so far, had they been planted. Up to there a run with one of them is the
    /// same run. Nothing where one is planted.
    pub fn passed() -> BTreeSet<&'static str> {
        PASSED.lock().expect("no panic inside").clone()
    }

    /// How often each mark was reached in this process so far.
    pub fn counts() -> BTreeMap<&'static str, u64> {
        REACHED.lock().expect("no panic inside").clone()
    }
}

#[cfg(any(madsim, thalweg_planted))]
pub use armed::{counts, is_planted, passed, plant, reached};

/// See [`planted!`](crate::planted).
#[cfg(not(any(madsim, thalweg_planted)))]
#[inline(always)]
pub const fn is_planted(_name: &'static str) -> bool {
    false
}

/// See [`mark!`](crate::mark).
#[cfg(not(any(madsim, thalweg_planted)))]
#[inline(always)]
pub const fn reached(_name: &'static str) {}
