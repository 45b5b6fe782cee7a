//! What a heartbeat must say to be looked at.

use super::member::{AWAY, JOINING, LEAVING};
use super::refusal::Refusal;
use crate::assignor::Assignor;
use crate::group::settings::Settings;
use model::ErrorCode;
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;

/// The first version in which clients draw their member ids themselves (KIP-1082).
const FIRST_WITH_OWN_ID: i16 = 1;

/// Refuses a heartbeat that is wrong whatever the group is.
pub fn check(request: &ConsumerGroupHeartbeatRequest, version: i16, settings: &Settings) -> Result<(), Refusal> {
    let fault = if !settings.serves_consumer_protocol {
        let message = "this broker does not serve the consumer protocol: see group.coordinator.rebalance.protocols";
        return Err(Refusal::new(ErrorCode::UnsupportedVersion, message));
    } else if request.group_id.is_empty() {
        Some("a group id is needed")
    } else if request.instance_id.as_ref().is_some_and(|id| id.is_empty()) {
        Some("an instance id must not be empty")
    } else if request.rack_id.as_ref().is_some_and(|rack| rack.is_empty()) {
        Some("a rack id must not be empty")
    } else if request.member_id.is_empty() && (version >= FIRST_WITH_OWN_ID || request.member_epoch != JOINING) {
        Some("a member id is needed")
    } else {
        fault_by_epoch(request)
    };
    match fault {
        Some(fault) => Err(Refusal::new(ErrorCode::InvalidRequest, fault)),
        None => check_assignor(request, settings),
    }
}

fn fault_by_epoch(request: &ConsumerGroupHeartbeatRequest) -> Option<&'static str> {
    let subscribes = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
    match request.member_epoch {
        JOINING if request.rebalance_timeout_ms == -1 => Some("a member that joins says its rebalance timeout"),
        JOINING if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            Some("a member that joins owns no partitions, and says so")
        }
        JOINING if !subscribes => Some("a member that joins says what it subscribes to"),
        AWAY if request.instance_id.is_none() => Some("only a static member may leave for a while"),
        LEAVING | AWAY => None,
        epoch if epoch < AWAY => Some("there is no such member epoch"),
        _ => None,
    }
}

fn check_assignor(request: &ConsumerGroupHeartbeatRequest, settings: &Settings) -> Result<(), Refusal> {
    let Some(name) = &request.server_assignor else { return Ok(()) };
    if Assignor::named(name).is_some_and(|assignor| settings.consumer_assignors.contains(&assignor)) {
        return Ok(());
    }
    let names: Vec<&str> = settings.consumer_assignors.iter().map(|assignor| assignor.name()).collect();
    let message = format!("there is no assignor '{name}' here; there are: {}", names.join(", "));
    Err(Refusal::new(ErrorCode::UnsupportedAssignor, message))
}
