//! BrokerHeartbeat: a broker tells how far it has come, and may lead once it knows what it must.

use crate::machine::View;
use crate::records::Record;
use crate::refusal::Refusal;
use model::metadata_image::BrokerImage;
use model::{ErrorCode, NodeId, Offset};
use protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use std::sync::Arc;

impl View<'_> {
    /// Unfences a broker that has folded its own registration, and lets it lead what has no leader and has it in sync.
    pub(crate) fn broker_heartbeat(&mut self, request: &BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        let broker = match self.live_broker(request.broker_id, request.broker_epoch) {
            Ok(broker) => broker,
            Err(refusal) => return BrokerHeartbeatResponse { error_code: refusal.error.code(), ..Default::default() },
        };
        // The broker names the last offset it has folded; its registration stands at its epoch.
        let is_caught_up = request.current_metadata_offset >= broker.epoch;
        let fenced = request.want_fence || (broker.fenced && !is_caught_up);
        if fenced != broker.fenced {
            self.set_fenced(&broker, fenced);
        }
        BrokerHeartbeatResponse { is_caught_up, is_fenced: fenced, ..Default::default() }
    }

    /// The broker in the life of this epoch.
    ///
    /// # Errors
    /// `STALE_BROKER_EPOCH` for another life, or a broker that is not registered.
    pub(crate) fn live_broker(&self, id: NodeId, epoch: Offset) -> Result<Arc<BrokerImage>, Refusal> {
        match self.hard.broker(id) {
            Some(broker) if broker.epoch == epoch => Ok(broker.clone()),
            Some(broker) => {
                let message = format!("broker {id} is registered with epoch {}, not {epoch}", broker.epoch);
                Err(Refusal::new(ErrorCode::StaleBrokerEpoch, message))
            }
            None => Err(Refusal::new(ErrorCode::StaleBrokerEpoch, format!("broker {id} is not registered"))),
        }
    }

    fn set_fenced(&mut self, broker: &BrokerImage, fenced: bool) {
        self.records.push(Record::BrokerFenced {
            id: broker.id,
            epoch: broker.epoch,
            fenced,
            in_controlled_shutdown: broker.in_controlled_shutdown,
        });
        if fenced {
            self.hand_over(broker.id, true);
        } else {
            self.lead_what_has_no_leader(broker.id);
        }
    }
}
