//! Judges what happened to partitions, records and topics, without groups and transactions: all such classes of
//! Jepsen's Kafka workload, and more.

mod aborted_read;
mod bounds;
#[cfg(test)]
mod cluster_stories;
mod consumed;
mod corruption;
mod deleted_returned;
mod duplicate;
mod ends_of_epochs;
mod epoch_order;
pub(super) mod evidence;
pub(super) mod excuse;
mod external_poll_skip;
mod forgotten_config;
mod forgotten_deed;
mod forgotten_sequence;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod healed_stories;
mod high_watermark_regress;
mod hole;
mod inconsistent_offsets;
mod internal_poll_skip;
mod keys;
mod last_lookups;
mod life;
mod log_start_regress;
mod lost_key;
mod lost_topic;
mod lost_write;
mod nonmonotonic_poll;
mod nonmonotonic_send;
mod producer_order;
#[cfg(test)]
mod range_stories;
mod resurrected_topic;
mod sent;
mod snapshots;
mod stale_high_watermark;
mod standing;
#[cfg(test)]
mod story;
mod sweep;
pub(super) mod topics;
mod torn_batch;
mod unavailable;
mod unexpected_error;
mod unseen;
mod vanished_read;
pub(super) mod witness;
mod wrong_epoch_end;
mod wrong_offset_lookup;
mod wrong_out_of_range;
mod zombie_write;

use super::Verdict;
use crate::history::History;
use evidence::Evidence;

type Check = fn(&Evidence<'_>, &mut Verdict);

const CHECKS: &[Check] = &[
    lost_write::check,
    lost_key::check,
    vanished_read::check,
    duplicate::check,
    inconsistent_offsets::check,
    unseen::check,
    internal_poll_skip::check,
    external_poll_skip::check,
    nonmonotonic_poll::check,
    torn_batch::check,
    nonmonotonic_send::check,
    producer_order::check,
    zombie_write::check,
    forgotten_sequence::check,
    unexpected_error::check,
    epoch_order::check,
    aborted_read::check,
    corruption::check,
    hole::check,
    stale_high_watermark::check,
    high_watermark_regress::check,
    wrong_offset_lookup::check,
    ends_of_epochs::check,
    last_lookups::check,
    wrong_epoch_end::check,
    wrong_out_of_range::check,
    log_start_regress::check,
    deleted_returned::check,
    resurrected_topic::check,
    lost_topic::check,
    forgotten_config::check,
    forgotten_deed::check,
    unavailable::check,
];

/// Judges a history by what its clients saw, against the promise table. Nearly linear in its size.
pub fn check(history: &History) -> Verdict {
    let evidence = Evidence::of(history);
    let mut verdict = Verdict { ambiguous: evidence.ambiguous, ..Verdict::default() };
    check_evidence(&evidence, &mut verdict);
    verdict
}

/// Judges what has been gathered.
pub(super) fn check_evidence(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for check in CHECKS {
        check(evidence, verdict);
    }
}
