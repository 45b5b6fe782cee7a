//! The ledger of the planted bugs: each historical mistake that is planted in this crate is caught, by a crash point
//! (`cargo sim crash-points --planted NAME`) or by a story, which is shown here (`cargo sim test -p storage`): the story
//! is run once more in a process of its own, with the bug planted, and must fail there.
#![allow(clippy::disallowed_methods)] // looks at the source itself

#[path = "crash/planted.rs"]
mod crash_planted;

/// A bug and the story that catches it.
const BY_STORIES: [(&str, &str); 25] = [
    (
        "a batch may reach into the next segment",
        "cleaning_stories::the_last_batch_of_a_cleaned_segment_is_not_taken_for_one_from_far_above",
    ),
    (
        "a repair is believed before it is synced",
        "scrub_and_repair::whenever_the_power_fails_during_a_repair_what_is_damaged_is_known_to_be",
    ),
    (
        "a journal file that is left stays taken",
        "journal_stories::a_file_that_was_released_while_it_was_written_to_is_free_once_it_is_left",
    ),
    (
        "a log is closed before the journal has all of the others",
        "journal_stories::logs_that_are_closed_together_do_not_wait_for_each_other",
    ),
    ("clean-to-log-end", "cleaning_stories::a_key_keeps_its_committed_record_whatever_becomes_of_a_later_one"),
    ("dedup-before-append", "full_disks::a_batch_that_found_no_space_is_no_duplicate_when_it_comes_again"),
    ("epoch-plus-one", "producers::all_five_batches_are_known_after_a_crash_and_after_a_clean_stop"),
    (
        "epochs from after a cut stay while what was cut is replayed",
        "journal_replay::epochs_from_after_a_cut_do_not_take_those_of_what_was_kept",
    ),
    ("followers-check-sequences", "producers::a_follower_learns_without_checking"),
    ("followers-know-no-producers", "producers::a_follower_learns_without_checking"),
    ("keep-journal-generation", "journal_stories::groups_of_an_earlier_generation_are_not_replayed"),
    ("producers-outlive-truncation", "cut::a_cut_forgets_what_was_learned_behind_it"),
    (
        "nobody is told that a group finds no place",
        "journal_stories::a_group_that_finds_no_place_is_made_room_for_at_once",
    ),
    ("max-timestamp-of-closed-segments", "append_and_read::the_largest_timestamp_is_that_of_a_record_that_can_be_read"),
    ("only logs move the tail of the journal", "journal_stories::an_empty_group_keeps_no_new_log_waiting"),
    (
        "repair takes another epoch's records",
        "scrub_and_repair::batches_that_are_not_those_that_were_there_are_not_written",
    ),
    ("remember-one-batch", "producers::a_retry_is_answered_with_the_original"),
    ("segments-merged-beyond-i32", "cleaning_stories::segments_whose_offsets_are_too_far_apart_stay_two"),
    ("skip-offset-contiguity", "recovery_by_scan::a_well_formed_batch_that_does_not_follow_is_cut"),
    ("start-at-next-batch", "append_and_read::a_read_starts_with_the_batch_that_has_the_offset_and_stops_where_it_may"),
    (
        "the largest timestamp is that of a deleted record",
        "append_and_read::the_largest_timestamp_is_that_of_a_record_that_can_be_read",
    ),
    (
        "tombstones-dropped-at-once",
        "cleaning_stories::the_mark_of_a_deletion_stays_for_its_time_from_its_first_cleaning",
    ),
    ("the journal waits for the page cache", "journal_stories::the_journal_is_emptied_beside_the_page_cache"),
    ("trust-index-files", "append_and_read::a_torn_index_costs_time_and_no_record"),
    ("unknown-error-for-old-duplicate", "producers::all_five_batches_are_known_after_a_crash_and_after_a_clean_stop"),
];

#[test]
fn the_ledger_has_every_bug_that_is_planted_in_this_crate() {
    let mut planted = Vec::new();
    collect(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut planted);
    planted.sort();
    let mut ledger: Vec<&str> = BY_STORIES.iter().map(|(bug, _)| *bug).collect();
    ledger.extend(crash_planted::BY_CRASHES);
    ledger.sort_unstable();
    ledger.dedup();
    assert_eq!(planted, ledger);
}

fn collect(directory: &std::path::Path, planted: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, planted);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let names = text.split("planted!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        planted.extend(names.map(str::to_owned));
    }
}

#[cfg(madsim)]
#[path = "."]
mod stories {
    #[path = "append_and_read.rs"]
    mod append_and_read;
    #[path = "cleaning_stories.rs"]
    mod cleaning_stories;
    #[path = "cut.rs"]
    mod cut;
    #[path = "full_disks.rs"]
    mod full_disks;
    #[path = "journal_replay.rs"]
    mod journal_replay;
    #[path = "journal_stories.rs"]
    mod journal_stories;
    #[path = "producers.rs"]
    mod producers;
    #[path = "recovery_by_scan.rs"]
    mod recovery_by_scan;
    #[path = "scrub_and_repair.rs"]
    mod scrub_and_repair;
    #[path = "support/mod.rs"]
    pub mod support;
}

#[cfg(madsim)]
#[test]
fn each_story_catches_its_bug() {
    let is_missed =
        |(bug, story): &&(&str, &str)| !stories::support::planting::catches(&format!("stories::{story}"), bug);
    let missed: Vec<&(&str, &str)> = BY_STORIES.iter().filter(is_missed).collect();
    assert!(missed.is_empty(), "planted and not noticed: {missed:?}");
}
