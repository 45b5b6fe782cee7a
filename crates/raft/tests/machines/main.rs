//! The machine in clusters in memory: stories, and seeds. `cargo sim machines` plays many more seeds, and plants bugs.

mod cluster;
mod stories;

#[test]
fn seeds_violate_no_invariant() {
    for seed in 1..=30 {
        cluster::seeds::play(seed).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}

#[test]
fn a_seed_plays_the_same_twice() {
    for seed in 1..=5 {
        assert_eq!(cluster::seeds::play(seed), cluster::seeds::play(seed));
    }
}
