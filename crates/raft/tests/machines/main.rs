//! The machine in clusters in memory: stories, and seeds.

mod cluster;

#[test]
fn seeds_violate_no_invariant() {
    for seed in 1..=300 {
        cluster::seeds::play(seed).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}
