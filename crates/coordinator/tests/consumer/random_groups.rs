//! Seeded groups keep every invariant, and a seed always runs the same way.

use crate::cluster::play;

#[test]
fn a_hundred_seeds_keep_every_invariant() {
    let mut events = 0;
    for seed in 1..=100 {
        match play(seed) {
            Ok(outcome) => events += outcome.events,
            Err(violation) => panic!("seed {seed}: {}: {}", violation.invariant, violation.what),
        }
    }
    assert!(events > 10_000, "the runs are worth something: {events}");
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in 1_000..1_005 {
        assert_eq!(play(seed).expect("the seed passes"), play(seed).expect("the seed passes"), "seed {seed}");
    }
}
