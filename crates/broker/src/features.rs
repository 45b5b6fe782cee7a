//! Features (KIP-584): what ApiVersions says of their levels.

use crate::broker::Broker;
use controller::features::FEATURES;
use protocol::messages::api_versions::{ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey};

/// Fills in the levels that this program can work with, and those the cluster is at.
pub fn describe(broker: &Broker, response: &mut ApiVersionsResponse) {
    let image = broker.metadata.image();
    response.supported_features = FEATURES
        .iter()
        .map(|feature| SupportedFeatureKey {
            name: feature.name.into(),
            min_version: feature.min,
            max_version: feature.max,
            ..Default::default()
        })
        .collect();
    response.finalized_features_epoch = image.end_offset();
    response.finalized_features = image
        .features()
        .map(|(name, level)| FinalizedFeatureKey {
            name: (&**name).into(),
            max_version_level: level,
            min_version_level: level,
            ..Default::default()
        })
        .collect();
}
