//! Groups that change between the classic and the consumer protocol, member by member.

use crate::commits::commit;
use crate::coordinator::{Coordinator, GROUP, idle, joining};
use bytes::Bytes;
use coordinator::group::{Client, Reply, Request};
use model::ErrorCode;
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use protocol::messages::heartbeat::HeartbeatRequest;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use protocol::payloads::consumer_protocol_assignment::TopicPartition;
use protocol::payloads::consumer_protocol_subscription;
use protocol::payloads::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::{Message, Reader, Writer};
use std::time::Duration;

/// A client of the classic protocol.
struct Classic {
    id: String,
    instance: Option<&'static str>,
    generation: i32,
    owned: Vec<i32>,
}

impl Classic {
    fn new() -> Classic {
        Classic { id: String::new(), instance: None, generation: -1, owned: Vec::new() }
    }

    fn request(&self) -> JoinGroupRequest {
        let protocol =
            JoinGroupRequestProtocol { name: "range".into(), metadata: self.subscription(), ..Default::default() };
        JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 20_000,
            member_id: self.id.as_str().into(),
            group_instance_id: self.instance.map(Into::into),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        }
    }

    /// That of a cooperative consumer, which says what it owns.
    fn subscription(&self) -> Bytes {
        let owned =
            consumer_protocol_subscription::TopicPartition { topic: "t".into(), partitions: self.owned.clone() };
        let message = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            owned_partitions: if self.owned.is_empty() { Vec::new() } else { vec![owned] },
            ..Default::default()
        };
        written(1, &message)
    }

    fn join(&mut self, group: &mut Coordinator) -> JoinGroupResponse {
        let response = join(group, self.request(), 3);
        self.id = response.member_id.to_string();
        self.generation = response.generation_id;
        response
    }

    fn sync(&mut self, group: &mut Coordinator, assigned: Option<&[i32]>) -> SyncGroupResponse {
        let request = self.sync_request(assigned);
        let Reply::SyncGroup(response) = group.ask(Request::SyncGroup { request, version: 3 }) else { unreachable!() };
        if response.error_code == 0 {
            self.owned = partitions(&response.assignment);
        }
        response
    }

    fn sync_request(&self, assigned: Option<&[i32]>) -> SyncGroupRequest {
        let assignment = |partitions: &&[i32]| SyncGroupRequestAssignment {
            member_id: self.id.as_str().into(),
            assignment: assignment(partitions),
            ..Default::default()
        };
        SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: self.generation,
            member_id: self.id.as_str().into(),
            group_instance_id: self.instance.map(Into::into),
            assignments: assigned.iter().map(assignment).collect(),
            ..Default::default()
        }
    }

    fn beat(&self, group: &mut Coordinator) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: self.generation,
            member_id: self.id.as_str().into(),
            group_instance_id: self.instance.map(Into::into),
            ..Default::default()
        };
        let Reply::Heartbeat(response) = group.ask(Request::Heartbeat { request, version: 3 }) else { unreachable!() };
        ErrorCode::from_wire(response.error_code)
    }

    fn leave(&self, group: &mut Coordinator) -> ErrorCode {
        let member = MemberIdentity { member_id: self.id.as_str().into(), ..Default::default() };
        let request = LeaveGroupRequest { group_id: GROUP.into(), members: vec![member], ..Default::default() };
        let Reply::LeaveGroup(response) = group.ask(Request::LeaveGroup { request, version: 3 }) else {
            unreachable!()
        };
        ErrorCode::from_wire(response.error_code.max(response.members[0].error_code))
    }
}

fn join(group: &mut Coordinator, request: JoinGroupRequest, version: i16) -> JoinGroupResponse {
    let client = Client { id: "old".into(), host: "/10.0.0.2".into() };
    let Reply::JoinGroup(response) = group.ask(Request::JoinGroup { request, version, client }) else { unreachable!() };
    response
}

fn written(version: i16, message: &impl Message) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(version);
    message.encode(&mut writer, version).expect("a good message");
    writer.finish_contiguous()
}

fn assignment(partitions: &[i32]) -> Bytes {
    let topic = TopicPartition { topic: "t".into(), partitions: partitions.to_vec() };
    written(0, &ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() })
}

fn partitions(assignment: &Bytes) -> Vec<i32> {
    let mut reader = Reader::new(assignment.clone());
    let version = reader.i16().expect("a version");
    let read = ConsumerProtocolAssignment::decode(&mut reader, version).expect("an assignment");
    read.assigned_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect()
}

/// A classic group with one member that owns both partitions.
fn classic_group() -> (Coordinator, Classic) {
    let mut group = Coordinator::with_configs(&[
        ("group.consumer.assignment.interval.ms", "0"),
        ("group.initial.rebalance.delay.ms", "0"),
    ]);
    group.create_topic("t", 2);
    let mut old = Classic::new();
    let joined = old.join(&mut group);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(old.sync(&mut group, Some(&[0, 1])).error_code, 0);
    (group, old)
}

#[test]
fn a_group_goes_over_and_back() {
    let (mut group, mut old) = classic_group();
    let entered = group.good(joining("new", &["t"]));
    assert_eq!((entered.member_epoch, group.names(&entered.assignment)), (2, Some(vec![])));
    assert_eq!(group.epochs(), ("Reconciling".into(), 2, 2));
    let both = vec!["t-0".to_owned(), "t-1".to_owned()];
    assert_eq!(group.member(&old.id), (1, both.clone(), vec!["t-0".into()]));
    assert_eq!(group.member("new"), (2, vec![], vec!["t-1".into()]));
    let types: Vec<i8> = group.describe().members.iter().map(|member| member.member_type).collect();
    assert_eq!(types.iter().sum::<i8>(), 1, "one of each kind");
    assert_eq!(group.describe_as_classic().error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    old.owned = vec![0]; // it gave up what it has to before it joins again
    let again = old.join(&mut group);
    assert_eq!((again.error_code, again.generation_id, &*again.leader, again.members.len()), (0, 2, "", 0));
    assert_eq!(again.protocol_name.as_deref(), Some("range"));
    assert_eq!(old.sync(&mut group, None).error_code, 0);
    assert_eq!(old.owned, [0]);
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    let gets = group.good(group.owning("new", 2, "t", &[]));
    assert_eq!(group.names(&gets.assignment), Some(vec!["t-1".into()]));
    assert_eq!(group.epochs(), ("Stable".into(), 2, 2));
    group.good(idle("new", -1));
    let described = group.describe_as_classic();
    assert_eq!((described.error_code, &*described.group_state), (0, "PreparingRebalance"));
    assert_eq!((&*described.protocol_type, &*described.protocol_data), ("consumer", ""));
    assert_eq!((described.members.len(), &described.members[0].member_metadata[..]), (1, &[][..]));
    assert_eq!(partitions(&described.members[0].member_assignment), [0]);
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    let alone = old.join(&mut group);
    assert_eq!((alone.error_code, &*alone.leader, alone.members.len()), (0, &*old.id, 1));
    assert_eq!(old.sync(&mut group, Some(&[0, 1])).error_code, 0);
    assert_eq!(old.beat(&mut group), ErrorCode::None);
}

#[test]
fn a_classic_member_that_keeps_owning_is_told_to_join_until_it_gave_up() {
    let (mut group, mut old) = classic_group();
    group.join("new", &["t"]);
    let again = old.join(&mut group);
    assert_eq!(again.generation_id, 1, "it owns both still");
    assert_eq!(old.sync(&mut group, None).error_code, 0);
    assert_eq!(old.owned, [0]);
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    assert_eq!(group_beat(&mut group), None, "nothing is free yet");
    assert_eq!(old.join(&mut group).generation_id, 2);
    assert_eq!(old.sync(&mut group, None).error_code, 0);
    assert_eq!(group_beat(&mut group).map(|_| ()), Some(()));
    assert_eq!(old.beat(&mut group), ErrorCode::None);
}

fn group_beat(group: &mut Coordinator) -> Option<protocol::messages::consumer_group_heartbeat::Assignment> {
    group.good(idle("new", 2)).assignment
}

#[test]
fn a_classic_member_that_does_not_join_again_is_out() {
    let (mut group, old) = classic_group();
    group.join("new", &["t"]);
    for _ in 0..4 {
        assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
        group.good(idle("new", 2));
        group.advance(Duration::from_secs(5));
    }
    assert_eq!(old.beat(&mut group), ErrorCode::UnknownMemberId);
    group.good(idle("new", 2));
    assert_eq!(group.member("new").1, ["t-0", "t-1"]);
}

#[test]
fn a_classic_member_that_leaves_is_out() {
    let (mut group, old) = classic_group();
    group.join("new", &["t"]);
    assert_eq!(old.leave(&mut group), ErrorCode::None);
    assert_eq!(old.leave(&mut group), ErrorCode::UnknownMemberId);
    group.good(idle("new", 2));
    assert_eq!(group.member("new").1, ["t-0", "t-1"]);
}

/// An administrator may take out members of the consumer protocol too (KAFKA-18188).
#[test]
fn a_group_goes_back_when_the_last_other_member_is_taken_out() {
    let (mut group, mut old) = classic_group();
    group.join("new", &["t"]);
    let new = Classic { id: "new".into(), ..Classic::new() };
    assert_eq!(new.leave(&mut group), ErrorCode::None);
    assert_eq!(&*group.describe_as_classic().group_state, "PreparingRebalance");
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    assert_eq!(&*old.join(&mut group).leader, &*old.id);
    group.bad(idle("new", 2), ErrorCode::GroupIdNotFound);
}

#[test]
fn a_group_goes_over_and_its_coordinator_moves() {
    let (mut group, mut old) = classic_group();
    group.join("new", &["t"]);
    group.compact();
    group.fail_over();
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    old.owned = vec![0];
    assert_eq!(old.join(&mut group).generation_id, 2);
    group.good(idle("new", -1));
    group.compact();
    group.fail_over();
    assert_eq!(group.describe_as_classic().members.len(), 1);
    old.join(&mut group);
    assert_eq!(old.sync(&mut group, Some(&[0, 1])).error_code, 0);
}

#[test]
fn a_consumer_group_takes_classic_members_and_keeps_them_when_the_others_time_out() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.join("new", &["t"]);
    let mut old = Classic::new();
    let joined = old.join(&mut group);
    assert_eq!((joined.error_code, joined.generation_id), (0, 3));
    old.sync(&mut group, None);
    assert_eq!(old.owned, [] as [i32; 0]);
    group.good(idle("new", 2));
    group.good(group.owning("new", 2, "t", &[0]));
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress, "what it waits for is free now");
    old.join(&mut group);
    old.sync(&mut group, None);
    assert_eq!(old.owned, [1]);
    for _ in 0..9 {
        assert_eq!(old.beat(&mut group), ErrorCode::None);
        group.advance(Duration::from_secs(5));
    }
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress, "it is a classic group again");
    assert_eq!(&*group.describe_as_classic().group_state, "PreparingRebalance");
}

#[test]
fn the_policy_decides_which_way_a_group_may_go() {
    let policy = |policy| {
        let mut group = Coordinator::with_configs(&[
            ("group.consumer.assignment.interval.ms", "0"),
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.consumer.migration.policy", policy),
        ]);
        group.create_topic("t", 2);
        group
    };
    let mut group = policy("downgrade");
    let mut old = Classic::new();
    old.join(&mut group);
    old.sync(&mut group, Some(&[0, 1]));
    group.bad(joining("new", &["t"]), ErrorCode::GroupIdNotFound);
    assert_eq!(old.beat(&mut group), ErrorCode::None);

    let mut group = policy("upgrade");
    group.join("new", &["t"]);
    let mut old = Classic::new();
    old.join(&mut group);
    group.good(idle("new", -1));
    assert_eq!(group.describe().error_code, 0, "it stays a consumer group");
    assert_eq!(old.join(&mut group).error_code, 0);
}

#[test]
fn an_assignment_that_cannot_be_read_keeps_a_group_classic() {
    let mut group = Coordinator::with_configs(&[("group.initial.rebalance.delay.ms", "0")]);
    group.create_topic("t", 2);
    let mut old = Classic::new();
    old.join(&mut group);
    let nonsense = SyncGroupRequestAssignment {
        member_id: old.id.as_str().into(),
        assignment: Bytes::from_static(b"nonsense"),
        ..Default::default()
    };
    let request = SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: 1,
        member_id: old.id.as_str().into(),
        assignments: vec![nonsense],
        ..Default::default()
    };
    group.ask(Request::SyncGroup { request, version: 3 });
    group.bad(joining("new", &["t"]), ErrorCode::UnknownServerError);
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    assert_eq!(&*group.describe_as_classic().group_state, "Stable");
}

#[test]
fn a_conversion_that_the_log_refuses_has_not_been() {
    let (mut group, mut old) = classic_group();
    group.refuses = true;
    assert_ne!(group.beat(joining("new", &["t"])).error_code, 0);
    group.refuses = false;
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    assert_eq!(&*group.describe_as_classic().group_state, "Stable");
    group.join("new", &["t"]);
    old.owned = vec![0];
    old.join(&mut group);
    old.sync(&mut group, None);
    group.refuses = true;
    assert_ne!(group.beat(idle("new", -1)).error_code, 0);
    group.refuses = false;
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    assert_eq!(group.describe().members.len(), 2);
    group.good(idle("new", -1));
    assert_eq!(&*group.describe_as_classic().group_state, "PreparingRebalance");
}

#[test]
fn a_static_member_may_come_back_with_the_other_protocol() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    let mut request = joining("new", &["t"]);
    request.instance_id = Some("instance".into());
    group.good(request);
    group.join("other", &["t"]);
    let mut away = idle("new", -2);
    away.instance_id = Some("instance".into());
    group.good(away);
    let mut old = Classic { instance: Some("instance"), ..Classic::new() };
    let joined = old.join(&mut group);
    assert_eq!(joined.error_code, 0);
    old.sync(&mut group, None);
    assert_eq!(old.owned.len(), 1, "the place of the one before");
    let mut back = joining("newest", &["t"]);
    back.instance_id = Some("instance".into());
    assert_eq!(group.good(back).assignment.map(|assignment| assignment.topic_partitions.len()), Some(1));
    assert_eq!(old.beat(&mut group), ErrorCode::FencedInstanceId);
}

#[test]
fn a_dynamic_classic_member_learns_its_id_first() {
    let mut group = Coordinator::with_topics(&[("t", 2)]);
    group.join("new", &["t"]);
    let told = join(&mut group, Classic::new().request(), 4);
    assert_eq!((told.error_code, told.generation_id), (ErrorCode::MemberIdRequired.code(), -1));
    let mut old = Classic { id: told.member_id.to_string(), ..Classic::new() };
    assert_eq!(old.join(&mut group).error_code, 0);
    let mut other = Classic::new().request();
    other.protocols[0].name = "something-else".into();
    assert_eq!(join(&mut group, other, 3).error_code, ErrorCode::InconsistentGroupProtocol.code());
}

/// The record of the classic group had only what the member was to own in the end: after a failover the next member was
/// given what the first one still read.
#[test]
fn a_group_that_went_back_knows_what_its_members_have_not_given_up() {
    let (mut group, _old) = classic_group();
    group.good(joining("new", &["t"]));
    group.good(idle("new", -1));
    group.fail_over();
    let given = group.good(joining("next", &["t"])).assignment;
    assert_eq!(group.names(&given), Some(Vec::new()), "all of it is the old member's still");
}

/// The last member of the consumer protocol left before the other had joined for the group's newest epoch: the other was
/// refused as one of another generation, and lost what it read.
#[test]
fn a_group_that_goes_back_knows_the_epochs_of_its_members() {
    let (mut group, mut old) = classic_group();
    group.good(joining("new", &["t"]));
    group.good(idle("new", -1));
    for _ in 0..2 {
        assert_eq!(&*group.describe_as_classic().group_state, "PreparingRebalance");
        assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
        assert_eq!(commit(&mut group, &old.id, old.generation, 0, 9), ErrorCode::None);
        assert_eq!(commit(&mut group, &old.id, 2, 0, 9), ErrorCode::IllegalGeneration, "it knows of no such epoch");
        group.fail_over();
    }
    group.good(joining("next", &["t"]));
    assert_eq!(group.member(&old.id).0, old.generation, "nor when the group goes over once more");
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    assert_eq!(commit(&mut group, &old.id, old.generation, 0, 9), ErrorCode::None);
    group.good(idle("next", -1));
    let before = old.generation;
    assert_eq!(old.join(&mut group).generation_id, 4);
    assert_eq!(old.sync(&mut group, Some(&[0, 1])).error_code, 0);
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    assert_eq!(commit(&mut group, &old.id, before, 0, 9), ErrorCode::IllegalGeneration);
}

/// The coordinator moved before the members that were left had joined: the next one took the group for stable, and nobody
/// read what the one that had gone had read.
#[test]
fn a_group_that_went_back_rebalances_under_the_next_coordinator_too() {
    let (mut group, mut old) = classic_group();
    group.join("new", &["t"]);
    old.owned = vec![0];
    old.join(&mut group);
    old.sync(&mut group, None);
    group.good(idle("new", -1));
    group.compact();
    group.fail_over();
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    old.join(&mut group);
    assert_eq!(old.sync(&mut group, Some(&[0, 1])).error_code, 0);
    group.fail_over();
    assert_eq!(old.beat(&mut group), ErrorCode::None, "it has a generation of its own by now");
}

/// A classic member took the static place of the last member of the consumer protocol, in an epoch older than the
/// group's: its SyncGroup was refused as of another generation.
#[test]
fn a_classic_member_whose_coming_takes_the_group_back_is_told_to_join_again() {
    let mut group = Coordinator::with_configs(&[("group.consumer.assignment.interval.ms", "1000")]);
    group.create_topic("t", 2);
    let place = |mut request: ConsumerGroupHeartbeatRequest| {
        request.instance_id = Some("instance".into());
        request
    };
    group.good(place(joining("new", &["t"])));
    let mut other = Classic::new();
    other.join(&mut group);
    group.good(place(idle("new", -2)));
    let mut old = Classic { instance: Some("instance"), ..Classic::new() };
    assert_eq!(old.join(&mut group).error_code, 0);
    assert_eq!(&*group.describe_as_classic().group_state, "PreparingRebalance");
    assert!(old.generation < 3, "{}", old.generation);
    assert_eq!(old.sync(&mut group, None).error_code, ErrorCode::RebalanceInProgress.code());
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    assert_eq!(other.beat(&mut group), ErrorCode::RebalanceInProgress);
}

/// Members that joined while there was no time for another target were told to join again and again, and read nothing
/// meanwhile (KAFKA-20272).
#[test]
fn classic_members_go_on_until_it_is_time_for_another_target() {
    let mut group = Coordinator::with_configs(&[
        ("group.consumer.assignment.interval.ms", "1000"),
        ("group.consumer.migration.policy", "upgrade"),
    ]);
    group.create_topic("t", 2);
    group.join("new", &["t"]);
    let mut old = Classic::new();
    assert_eq!(old.join(&mut group).generation_id, 2);
    assert_eq!(group.epochs(), ("Assigning".into(), 3, 2));
    assert_eq!(old.sync(&mut group, None).error_code, 0);
    assert_eq!(old.owned, [] as [i32; 0], "the target does not know of it yet");
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    group.good(idle("new", -1));
    group.advance(Duration::from_millis(999));
    assert_eq!(old.beat(&mut group), ErrorCode::None);
    group.advance(Duration::from_millis(1));
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress, "nobody else would make the target");
    assert_eq!(old.join(&mut group).generation_id, 4);
    assert_eq!(old.sync(&mut group, None).error_code, 0);
    assert_eq!((old.owned.len(), old.beat(&mut group)), (2, ErrorCode::None));
}

#[test]
fn a_classic_member_joins_again_as_soon_as_there_is_another_target() {
    let mut group = Coordinator::with_configs(&[("group.consumer.assignment.interval.ms", "1000")]);
    group.create_topic("t", 2);
    group.join("new", &["t"]);
    let mut old = Classic::new();
    old.join(&mut group);
    group.advance(Duration::from_secs(1));
    group.good(idle("new", 2));
    assert_eq!(group.epochs().2, 3);
    assert_eq!(old.beat(&mut group), ErrorCode::RebalanceInProgress);
    assert_eq!(old.sync(&mut group, None).error_code, ErrorCode::RebalanceInProgress.code());
    assert_eq!(old.join(&mut group).generation_id, 3);
}

/// The members of a classic group without a record were there again when the consumer group was empty.
#[test]
fn nothing_is_left_of_a_classic_group_that_had_no_record() {
    let mut group = Coordinator::with_configs(&[("group.initial.rebalance.delay.ms", "0")]);
    group.create_topic("t", 2);
    let mut old = Classic::new();
    assert_eq!(old.join(&mut group).error_code, 0);
    group.join("new", &["t"]);
    assert_eq!(old.leave(&mut group), ErrorCode::None);
    group.good(idle("new", -1));
    let request = Request::JoinGroup { request: Classic::new().request(), version: 3, client: Client::default() };
    let next = group.send(request);
    let Some((_, Reply::JoinGroup(joined))) = group.answer(next) else { panic!("it waits for members that are gone") };
    assert_eq!((joined.error_code, joined.members.len()), (0, 1));
}

/// The same of an id that was promised and not used.
#[test]
fn nothing_is_left_of_promises_when_a_consumer_group_comes() {
    let mut group = Coordinator::with_configs(&[("group.initial.rebalance.delay.ms", "0")]);
    group.create_topic("t", 2);
    let told = join(&mut group, Classic::new().request(), 4);
    assert_eq!(told.error_code, ErrorCode::MemberIdRequired.code());
    group.join("new", &["t"]);
    group.good(idle("new", -1));
    let mut first = Classic::new();
    assert_eq!(first.join(&mut group).error_code, 0);
    let request = Request::JoinGroup { request: Classic::new().request(), version: 3, client: Client::default() };
    let second = group.send(request);
    assert_eq!(first.join(&mut group).error_code, 0, "nobody else is waited for");
    assert!(group.answer(second).is_some());
}

#[test]
fn a_classic_member_that_does_not_say_its_protocol_is_refused_from_version_5_on() {
    let (mut group, mut old) = classic_group();
    group.join("new", &["t"]);
    old.owned = vec![0];
    old.join(&mut group);
    let (kind, name) = (Some("consumer"), Some("range"));
    for (kind, name, version, error) in [
        (None, None, 4, ErrorCode::None),
        (None, name, 5, ErrorCode::InconsistentGroupProtocol),
        (kind, None, 5, ErrorCode::InconsistentGroupProtocol),
        (kind, name, 5, ErrorCode::None),
    ] {
        let (protocol_type, protocol_name) = (kind.map(Into::into), name.map(Into::into));
        let request = SyncGroupRequest { protocol_type, protocol_name, ..old.sync_request(None) };
        let Reply::SyncGroup(response) = group.ask(Request::SyncGroup { request, version }) else { unreachable!() };
        assert_eq!(ErrorCode::from_wire(response.error_code), error);
    }
}
