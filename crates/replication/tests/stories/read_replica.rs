//! From where a consumer reads (KIP-392).

use super::*;

fn racks(id: NodeId) -> Option<&'static str> {
    match id {
        1 => Some("east"),
        2 | 3 => Some("west"),
        _ => None,
    }
}

#[test]
fn a_consumer_reads_from_the_fullest_in_sync_replica_of_its_rack() {
    let mut leader = leader_of(&[1, 2, 3], 1);
    fetches(&mut leader, at(1), 2, 8);
    fetches(&mut leader, at(1), 3, 9);
    assert_eq!(leader.read_replica("west", &racks, 5), Some(3));
    fetches(&mut leader, at(2), 2, 10);
    assert_eq!(leader.read_replica("west", &racks, 5), Some(2));
}

#[test]
fn the_one_that_was_caught_up_last_breaks_a_tie() {
    let mut leader = leader_of(&[1, 2, 3], 1);
    fetches(&mut leader, at(1), 2, 10);
    fetches(&mut leader, at(2), 3, 10);
    assert_eq!(leader.read_replica("west", &racks, 5), Some(3));
    fetches(&mut leader, at(3), 2, 10);
    assert_eq!(leader.read_replica("west", &racks, 5), Some(2));
}

#[test]
fn a_replica_that_lacks_the_offset_or_is_not_in_sync_or_not_alive_serves_nobody() {
    let mut leader = leader_of(&[1, 2], 1);
    fetches(&mut leader, at(1), 2, 8);
    fetches(&mut leader, at(1), 3, 9);
    assert_eq!(leader.read_replica("west", &racks, 8), Some(2));
    assert_eq!(leader.read_replica("west", &racks, 9), None);
    assert_eq!(leader.read_replica("west", &|id| racks(id).filter(|_| id != 2), 5), None);
    let fetch = FollowerFetch { log_start_offset: 6, ..fetch_of(2, 8) };
    assert_eq!(leader.fetched(at(2), &checked(fetch, 10)), Ok(()));
    assert_eq!(leader.read_replica("west", &racks, 5), None);
}

#[test]
fn the_leader_serves_its_own_rack_other_racks_and_whoever_does_not_say() {
    let mut leader = leader_of(&[1, 2, 3], 1);
    fetches(&mut leader, at(1), 2, 10);
    for rack in ["east", "north", ""] {
        assert_eq!(leader.read_replica(rack, &racks, 5), None, "{rack:?}");
    }
}
