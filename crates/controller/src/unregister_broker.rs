//! UnregisterBroker: a broker is gone for good, and is forgotten. What it holds stays assigned to it.

use crate::machine::View;
use crate::records::Record;
use model::ErrorCode;
use protocol::Text;
use protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

impl View<'_> {
    /// Forgets a broker; it leads nothing from here on.
    pub(crate) fn unregister_broker(&mut self, request: &UnregisterBrokerRequest) -> UnregisterBrokerResponse {
        let id = request.broker_id;
        if self.hard.broker(id).is_none() {
            return UnregisterBrokerResponse {
                error_code: ErrorCode::BrokerIdNotRegistered.code(),
                error_message: Some(Text::from(format!("no broker {id} is registered"))),
                ..Default::default()
            };
        }
        self.records.push(Record::BrokerUnregistered { id });
        self.changed_brokers.insert(id, None);
        self.settle_all_with(id);
        UnregisterBrokerResponse::default()
    }
}
