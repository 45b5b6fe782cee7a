//! Histories of clusters in which all is well again: what has to be there then, and what the faults before it excuse.

use super::cluster_stories::{awaits_in_vain, replicated, strike, three_nodes};
use super::story::partition;
use crate::checker::Class;
use crate::history::{Action, FaultKind, OffsetQuery};

/// One copy of three may be damaged for good, and the other two have to do.
#[test]
fn a_record_for_all_replicas_is_taken_unless_too_many_of_them_stay_away() {
    for (kind, least, found) in
        [(FaultKind::PowerFailure, "3", true), (FaultKind::FailedSync, "2", true), (FaultKind::FailedSync, "3", false)]
    {
        let mut story = three_nodes(&[("min.insync.replicas", least)]);
        story.acknowledged(0, 1);
        strike(&mut story, 1, kind);
        story.healed();
        awaits_in_vain(&mut story, Action::AwaitWritten { partition: partition() });
        if found { story.assert_only(Class::Unavailable) } else { story.assert_clean() }
    }
}

#[test]
fn the_only_copy_may_take_no_record_after_its_disk_has_failed() {
    for (kind, found) in [(FaultKind::FailedWrite, false), (FaultKind::ProcessCrash, true)] {
        let mut story = replicated(1, &[]);
        story.acknowledged(0, 1);
        strike(&mut story, 1, kind);
        story.healed();
        awaits_in_vain(&mut story, Action::AwaitWritten { partition: partition() });
        if found { story.assert_only(Class::Unavailable) } else { story.assert_clean() }
    }
}

/// Before that, who was told may have asked a leader that was deposed.
#[test]
fn lookups_are_judged_in_full_once_all_is_well() {
    for (query, offset, timestamp) in [
        (OffsetQuery::Latest, 2, -1),
        (OffsetQuery::Earliest, 0, -1),
        (OffsetQuery::At(1001), 2, 1002),
        (OffsetQuery::At(1001), -1, -1),
    ] {
        for healed in [false, true] {
            let mut story = three_nodes(&[("min.insync.replicas", "2")]);
            story.acknowledged(0, 3);
            story.poll(1, 0, &[(0, 0), (1, 1), (2, 2)], 3);
            if query == OffsetQuery::Earliest {
                story.delete_records(1, 1);
            }
            if healed {
                story.healed();
            }
            story.list(query, offset, timestamp);
            let verdict = story.verdict();
            assert_eq!(verdict.is_clean(), !healed, "{query:?}: {:?}", verdict.anomalies);
        }
    }
}

#[test]
fn a_node_stops_in_order_unless_its_disk_is_bad() {
    for (node, found) in [(1, true), (2, false)] {
        let mut story = three_nodes(&[]);
        strike(&mut story, 1, FaultKind::PowerFailure);
        strike(&mut story, 2, FaultKind::FailedSync);
        story.healed();
        awaits_in_vain(&mut story, Action::AwaitStop { node });
        if found { story.assert_only(Class::Unavailable) } else { story.assert_clean() }
    }
}
