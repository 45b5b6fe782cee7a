//! BrokerRegistration: a broker is there, in a new life.

use crate::machine::View;
use crate::records::{BrokerRegistered, ListenerEndpoint, Record};
use crate::refusal::Refusal;
use model::{ErrorCode, Offset};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse, Listener};

impl View<'_> {
    /// Registers a broker, fenced until it has caught up. Its epoch is the offset of its record. What it led goes to
    /// others in sync; what it alone can lead stays with it, and rises to a new leader epoch when the record is folded.
    pub(crate) fn register_broker(&mut self, request: BrokerRegistrationRequest) -> BrokerRegistrationResponse {
        match self.decide_registration(request) {
            Ok(broker_epoch) => BrokerRegistrationResponse { broker_epoch, ..Default::default() },
            Err(refusal) => BrokerRegistrationResponse { error_code: refusal.error.code(), ..Default::default() },
        }
    }

    fn decide_registration(&mut self, request: BrokerRegistrationRequest) -> Result<Offset, Refusal> {
        self.check_registration(&request)?;
        let known = self.hard.broker(request.broker_id);
        if let Some(same) = known.filter(|known| known.incarnation == request.incarnation_id) {
            return Ok(same.epoch); // the answer to the first attempt was lost
        }
        let epoch = self.next_offset();
        self.records.push(Record::BrokerRegistered(BrokerRegistered {
            id: request.broker_id,
            epoch: None,
            incarnation: request.incarnation_id.0,
            endpoints: request.listeners.iter().map(endpoint).collect(),
            rack: request.rack.as_ref().map(|rack| rack.to_string()),
            directories: request.log_dirs.iter().map(|id| id.0).collect(),
            fenced: true,
            in_controlled_shutdown: false,
        }));
        self.hand_over(request.broker_id, false);
        Ok(epoch)
    }

    fn check_registration(&self, request: &BrokerRegistrationRequest) -> Result<(), Refusal> {
        if self.hard.cluster_id().is_none_or(|id| **id != *request.cluster_id) {
            let message = format!("broker {} belongs to the cluster {}", request.broker_id, request.cluster_id);
            return Err(Refusal::new(ErrorCode::InconsistentClusterId, message));
        }
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRegistration, message));
        if request.broker_id < 0 {
            return invalid("a broker's id may not be negative");
        }
        if request.listeners.is_empty() {
            return invalid("a broker must say where it listens");
        }
        if request.log_dirs.is_empty() || request.log_dirs.iter().any(|id| id.is_reserved()) {
            return invalid("a broker must name its log directories by their ids");
        }
        let other = self.hard.brokers().filter(|broker| broker.id != request.broker_id);
        if other.flat_map(|broker| &broker.directories).any(|id| request.log_dirs.contains(id)) {
            return invalid("another broker has a log directory of that id: a directory was copied");
        }
        Ok(())
    }
}

fn endpoint(listener: &Listener) -> ListenerEndpoint {
    ListenerEndpoint {
        listener: listener.name.to_string(),
        host: listener.host.to_string(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    }
}
