//! BrokerRegistration: a broker is there, in a new life.

use crate::claims::NewLife;
use crate::features::FEATURES;
use crate::machine::View;
use crate::records::{BrokerRegistered, ListenerEndpoint, Record};
use crate::refusal::Refusal;
use crate::replay::{broker_image, new_life_has_new_epochs};
use crate::replica_index::PartitionKey;
use model::metadata_image::BrokerImage;
use model::{ErrorCode, NodeId, Offset, mark};
use protocol::messages::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse, Listener};
use std::collections::BTreeSet;

/// What a broker found of its replicas when it started.
#[derive(Debug)]
pub(crate) struct FoundReplicas {
    /// The life before wrote everything down before it ended.
    pub stop_was_clean: bool,
    /// Those that failed closed.
    pub unusable: Vec<PartitionKey>,
    /// Those that may lack what they acknowledged.
    pub unsynced: BTreeSet<PartitionKey>,
}

impl View<'_> {
    /// Registers a broker, fenced until it has caught up. Its epoch is the offset of the entry. What it led goes to
    /// others in sync. A broker without another beside it goes on leading, in new leader epochs when the record is
    /// folded.
    pub(crate) fn register_broker(
        &mut self,
        request: BrokerRegistrationRequest,
        found: &FoundReplicas,
    ) -> BrokerRegistrationResponse {
        match self.decide_registration(request, found) {
            Ok(broker_epoch) => BrokerRegistrationResponse { broker_epoch, ..Default::default() },
            Err(refusal) => BrokerRegistrationResponse { error_code: refusal.error.code(), ..Default::default() },
        }
    }

    fn decide_registration(
        &mut self,
        request: BrokerRegistrationRequest,
        found: &FoundReplicas,
    ) -> Result<Offset, Refusal> {
        self.check_registration(&request)?;
        let id = request.broker_id;
        let before = self.hard.broker(id).cloned();
        if let Some(same) = before.as_ref().filter(|known| known.incarnation == request.incarnation_id) {
            mark!("a life registers again");
            self.touch_session(id, same.epoch, -1);
            return Ok(same.epoch); // the answer to the first attempt was lost
        }
        if let Some(other) = &before
            && self.may_still_run(other, &request)
        {
            let message = format!("another process is broker {id} and was heard of lately");
            return Err(Refusal::new(ErrorCode::DuplicateBrokerRegistration, message));
        }
        self.company_comes(id);
        let epoch = self.next_offset();
        let record = registered(&request);
        self.changed_brokers.insert(id, Some(broker_image(epoch, &record)));
        self.records.push(Record::BrokerRegistered(record));
        self.touch_session(id, epoch, -1);
        self.hear_unusable(id, &found.unusable);
        self.hear_full(id, &[]); // it has not tried yet
        if new_life_has_new_epochs() {
            let (before, is_alone) = (before.as_deref(), self.is_alone(id));
            self.judge_claims(NewLife { id, directories: &request.log_dirs, before, found, is_alone });
        }
        Ok(epoch)
    }

    /// Whether the life before may go on beside the one that registers. A process has its directories to itself, so the
    /// next one that has one of them is evidence that the last one ended.
    fn may_still_run(&self, before: &BrokerImage, request: &BrokerRegistrationRequest) -> bool {
        let inherits = before.directories.iter().any(|directory| request.log_dirs.contains(directory));
        if inherits {
            mark!("a new life has a directory of the life before");
        }
        !inherits && !before.fenced && self.soft.sessions.is_live(before, self.now.monotonic)
    }

    /// A broker that was alone may have gone on leading while fenced. Not beside another one.
    fn company_comes(&mut self, id: NodeId) {
        let hard = self.hard;
        if self.is_alone(id) || hard.broker(id).is_some() {
            return;
        }
        for broker in hard.brokers().filter(|broker| broker.fenced) {
            self.settle_all_with(broker.id);
        }
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
        self.check_features(request)?;
        let other = self.hard.brokers().filter(|broker| broker.id != request.broker_id);
        if other.flat_map(|broker| &broker.directories).any(|id| request.log_dirs.contains(id)) {
            return invalid("another broker has a log directory of that id: a directory was copied");
        }
        Ok(())
    }

    /// A broker must understand the levels that the cluster has.
    fn check_features(&self, request: &BrokerRegistrationRequest) -> Result<(), Refusal> {
        for feature in &request.features {
            let level = self.hard.feature(&feature.name);
            let range = feature.min_supported_version..=feature.max_supported_version;
            if level != 0 && !range.contains(&level) && FEATURES.iter().any(|known| known.name == &*feature.name) {
                let message = format!(
                    "the cluster has {} at level {level}, and broker {} understands {} to {}",
                    &*feature.name,
                    request.broker_id,
                    range.start(),
                    range.end()
                );
                return Err(Refusal::new(ErrorCode::UnsupportedVersion, message));
            }
        }
        Ok(())
    }
}

fn registered(request: &BrokerRegistrationRequest) -> BrokerRegistered {
    BrokerRegistered {
        id: request.broker_id,
        epoch: None,
        incarnation: request.incarnation_id.0,
        endpoints: request.listeners.iter().map(endpoint).collect(),
        rack: request.rack.as_ref().map(|rack| rack.to_string()),
        directories: request.log_dirs.iter().map(|id| id.0).collect(),
        fenced: true,
        in_controlled_shutdown: false,
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
