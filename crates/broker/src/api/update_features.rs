//! UpdateFeatures: levels of features (KIP-584).

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse};

/// Answers when the controller has decided.
pub async fn handle(broker: &Broker, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    match broker.metadata.ask(Request::UpdateFeatures(request)).await {
        Ok(Reply::UpdateFeatures(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    }
}

fn failed(error: ErrorCode) -> UpdateFeaturesResponse {
    UpdateFeaturesResponse { error_code: error.code(), ..Default::default() }
}
