//! Seeded clusters of three and five nodes in memory keep every invariant, and a seed always runs the same way.

use replication::cluster::{Plan, run};

#[test]
fn a_hundred_seeds_keep_every_invariant() {
    let mut seen = (0, 0, 0);
    for seed in 1..=100 {
        match run(&Plan::draw(seed)) {
            Ok(report) => {
                seen =
                    (seen.0 + report.committed, seen.1 + report.acknowledged, seen.2 + i64::from(report.leader_epoch));
            }
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    let (committed, acknowledged, epochs) = seen;
    assert!(committed > 20_000 && acknowledged > 10_000 && epochs > 500, "the runs are worth something: {seen:?}");
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in 1_000..1_010 {
        let plan = Plan::draw(seed);
        let (first, second) = (run(&plan).expect("the seed passes"), run(&plan).expect("the seed passes"));
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn other_seeds_run_another_way() {
    let digests: Vec<u64> = (1..4).map(|seed| run(&Plan::draw(seed)).expect("the seed passes").digest).collect();
    assert!(digests[0] != digests[1] && digests[1] != digests[2], "{digests:?}");
}
