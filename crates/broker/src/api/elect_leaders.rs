//! ElectLeaders: the preferred replica leads again, or one that may have lost records does (KIP-460).

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};

/// Answers when the controller has decided.
pub async fn handle(broker: &Broker, request: ElectLeadersRequest) -> ElectLeadersResponse {
    match broker.metadata.ask(Request::ElectLeaders(request)).await {
        Ok(Reply::ElectLeaders(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    }
}

fn failed(error: ErrorCode) -> ElectLeadersResponse {
    ElectLeadersResponse { error_code: error.code(), ..Default::default() }
}
