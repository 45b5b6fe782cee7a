//! ApiVersions.

use crate::definition::{Text, messages};

messages! {
    api ApiVersions = 18, versions 0-4, flexible 3+, listeners broker controller;

    request ApiVersionsRequest {
        client_software_name: Text [3+ ignorable],
        client_software_version: Text [3+ ignorable],
    }

    response ApiVersionsResponse {
        error_code: i16 [0+],
        api_keys: Vec<ApiVersion> [0+],
        throttle_time_ms: i32 [1+ ignorable],
        supported_features: Vec<SupportedFeatureKey> [3+ ignorable, tag 0],
        finalized_features_epoch: i64 [3+ ignorable, tag 1, default -1],
        finalized_features: Vec<FinalizedFeatureKey> [3+ ignorable, tag 2],
        zk_migration_ready: bool [3+ ignorable, tag 3],
    }

    struct ApiVersion {
        api_key: i16 [0+],
        min_version: i16 [0+],
        max_version: i16 [0+],
    }

    struct SupportedFeatureKey {
        name: Text [3+],
        min_version: i16 [3+],
        max_version: i16 [3+],
    }

    struct FinalizedFeatureKey {
        name: Text [3+],
        max_version_level: i16 [3+],
        min_version_level: i16 [3+],
    }
}
