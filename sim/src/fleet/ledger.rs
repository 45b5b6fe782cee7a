//! The ledger: every bug that is planted in the code, the historical mistake it stands for, and within how many seeds it
//! must be caught. One row a planted bug; a mistake that can be made in several places has several rows.

use crate::profile::Profile;

/// How hard a bug is to bring out, and with that how many seeds it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    /// 10 seeds.
    Easy,
    /// 100 seeds.
    Medium,
    /// 1,000 seeds.
    Hard,
}

impl Budget {
    /// The seeds it may take.
    pub fn seeds(self) -> u64 {
        match self {
            Budget::Easy => 10,
            Budget::Medium => 100,
            Budget::Hard => 1000,
        }
    }

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Budget::Easy => "easy",
            Budget::Medium => "medium",
            Budget::Hard => "hard",
        }
    }
}

/// Who judges a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Whole worlds of the profile with this name.
    Worlds(&'static str),
    /// The cluster in memory of the machine with this name: what it does wrong no client has to see.
    Machine(&'static str),
    /// The histories of a log directory that are cut short at every disk operation: what a crash does there takes a moment
    /// that whole worlds hardly ever meet.
    CrashPoints,
    /// A story among the storage's tests, as `file::story`: no client of a whole world can bring it out.
    Story(&'static str),
}

/// One planted bug.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The historical mistake, a letter for its area and a number; our own fears have the number 0.
    pub id: &'static str,
    /// What it is planted as.
    pub bug: &'static str,
    /// How many seeds it may take.
    pub budget: Budget,
    /// Where.
    pub judge: Judge,
}

const fn world(profile: &'static str, id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    Entry { id, bug, budget, judge: Judge::Worlds(profile) }
}

const fn one(id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    world("standard", id, budget, bug)
}

/// One node whose disk has most of what goes wrong: one of several would be healed by the others before anybody sees it.
const fn storage(id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    world("storage", id, budget, bug)
}

const fn cluster(id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    world("cluster", id, budget, bug)
}

const fn groups(id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    world("groups", id, budget, bug)
}

const fn machine(name: &'static str, id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    Entry { id, bug, budget, judge: Judge::Machine(name) }
}

const fn crash(id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    Entry { id, bug, budget, judge: Judge::CrashPoints }
}

const fn story(name: &'static str, id: &'static str, budget: Budget, bug: &'static str) -> Entry {
    Entry { id, bug, budget, judge: Judge::Story(name) }
}

use Budget::{Easy, Hard, Medium};

/// All rows, by id.
pub const LEDGER: &[Entry] = &[
    cluster("C00", Easy, "a broker stops without a word"),
    cluster("C00", Easy, "a preferred election is answered and not held"),
    machine("raft", "C01", Easy, "leader-of-a-minority-stays"),
    cluster("C02", Hard, "a deposed controller changes an isr"),
    machine("replication", "C02", Hard, "a lost isr answer is a refusal"),
    // A replica that has just caught up is wiped, and registers, while its leader's word for it is on the way.
    cluster("C04", Hard, "a past life of a replica joins the isr"),
    machine("replication", "C04", Medium, "propose whichever registration there is"),
    cluster("C05", Medium, "a topic is known by its name"),
    cluster("C07", Medium, "old replicas go before the new ones are in sync"),
    cluster("C08", Easy, "a probe without an answer is taken for a death"),
    one("D01", Easy, "ack-before-sync"),
    cluster("D02", Medium, "a vote is answered before it is durable"),
    machine("raft", "D02", Medium, "vote-not-saved"),
    storage("D04", Medium, "a bad metadata snapshot counts as an empty one"),
    one("D05", Easy, "keep-appending-after-write-error"),
    one("D07", Medium, "recovery-point-before-flush"),
    one("D08", Medium, "clean-mark-left-at-start"),
    one("D10", Easy, "recovery-accepts-by-length"),
    one("D11", Hard, "skip-offset-contiguity"),
    // A batch has to be in a snapshot, lost with the page cache, and not be answered yet.
    crash("D13", Medium, "producer-snapshot-beyond-log-end"),
    // The entry that rots has to be the one by which somebody looks for a record of long ago.
    story("append_and_read::a_torn_index_costs_time_and_no_record", "D14", Medium, "trust-index-files"),
    one("D16", Hard, "group-crc-header-only"),
    // A cut has to end while a sync of what it cut is under way, and then a crash has to come before the next checkpoint.
    crash("D17", Hard, "checkpoint-by-end-offset"),
    one("D18", Hard, "recovery-skips-matching-bytes"),
    one("D18", Hard, "replay-before-journal-sync"),
    one("D19", Medium, "mode-from-config"),
    // A crash has to come between the cut and the journal that tells of it.
    crash("D20", Medium, "truncate-before-journal"),
    // A thousand seeds keep it, and none has groups of two generations where the one is taken for the other.
    story("journal_stories::groups_of_an_earlier_generation_are_not_replayed", "D21", Hard, "keep-journal-generation"),
    cluster("D00", Hard, "a cut holds what was given away"),
    story(
        "journal_replay::epochs_from_after_a_cut_do_not_take_those_of_what_was_kept",
        "D00",
        Hard,
        "epochs from after a cut stay while what was cut is replayed",
    ),
    story(
        "journal_stories::a_file_that_was_released_while_it_was_written_to_is_free_once_it_is_left",
        "D00",
        Medium,
        "a journal file that is left stays taken",
    ),
    story(
        "journal_stories::a_group_that_finds_no_place_is_made_room_for_at_once",
        "D00",
        Medium,
        "nobody is told that a group finds no place",
    ),
    story(
        "journal_stories::an_empty_group_keeps_no_new_log_waiting",
        "D00",
        Medium,
        "only logs move the tail of the journal",
    ),
    story(
        "journal_stories::logs_that_are_closed_together_do_not_wait_for_each_other",
        "D00",
        Medium,
        "a log is closed before the journal has all of the others",
    ),
    story(
        "cleaning_stories::the_last_batch_of_a_cleaned_segment_is_not_taken_for_one_from_far_above",
        "D00",
        Medium,
        "a batch may reach into the next segment",
    ),
    // Seed 962: segments of a dozen batches on a slow disk, and then a session ends in peace.
    story(
        "journal_stories::the_journal_is_emptied_beside_the_page_cache",
        "D00",
        Hard,
        "the journal waits for the page cache",
    ),
    cluster("D00", Hard, "a damaged replica stays in sync"),
    story(
        "scrub_and_repair::whenever_the_power_fails_during_a_repair_what_is_damaged_is_known_to_be",
        "D00",
        Hard,
        "a repair is believed before it is synced",
    ),
    story(
        "scrub_and_repair::batches_that_are_not_those_that_were_there_are_not_written",
        "D00",
        Hard,
        "repair takes another epoch's records",
    ),
    cluster("F00", Hard, "out of range above the leader's high watermark"),
    one("F00", Easy, "max-timestamp-of-closed-segments"),
    one("F01", Medium, "forget-partition-after-error"),
    story(
        "append_and_read::the_largest_timestamp_is_that_of_a_record_that_can_be_read",
        "F00",
        Medium,
        "the largest timestamp is that of a deleted record",
    ),
    cluster("F02", Hard, "out of range above the follower's high watermark"),
    cluster("F04", Easy, "latest-is-log-end"),
    one("F05", Easy, "start-at-next-batch"),
    groups("G01", Easy, "commit-of-any-generation"),
    groups("G01", Easy, "commit-of-any-member-epoch"),
    groups("G02", Easy, "first-offset-of-a-partition-stays-on-load"),
    groups("G04", Easy, "a commit is answered before it is committed"),
    groups("G05", Easy, "offsets are told before they are loaded"),
    groups("G07", Medium, "assigned-before-given-up"),
    groups("G08", Medium, "live-static-member-replaced"),
    groups("G08", Medium, "old-static-member-stays"),
    groups("G10", Easy, "session-by-the-wall-clock"),
    groups("G11", Hard, "leader-epoch-of-an-offset-lost-on-load"),
    groups("G13", Easy, "a rejected append drops the machine"),
    groups("G00", Medium, "a deposed coordinator answers reads"),
    groups("G00", Hard, "a coordinator outlives its leadership"),
    groups("G00", Medium, "an offset expires though its topic is read"),
    groups("G00", Medium, "a commit of nobody is taken from a full group"),
    groups("G00", Medium, "a group with members is deleted"),
    groups("G00", Medium, "an offset that members read from is deleted"),
    groups("G00", Hard, "what was assigned and is not read yet is not told of"),
    one("I01", Easy, "remember-one-batch"),
    one("I02", Medium, "unknown-error-for-old-duplicate"),
    cluster("I04", Easy, "followers-know-no-producers"),
    one("I05", Easy, "dedup-before-append"),
    one("I07", Easy, "epoch-plus-one"),
    one("I10", Medium, "answer-duplicate-early"),
    machine("replication", "K00", Hard, "a log that ends where the leader's starts is like it"),
    cluster("K01", Medium, "clean-to-log-end"),
    // Only an unclean election cuts what was committed, and only what was cleaned there.
    cluster("K00", Hard, "what a cleaner took away stays away after a cut"),
    cluster("K02", Medium, "tombstones-dropped-at-once"),
    // Offsets that far apart take two thousand million records of keys that all but two come again.
    story(
        "cleaning_stories::segments_whose_offsets_are_too_far_apart_stay_two",
        "K04",
        Medium,
        "segments-merged-beyond-i32",
    ),
    cluster("K07", Easy, "keep records that the leader has deleted"),
    machine("replication", "K07", Hard, "a replica joins the isr with records that were deleted"),
    machine("raft", "R00", Hard, "removed-voter-forgets-its-word"),
    cluster("R00", Hard, "late news bring back the brokers of then"),
    cluster("R00", Medium, "a leader keeps the minimum in sync that it began with"),
    cluster("R01", Medium, "truncate to the own high watermark"),
    machine("replication", "R02", Hard, "an unknown epoch ends at the log end"),
    cluster("R04", Medium, "believe the leader before cutting what diverges"),
    cluster("R05", Medium, "count a follower before its log is compared"),
    cluster("R07", Easy, "acknowledge at the leader's log end"),
    cluster("R08", Hard, "high watermark over the proposed isr alone"),
    cluster("R10", Easy, "one in-sync replica is enough"),
    cluster("R11", Easy, "any live replica may lead"),
    cluster("R13", Medium, "producers-outlive-truncation"),
    cluster("R14", Easy, "followers-check-sequences"),
    cluster("R16", Medium, "tell offsets before earlier epochs are committed"),
    machine("raft", "R16", Medium, "serves-before-its-own-entry"),
    machine("raft", "R17", Hard, "old-epoch-entry-counts"),
    crash("R20", Hard, "a sync of what was cut counts"),
    machine("raft", "R22", Hard, "log-wiped-for-catch-up"),
    machine("raft", "R22", Hard, "snapshot-parts-mixed"),
    cluster("R23", Medium, "a wiped replica keeps its claim"),
    machine("raft", "R23", Medium, "wiped-replica-votes"),
    cluster("R25", Medium, "catch-up ends at the high watermark"),
    cluster("R26", Hard, "count what a fetch is about to bring"),
    cluster("R27", Medium, "a new life keeps its leader epochs"),
    machine("raft", "R28", Medium, "blank-node-votes"),
    cluster("R29", Hard, "what was read is not checked against the epoch"),
];

/// The rows that a person means by `names`: a bug, an id such as R07, or an area such as R. All for none.
///
/// # Errors
/// The first name that means nothing.
pub fn rows(names: &[String]) -> Result<Vec<Entry>, String> {
    let means = |name: &str, entry: &Entry| entry.bug == name || entry.id == name || entry.id.get(..1) == Some(name);
    if let Some(unknown) = names.iter().find(|name| !LEDGER.iter().any(|entry| means(name, entry))) {
        return Err(unknown.clone());
    }
    let chosen = |entry: &&Entry| names.is_empty() || names.iter().any(|name| means(name, entry));
    Ok(LEDGER.iter().filter(chosen).copied().collect())
}

impl Entry {
    /// The profile of its worlds, or the one that was asked for.
    pub fn profile(&self, asked: Option<&'static Profile>) -> Option<&'static Profile> {
        match self.judge {
            Judge::Worlds(name) => asked.or_else(|| Profile::named(name)),
            Judge::Machine(_) | Judge::CrashPoints | Judge::Story(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::planted::names_in_source;
    use std::collections::BTreeSet;

    #[test]
    fn every_bug_that_is_planted_has_one_row() {
        let rows: Vec<&str> = LEDGER.iter().map(|entry| entry.bug).collect();
        let unique: BTreeSet<&str> = rows.iter().copied().collect();
        assert_eq!(unique.len(), rows.len(), "a bug has two rows");
        let planted = names_in_source("planted!(\"");
        let planted: BTreeSet<&str> = planted.iter().map(String::as_str).collect();
        assert_eq!(unique, planted);
    }

    #[test]
    fn rows_are_known_by_bug_id_and_area() {
        let named = |name: &str| rows(&[name.to_owned()]).expect("rows");
        assert_eq!(named("R07").len(), 1);
        assert_eq!(named("R23").len(), 2, "one in the quorum, one in the controller");
        assert!(named("D").iter().all(|entry| entry.id.starts_with('D')));
        assert_eq!(named("ack-before-sync")[0].id, "D01");
        assert_eq!(rows(&["R99".to_owned()]).expect_err("no such row"), "R99");
        assert_eq!(rows(&[]).expect("all").len(), LEDGER.len());
    }

    #[allow(clippy::disallowed_methods)] // looks at the source itself
    fn is_story(name: &str) -> bool {
        let (file, story) = name.split_once("::").expect("a file and a story");
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/storage/tests");
        let text = std::fs::read_to_string(directory.join(format!("{file}.rs"))).unwrap_or_default();
        text.contains(&format!("fn {story}() {{"))
    }

    #[test]
    fn every_judge_is_there() {
        for entry in LEDGER {
            match entry.judge {
                Judge::Worlds(name) => assert!(Profile::named(name).is_some(), "{name}"),
                Judge::Machine(name) => assert!(crate::machines::is_known(name), "{name}"),
                Judge::Story(name) => assert!(is_story(name), "{name}"),
                Judge::CrashPoints => {} // there are always some
            }
        }
    }
}
