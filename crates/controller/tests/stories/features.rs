//! Levels of features go up, and down where that is meant.

use crate::cluster::{Cluster, error, is_text};
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse};

const UPGRADE: i8 = 1;
const SAFE: i8 = 2;
const UNSAFE: i8 = 3;

fn update(cluster: &mut Cluster, updates: &[(&str, i16, i8)], validate_only: bool) -> UpdateFeaturesResponse {
    let update = |(feature, max_version_level, upgrade_type): &(&str, i16, i8)| FeatureUpdateKey {
        feature: (*feature).into(),
        max_version_level: *max_version_level,
        upgrade_type: *upgrade_type,
        ..Default::default()
    };
    let feature_updates = updates.iter().map(update).collect();
    match cluster.ask(Request::UpdateFeatures(UpdateFeaturesRequest {
        feature_updates,
        validate_only,
        ..Default::default()
    })) {
        Reply::UpdateFeatures(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_is_refused_with_everything_beside_it() {
    let mut cluster = Cluster::of(&[1]);
    let before = cluster.image().clone();
    for bad in [
        ("nonsense", 1, UPGRADE),
        ("transaction.version", 99, UPGRADE),
        ("transaction.version", -1, SAFE),
        ("transaction.version", 1, UPGRADE),
        ("transaction.version", 2, 9),
        ("metadata.version", 0, UNSAFE),
        ("metadata.version", 6, SAFE),
        ("kraft.version", 0, UNSAFE),
    ] {
        let answer = update(&mut cluster, &[("group.version", 0, SAFE), bad], false);
        assert_eq!(error(answer.error_code), ErrorCode::InvalidUpdateVersion, "{bad:?}");
        assert!(is_text(&answer.error_message) && answer.results.is_empty());
    }
    assert_eq!(*cluster.image(), before);
    let twice = update(&mut cluster, &[("group.version", 0, SAFE), ("group.version", 1, UPGRADE)], false);
    assert_eq!(error(twice.error_code), ErrorCode::InvalidRequest);
}

#[test]
fn levels_go_down_and_up_again_and_each_is_told() {
    let mut cluster = Cluster::of(&[1]);
    let updates = [("transaction.version", 1, SAFE), ("metadata.version", 20, UNSAFE)];
    let only_asked = update(&mut cluster, &updates, true);
    assert_eq!((only_asked.error_code, cluster.image().feature("transaction.version")), (0, 2));
    let answer = update(&mut cluster, &updates, false);
    assert_eq!(answer.results.len(), 2);
    assert!(answer.results.iter().all(|result| result.error_code == 0 && is_text(&result.error_message)));
    assert_eq!((cluster.image().feature("transaction.version"), cluster.image().feature("metadata.version")), (1, 20));
    let end = cluster.image().end_offset();
    assert_eq!(update(&mut cluster, &[("transaction.version", 1, UPGRADE)], false).error_code, 0);
    assert_eq!(cluster.image().end_offset(), end, "as it is");
    assert_eq!(update(&mut cluster, &[("transaction.version", 2, UPGRADE)], false).error_code, 0);
    assert_eq!(cluster.image().feature("transaction.version"), 2);
    assert_eq!(update(&mut cluster, &[], false).error_code, 0);
}

#[test]
fn version_0_says_with_a_switch_that_a_downgrade_is_meant() {
    let mut cluster = Cluster::of(&[1]);
    let update = FeatureUpdateKey {
        feature: "transaction.version".into(),
        max_version_level: 1,
        allow_downgrade: true,
        ..Default::default()
    };
    let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
    match cluster.ask(Request::UpdateFeatures(request)) {
        Reply::UpdateFeatures(answer) => assert_eq!(answer.error_code, 0),
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.image().feature("transaction.version"), 1);
}
