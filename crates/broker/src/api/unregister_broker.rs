//! UnregisterBroker: a broker that is gone for good is forgotten.

use crate::broker::Broker;
use controller::{Reply, Request};
use model::ErrorCode;
use protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

/// Answers when the controller has decided.
pub async fn handle(broker: &Broker, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse {
    match broker.metadata.ask(Request::UnregisterBroker(request)).await {
        Ok(Reply::UnregisterBroker(response)) => response,
        Ok(Reply::Rejected(error)) | Err(error) => failed(error),
        Ok(other) => unreachable!("the controller answers a request with its own reply, not {other:?}"),
    }
}

fn failed(error: ErrorCode) -> UnregisterBrokerResponse {
    UnregisterBrokerResponse { error_code: error.code(), ..Default::default() }
}
