//! The range assignor.

use super::GroupSpec;
use super::board::Board;
use std::collections::BTreeMap;

/// Each member gets one range of every topic that it is subscribed to; the first members get one partition more where a
/// topic does not divide. Static members come first, by instance id, so that their ranges outlive a restart. Topics with
/// the same subscribers and the same number of partitions are dealt alike: the same numbers meet in one member.
pub fn assign<'a>(group: &'a GroupSpec<'a>) -> Board<'a> {
    let mut board = Board::new(group);
    let mut order: Vec<usize> = (0..group.members.len()).collect();
    order.sort_by_key(|member| {
        let spec = &group.members[*member];
        (spec.instance_id.is_none(), spec.instance_id, spec.id)
    });
    let mut subscribers = vec![Vec::new(); group.topics.len()];
    for member in order {
        for topic in group.topics_of(member) {
            subscribers[*topic].push(member);
        }
    }
    let mut alike: BTreeMap<(usize, Vec<usize>), Vec<usize>> = BTreeMap::new();
    for (topic, members) in subscribers.into_iter().enumerate() {
        alike.entry((group.topics[topic].partitions, members)).or_default().push(topic);
    }
    for ((partitions, members), topics) in alike {
        if members.is_empty() {
            continue;
        }
        let owners = deal(&board, partitions, &members, &topics);
        for topic in topics {
            for (place, owner) in board.places(topic).zip(&owners) {
                board.give(place, *owner);
            }
        }
    }
    board
}

/// The member for each partition number of topics that are dealt alike.
fn deal(board: &Board<'_>, partitions: usize, members: &[usize], topics: &[usize]) -> Vec<usize> {
    let (quota, extras) = (partitions / members.len(), partitions % members.len());
    let mut left: Vec<usize> = (0..members.len()).map(|at| quota + usize::from(at < extras)).collect();
    let mut owners: Vec<Option<usize>> = vec![None; partitions];
    if board.has_racks() {
        for (number, owner) in owners.iter_mut().enumerate() {
            // In its rack for all of these topics, or it would be near in one and far in another.
            let near = |member| topics.iter().all(|topic| board.is_near(board.places(*topic).start + number, member));
            if let Some(at) = (0..members.len()).find(|at| left[*at] > 0 && near(members[*at])) {
                left[at] -= 1;
                *owner = Some(members[at]);
            }
        }
    }
    let mut at = 0;
    let mut next = || {
        while left[at] == 0 {
            at += 1;
        }
        left[at] -= 1;
        members[at]
    };
    owners.into_iter().map(|owner| owner.unwrap_or_else(&mut next)).collect()
}
