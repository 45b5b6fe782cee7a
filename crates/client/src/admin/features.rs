//! Features and their levels (KIP-584).

use super::Admin;
use crate::cluster::timeout_ms;
use crate::error::{Result, check};
use crate::retries::Call;
use model::NodeId;
use protocol::messages::update_features::FeatureUpdateKey;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, UpdateFeaturesRequest};
use std::collections::BTreeMap;

/// The features of a cluster, as one of its brokers knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureLevels {
    /// The lowest and the highest level that the broker understands.
    pub supported: BTreeMap<String, (i16, i16)>,
    /// The level of the cluster, where it is above 0.
    pub finalized: BTreeMap<String, i16>,
    /// Grows with each change; -1 when it is not known.
    pub epoch: i64,
}

/// How a level may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureChange {
    /// Only up.
    Upgrade = 1,
    /// Down, too, where nothing is lost by it.
    SafeDowngrade = 2,
    /// Down, although something may be lost.
    UnsafeDowngrade = 3,
}

impl Admin {
    /// The features that `node`, or any broker, supports, and the levels of the cluster.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn describe_features(&self, node: Option<NodeId>) -> Result<FeatureLevels> {
        let request = ApiVersionsRequest {
            client_software_name: "thalweg".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..ApiVersionsRequest::default()
        };
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async {
                let connection = match node {
                    Some(node) => self.broker(node).await?,
                    None => self.cluster.any().await?,
                };
                let answer = connection.call(&request).await?;
                check(|| "asking for features".to_owned(), answer.error_code, None)?;
                Ok(levels(&answer))
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }

    /// Changes levels of features, all or none; or only checks whether it could be done. Level 0 turns a feature off.
    ///
    /// # Errors
    /// No broker answered, or a level is refused: some broker does not know it, or the change is not allowed.
    pub async fn update_features(
        &self,
        wanted: &BTreeMap<String, (i16, FeatureChange)>,
        validate_only: bool,
    ) -> Result<()> {
        let update = |(name, (level, change)): (&String, &(i16, FeatureChange))| FeatureUpdateKey {
            feature: name.as_str().into(),
            max_version_level: *level,
            upgrade_type: *change as i8,
            ..Default::default()
        };
        let request = UpdateFeaturesRequest {
            timeout_ms: timeout_ms(self.cluster.config().request_timeout),
            feature_updates: wanted.iter().map(update).collect(),
            validate_only,
            ..Default::default()
        };
        let mut retries = self.cluster.retries(Call::Once);
        loop {
            let attempt = async {
                let answer = self.cluster.controller().await?.call(&request).await?;
                let what = || "changing features".to_owned();
                self.learn(check(what, answer.error_code, answer.error_message.as_deref())).await?;
                // Up to version 1 each feature has a result of its own.
                answer.results.iter().try_for_each(|result| {
                    let what = || format!("changing feature {}", result.feature);
                    check(what, result.error_code, result.error_message.as_deref())
                })
            };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}

fn levels(answer: &ApiVersionsResponse) -> FeatureLevels {
    let supported = answer.supported_features.iter();
    let finalized = answer.finalized_features.iter();
    FeatureLevels {
        supported: supported.map(|f| (f.name.to_string(), (f.min_version, f.max_version))).collect(),
        finalized: finalized.map(|f| (f.name.to_string(), f.max_version_level)).collect(),
        epoch: answer.finalized_features_epoch,
    }
}
