//! What members send to their coordinator: each once, with its refusals as errors.

use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::coordinators::Coordinator;
use crate::error::{ClientError, Result, check};
use model::ErrorCode;
use protocol::messages::leave_group::MemberIdentity;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest, SyncGroupResponse,
};
use protocol::{Request, Text};
use runtime::time::{Duration, timeout};

/// Sends what `request` makes for a version and waits for the answer, `within` that time from the moment it is sent.
/// Finding the coordinator may take as long again.
async fn ask<R: Request>(
    coordinator: &Coordinator,
    cluster: &Cluster,
    request: impl FnOnce(&Connection, i16) -> Result<R>,
    within: Duration,
) -> Result<R::Response> {
    let found = timeout(within, coordinator.connection(cluster)).await;
    let overdue = |_| ClientError::TimedOut { what: "finding the group's coordinator".to_owned(), within };
    let connection = found.map_err(overdue)??;
    let version = connection.version_of::<R>(i16::MAX)?;
    let request = request(&connection, version)?;
    connection.start_within(&request, version, within)?.wait().await
}

/// Brokers that know no static members must not take one for another kind.
fn static_since(connection: &Connection, api: &'static str, instance: Option<&Text>, known: bool) -> Result<()> {
    if instance.is_some() && !known {
        return Err(ClientError::Unsupported { address: connection.address().to_owned(), api });
    }
    Ok(())
}

/// Joins a classic group. What the answer says is for the caller, refusals too.
pub(super) async fn join(
    coordinator: Coordinator,
    cluster: Cluster,
    request: JoinGroupRequest,
    within: Duration,
) -> Result<JoinGroupResponse> {
    let made = |connection: &Connection, version| {
        static_since(connection, "JoinGroup", request.group_instance_id.as_ref(), version >= 5)?;
        Ok(request)
    };
    ask(&coordinator, &cluster, made, within).await
}

/// Tells the assignments, if there are any, and asks for the own one.
pub(super) async fn sync(
    coordinator: Coordinator,
    cluster: Cluster,
    request: SyncGroupRequest,
    within: Duration,
) -> Result<SyncGroupResponse> {
    ask(&coordinator, &cluster, |_, _| Ok(request), within).await
}

/// Keeps the place in a classic group.
pub(super) async fn heartbeat(
    coordinator: Coordinator,
    cluster: Cluster,
    request: HeartbeatRequest,
    within: Duration,
) -> Result<()> {
    let group = request.group_id.clone();
    let answer = ask(&coordinator, &cluster, |_, _| Ok(request), within).await?;
    check(|| format!("staying in group {group}"), answer.error_code, None)
}

/// Gives up the place in a classic group.
pub(super) async fn leave(
    coordinator: Coordinator,
    cluster: Cluster,
    mut request: LeaveGroupRequest,
    instance: Option<String>,
    reason: String,
    within: Duration,
) -> Result<()> {
    let group = request.group_id.clone();
    let made = |_: &Connection, version| {
        if version >= 3 {
            request.members = vec![MemberIdentity {
                member_id: std::mem::take(&mut request.member_id),
                group_instance_id: instance.as_deref().map(Into::into),
                reason: Some(reason.as_str().into()),
                ..Default::default()
            }];
        }
        Ok(request)
    };
    let answer = ask(&coordinator, &cluster, made, within).await;
    if let Err(error) = &answer {
        coordinator.learn(error);
    }
    let answer = answer?;
    let of_member = answer.members.iter().map(|member| member.error_code).find(|code| *code != 0);
    let code = if answer.error_code == 0 { of_member.unwrap_or(0) } else { answer.error_code };
    check(|| format!("leaving group {group}"), code, None)
}

/// Says what a member of a consumer group does, and hears what it is to do. `names` are told in the place of a pattern
/// where the broker knows none.
pub(super) async fn consumer_heartbeat(
    coordinator: Coordinator,
    cluster: Cluster,
    mut request: ConsumerGroupHeartbeatRequest,
    names: Vec<Text>,
    within: Duration,
) -> Result<ConsumerGroupHeartbeatResponse> {
    let group = request.group_id.clone();
    let made = |_: &Connection, version| {
        if version < 1 && request.subscribed_topic_regex.take().is_some() {
            request.subscribed_topic_names = Some(names);
        }
        Ok(request)
    };
    let answer = ask(&coordinator, &cluster, made, within).await?;
    match ErrorCode::from_wire(answer.error_code) {
        ErrorCode::None => Ok(answer),
        error => Err(ClientError::refused(
            format!("being a member of group {group}"),
            error,
            answer.error_message.as_deref(),
        )),
    }
}
