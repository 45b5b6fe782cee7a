//! Commits without being a member: in a group of its own, and as members that were there a while ago; looks committed
//! offsets up; asks for what is too large.

use super::by_hand;
use super::coordinators::{Coordinators, WITHIN};
use super::outcome;
use crate::clients::surroundings::{Client, Phase};
use crate::plan::{CommitterDeed, OFFSETS_TOPIC, Pause, Place};
use jepsen_lite::history::{Action, Answer, CommitOffset, GroupProtocol, Outcome};
use model::{ErrorCode, TopicPartition};
use protocol::messages::elect_leaders::TopicPartitions;
use protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::{DeleteGroupsRequest, ElectLeadersRequest, OffsetDeleteRequest};
use runtime::time::{Duration, Instant, sleep};

/// More than the coordinators' log takes of one batch.
const OVERSIZE: usize = 11_000;
/// So often a lookup is tried.
const LOOKUPS: usize = 5;
/// The version of OffsetCommit that members of consumer groups need.
const BY_EPOCH: i16 = 9;

/// Does its deeds.
pub async fn live(client: Client, group: String, deeds: Vec<(Pause, CommitterDeed)>) {
    let coordinators = Coordinators::new(client.clone());
    let mut committer = Committer { coordinators, client: client.clone(), group, began: Instant::now() };
    for (pause, deed) in deeds {
        client.pause(pause, Phase::Faults).await;
        if client.is_past(Phase::Faults) {
            return;
        }
        committer.act(deed).await;
    }
}

struct Committer {
    client: Client,
    coordinators: Coordinators,
    group: String,
    began: Instant,
}

impl Committer {
    async fn act(&mut self, deed: CommitterDeed) {
        match deed {
            CommitterDeed::Commit(place) => self.commit(place, 0).await,
            CommitterDeed::Oversize(place) => self.commit(place, OVERSIZE).await,
            CommitterDeed::Lookup { group, place, anywhere } => self.look_up(&group, place, anywhere).await,
            CommitterDeed::CommitAsMember { group, which } => self.commit_as_member(&group, which).await,
            CommitterDeed::DeleteOffset(place) => self.delete_offset(place).await,
            CommitterDeed::DeleteGroup => self.delete_group().await,
            CommitterDeed::Move { partition } if self.may_move() => self.move_coordinator(partition).await,
            CommitterDeed::Move { .. } => {}
        }
    }

    async fn commit(&mut self, place: Place, ballast: usize) {
        let group = self.group.clone();
        let Some(node) = self.coordinators.of(&group).await else { return };
        let commit = CommitOffset {
            group,
            by: None,
            partition: self.client.partition(place),
            offset: runtime::rand::below(1000) as i64,
            leader_epoch: runtime::rand::below(5) as i32 - 1,
            mark: self.client.around.board.mark(),
        };
        let version = 6 + runtime::rand::below(4) as i16;
        by_hand::commit(&self.client, &mut self.coordinators, (node, version), commit, ballast).await;
    }

    /// As a member that may be one no more. It commits what that member had reached, so nothing is skipped if it is.
    async fn commit_as_member(&mut self, group: &str, which: u16) {
        let Some(somebody) = self.client.around.board.somebody(group, which) else { return };
        let Some(node) = self.coordinators.of(group).await else { return };
        let number = runtime::rand::below(somebody.offsets.len() as u64) as usize;
        let Some((partition, at)) = somebody.offsets.iter().nth(number) else { return };
        let version = match somebody.by.protocol {
            GroupProtocol::Consumer => BY_EPOCH,
            GroupProtocol::Classic => 7 + runtime::rand::below(3) as i16,
        };
        let commit = CommitOffset {
            group: group.to_owned(),
            by: Some(somebody.by.clone()),
            partition: partition.clone(),
            offset: at.offset,
            leader_epoch: at.leader_epoch,
            mark: self.client.around.board.mark(),
        };
        by_hand::commit(&self.client, &mut self.coordinators, (node, version), commit, 0).await;
    }

    /// Like a consumer, which has to know where to begin, it asks again at once when it is not told.
    async fn look_up(&mut self, group: &str, place: Place, anywhere: bool) {
        let (partition, version) = (self.client.partition(place), 6 + runtime::rand::below(4) as i16);
        let may_be_old_ms = self.client.around.groups.as_ref().map_or(0, |groups| groups.may_be_old_ms);
        for _ in 0..LOOKUPS {
            let coordinator = if anywhere { Some(self.coordinators.any()) } else { self.coordinators.of(group).await };
            let Some(node) = coordinator else { continue };
            let place = (group, &partition);
            let told = by_hand::look_up(&self.client, &mut self.coordinators, (node, version), place, may_be_old_ms);
            if told.await || anywhere || self.client.is_past(Phase::Faults) {
                return;
            }
            sleep(Duration::from_millis(5 + runtime::rand::below(30))).await;
        }
    }

    async fn delete_offset(&mut self, place: Place) {
        let partition = self.client.partition(place);
        let wanted = OffsetDeleteRequestPartition { partition_index: partition.partition, ..Default::default() };
        let topic = OffsetDeleteRequestTopic {
            name: (&*partition.topic).into(),
            partitions: vec![wanted],
            ..Default::default()
        };
        let request =
            OffsetDeleteRequest { group_id: self.group.as_str().into(), topics: vec![topic], ..Default::default() };
        let Some(node) = self.coordinators.of(&self.group).await else { return };
        let action = Action::DeleteOffset { group: self.group.clone(), partition };
        let operation = self.client.around.chronicle.invoke(self.client.process, action);
        let outcome = match self.coordinators.call(node, &request, 0).await {
            Ok(answer) => {
                let own = answer.topics.first().and_then(|topic| topic.partitions.first());
                let code = if answer.error_code == 0 { own.map_or(0, |own| own.error_code) } else { answer.error_code };
                outcome::of_answer(code, Answer::Done)
            }
            Err(failure) => Outcome::Unknown(failure),
        };
        self.client.around.chronicle.complete(operation, outcome);
    }

    async fn delete_group(&mut self) {
        let request = DeleteGroupsRequest { groups_names: vec![self.group.as_str().into()], ..Default::default() };
        let Some(node) = self.coordinators.of(&self.group).await else { return };
        let action = Action::DeleteGroup { group: self.group.clone() };
        let operation = self.client.around.chronicle.invoke(self.client.process, action);
        let outcome = match self.coordinators.call(node, &request, 2).await {
            Ok(answer) => answer
                .results
                .first()
                .map_or(Outcome::Unknown("no answer".into()), |told| outcome::of_answer(told.error_code, Answer::Done)),
            Err(failure) => Outcome::Unknown(failure),
        };
        self.client.around.chronicle.complete(operation, outcome);
    }

    /// Whether a move of a coordinator is over before the calm begins.
    fn may_move(&self) -> bool {
        let calm_from_ms = self.client.around.groups.as_ref().map_or(0, |groups| groups.calm_from_ms);
        self.began.elapsed() + WITHIN < Duration::from_millis(calm_from_ms)
    }

    /// Has the preferred replica of a partition of the coordinators' topic lead.
    async fn move_coordinator(&mut self, number: u8) {
        let partition = TopicPartition::new(OFFSETS_TOPIC, i32::from(number));
        let partitions = TopicPartitions {
            topic: OFFSETS_TOPIC.into(),
            partitions: vec![partition.partition],
            ..Default::default()
        };
        let timeout_ms = WITHIN.as_millis() as i32;
        let request =
            ElectLeadersRequest { timeout_ms, topic_partitions: Some(vec![partitions]), ..Default::default() };
        let node = self.coordinators.any();
        let action = Action::ElectPreferred { partition };
        let operation = self.client.around.chronicle.invoke(self.client.process, action);
        let outcome = match self.coordinators.call(node, &request, 2).await {
            Ok(answer) => {
                let own = answer.replica_election_results.first().and_then(|topic| topic.partition_result.first());
                match ErrorCode::from_wire(own.map_or(answer.error_code, |own| own.error_code)) {
                    ErrorCode::None => Outcome::Ok(Answer::Done),
                    error @ (ErrorCode::ElectionNotNeeded | ErrorCode::PreferredLeaderNotAvailable) => {
                        Outcome::Fail(error.name().to_owned())
                    }
                    error => Outcome::Unknown(error.name().to_owned()),
                }
            }
            Err(failure) => Outcome::Unknown(failure),
        };
        self.client.around.chronicle.complete(operation, outcome);
    }
}
