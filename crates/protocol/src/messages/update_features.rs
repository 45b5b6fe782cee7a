//! UpdateFeatures.

use crate::definition::{Text, messages};

messages! {
    api UpdateFeatures = 57, versions 0-2, flexible 0+, listeners broker controller;

    request UpdateFeaturesRequest {
        timeout_ms: i32 [0+, default 60_000],
        feature_updates: Vec<FeatureUpdateKey> [0+],
        validate_only: bool [1+],
    }

    struct FeatureUpdateKey {
        feature: Text [0+],
        max_version_level: i16 [0+],
        allow_downgrade: bool [0-0],
        upgrade_type: i8 [1+, default 1],
    }

    response UpdateFeaturesResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        results: Vec<UpdatableFeatureResult> [0-1 ignorable],
    }

    struct UpdatableFeatureResult {
        feature: Text [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
