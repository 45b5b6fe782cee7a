//! BrokerHeartbeat: a broker tells how far it has come, may lead once it knows what it must, and may stop once others
//! know that it does not lead.

use crate::machine::View;
use crate::refusal::Refusal;
use crate::replica_index::PartitionKey;
use model::metadata_image::BrokerImage;
use model::{ErrorCode, NodeId, Offset, mark};
use protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use std::sync::Arc;

/// What a heartbeat makes of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    StayFenced,
    StayUnfenced,
    Unfence,
    Fence,
    /// Its leadership is moved away, and it waits until others know.
    HandOver,
    /// It may stop now.
    Stop,
}

impl View<'_> {
    /// Unfences a broker that has folded its own registration, fences one that asks for it, and leads one that wants to
    /// stop through a controlled shutdown.
    pub(crate) fn broker_heartbeat(
        &mut self,
        request: &BrokerHeartbeatRequest,
        unusable: &[PartitionKey],
        full: &[PartitionKey],
    ) -> BrokerHeartbeatResponse {
        let broker = match self.live_broker(request.broker_id, request.broker_epoch) {
            Ok(broker) => broker,
            Err(refusal) => return BrokerHeartbeatResponse { error_code: refusal.error.code(), ..Default::default() },
        };
        self.touch_session(broker.id, broker.epoch, request.current_metadata_offset);
        self.lose_directories(&broker, &request.offline_log_dirs);
        self.hear_unusable(broker.id, unusable);
        self.hear_full(broker.id, full);
        let is_caught_up = is_caught_up(&broker, request);
        let step = self.next_step(&broker, request, is_caught_up);
        match step {
            Step::Unfence => self.unfence(broker.id),
            Step::Fence | Step::Stop => self.fence(broker.id),
            Step::HandOver if !broker.in_controlled_shutdown => {
                let asked_at = self.next_offset();
                self.soft.sessions.stop_asked_at(&broker, asked_at);
                self.begin_controlled_shutdown(broker.id);
            }
            Step::HandOver | Step::StayFenced | Step::StayUnfenced => {}
        }
        BrokerHeartbeatResponse {
            is_caught_up,
            is_fenced: matches!(step, Step::StayFenced | Step::Fence | Step::Stop),
            should_shut_down: step == Step::Stop,
            ..Default::default()
        }
    }

    fn next_step(&mut self, broker: &BrokerImage, request: &BrokerHeartbeatRequest, is_caught_up: bool) -> Step {
        match (broker.fenced, request.want_shut_down || broker.in_controlled_shutdown) {
            (true, _) if request.want_shut_down => Step::Stop,
            (true, _) if request.want_fence || !is_caught_up => Step::StayFenced,
            (true, _) => Step::Unfence,
            (false, _) if request.want_fence && request.want_shut_down => Step::Stop,
            (false, _) if request.want_fence => Step::Fence,
            (false, false) => Step::StayUnfenced,
            (false, true) if self.leads(broker.id) > 0 || !self.others_know_of_stop(broker) => Step::HandOver,
            (false, true) => Step::Stop,
        }
    }

    /// Whether every broker that serves clients has folded what moved the leadership away.
    fn others_know_of_stop(&mut self, broker: &BrokerImage) -> bool {
        if !broker.in_controlled_shutdown {
            return true; // nothing had to be moved
        }
        // Who became the controller since does not know where the wish stands, but that it is in the log.
        let asked_at = self.soft.sessions.stop_asked_at(broker, self.hard.end_offset() - 1);
        let hard = self.hard;
        let others = hard.brokers().filter(|other| !other.fenced && !other.in_controlled_shutdown);
        let mut seen = others.map(|other| self.soft.sessions.seen(other));
        let all_know = seen.all(|seen| seen >= asked_at);
        if !all_know {
            mark!("a stopping broker waits until others know");
        }
        all_know
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
}

/// The broker names the last offset it has folded; its registration stands at its epoch.
fn is_caught_up(broker: &BrokerImage, request: &BrokerHeartbeatRequest) -> bool {
    request.current_metadata_offset >= broker.epoch
}
