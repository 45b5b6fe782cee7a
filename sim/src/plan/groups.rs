//! Consumer groups: how their coordinators' topic is made, who joins which group, and who else commits.

use super::faults::PlannedFault;
use super::target::Target;
use super::topic::{self, TopicShape};
use super::workload::{ClientPlan, Habit, Pause, Place};
use super::world::{WorldShape, stream};
use jepsen_lite::history::FaultKind;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// The topic of the group coordinators.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A run with groups ends, before all is healed, with so much time in which nothing but clocks goes wrong.
pub const CALM_MS: u64 = 30_000;
/// In the last milliseconds of it each clock jumps so often. A session that is measured by it ends only if it jumps between
/// the last heartbeat and the moment at which somebody looks.
const JUMPS_MS: u64 = 8000;
const JUMPS: usize = 20;

/// What there is of groups in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsPlan {
    /// The coordinators' topic.
    pub offsets: TopicShape,
    /// The groups that have members.
    pub groups: Vec<GroupShape>,
    /// Milliseconds that an answer of a deposed coordinator may be old.
    pub may_be_old_ms: u32,
    /// Whether offsets are kept for the shortest time there is, and looked for often (KIP-211).
    #[serde(default)]
    pub may_expire: bool,
    /// From then on, in simulated milliseconds, nothing but clocks goes wrong, and nobody moves a coordinator.
    pub calm_from_ms: u64,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupShape {
    /// `group.id`.
    pub name: String,
    /// The topics that its members read.
    pub topics: Vec<u8>,
}

/// Which protocol a member speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speaks {
    /// Classic, with the assignors of these names.
    Classic,
    /// KIP-848.
    Consumer,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberHabit {
    /// `group.id`.
    pub group: String,
    /// The topics it may read.
    pub topics: Vec<u8>,
    /// Its protocol.
    pub speaks: Speaks,
    /// `partition.assignment.strategy`.
    pub assignors: Vec<String>,
    /// `group.instance.id`.
    pub instance: Option<String>,
    /// `session.timeout.ms`, or the group's, in milliseconds.
    pub session_ms: u32,
    /// `heartbeat.interval.ms`.
    pub heartbeat_ms: u32,
    /// `max.poll.interval.ms`.
    pub max_poll_ms: u32,
    /// `auto.commit.interval.ms`, if it commits by itself.
    pub auto_commit_ms: Option<u32>,
    /// Polls between commits by hand, if it does that.
    pub commits_every: Option<u8>,
    /// Whether it also commits what it has to give up.
    pub commits_when_revoked: bool,
    /// `max.poll.records`.
    pub poll_records: u16,
}

/// What a member does next. It polls all the time, but for what is said here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberDeed {
    /// Joins, if it is not there.
    Join,
    /// Leaves in order.
    Leave,
    /// Is gone without a word, and begins anew after so many milliseconds.
    Crash(u32),
    /// Does not poll for so many milliseconds.
    Sleep(u32),
    /// Reads other topics: those of its own with a 1 in these bits.
    Subscribe(u8),
}

/// What somebody who is no member does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitterDeed {
    /// Commits an offset in the group of its own.
    Commit(Place),
    /// Looks the offset of a partition up.
    Lookup {
        /// In which group: one with members, or its own.
        group: String,
        /// Where.
        place: Place,
        /// Of any node rather than of the coordinator.
        anywhere: bool,
    },
    /// Commits what is too large for the coordinator's log.
    Oversize(Place),
    /// Deletes an offset of the group of its own.
    DeleteOffset(Place),
    /// Deletes the group of its own.
    DeleteGroup,
    /// Has the preferred replica of a partition of the coordinators' topic lead.
    Move {
        /// Which.
        partition: u8,
    },
    /// Commits as a member that was there a while ago, or still is.
    CommitAsMember {
        /// In which group.
        group: String,
        /// How long ago, in 65,536ths of what is known.
        which: u16,
    },
}

/// Draws the groups of a run.
pub fn draw(seed: u64, length_ms: u64, world: &mut WorldShape) -> GroupsPlan {
    let mut dice = stream(seed, "groups");
    let offsets = offsets_topic(&mut dice, world);
    configure(&mut dice, world);
    let count = dice.between(1, 4);
    let lasting: Vec<u8> = (0_u8..).zip(&world.topics).filter(|(_, t)| !t.churns).map(|(number, _)| number).collect();
    let groups = (0..count)
        .map(|number| {
            let some: Vec<u8> = lasting.iter().copied().filter(|_| dice.chance(0.7)).collect();
            let topics = if some.is_empty() { vec![*dice.pick(&lasting)] } else { some };
            GroupShape { name: format!("group-{number}"), topics }
        })
        .collect();
    let session = world.nodes[0].configs.get("broker.session.timeout.ms").and_then(|value| value.parse().ok());
    let may_be_old_ms = session.filter(|_| world.is_cluster()).unwrap_or(0);
    let may_expire = expires(seed, world);
    GroupsPlan { offsets, groups, may_be_old_ms, may_expire, calm_from_ms: length_ms.saturating_sub(CALM_MS) }
}

/// Whether offsets that nobody needs go: some clocks jump over the minute that is the least.
fn expires(seed: u64, world: &mut WorldShape) -> bool {
    let mut dice = stream(seed, "expiry");
    let expires = dice.chance(0.25);
    if expires {
        let every_ms = dice.between(500, 3000).to_string();
        let configs =
            topic::pairs(&[("offsets.retention.minutes", "1"), ("offsets.retention.check.interval.ms", &every_ms)]);
        world.nodes.iter_mut().for_each(|node| node.configs.extend(configs.clone()));
    }
    expires
}

fn offsets_topic(dice: &mut Stream, world: &WorldShape) -> TopicShape {
    let most = world.nodes.len().min(3) as i16;
    let replicas = if dice.chance(0.7) { most } else { dice.between(1, most as u64 + 1) as i16 };
    let mut configs = topic::pairs(&[("cleanup.policy", "compact"), ("compression.type", "producer")]);
    let mut set = |name: &str, value: String| drop(configs.insert(name.to_owned(), value));
    set("internal.segment.bytes", dice.between(8192, 65_536).to_string());
    set("max.message.bytes", "10000".into());
    set("min.insync.replicas", if replicas > 1 && dice.chance(0.8) { 2 } else { 1 }.to_string());
    if dice.chance(0.15) {
        set("flush.messages", "10000".into());
    }
    if dice.chance(0.5) {
        set("segment.ms", "5000".into());
    }
    if dice.chance(0.7) {
        set("min.cleanable.dirty.ratio", dice.pick(&["0.01", "0.5"]).to_string());
    }
    TopicShape {
        name: OFFSETS_TOPIC.into(),
        partitions: *dice.pick(&[1, 3, 8, 20, 20]),
        replicas,
        configs,
        churns: false,
    }
}

/// The broker configs of groups, alike on all nodes.
fn configure(dice: &mut Stream, world: &mut WorldShape) {
    let mut configs = topic::pairs(&[
        ("group.min.session.timeout.ms", "1000"),
        ("group.consumer.min.session.timeout.ms", "1000"),
        ("group.consumer.min.heartbeat.interval.ms", "100"),
        // Larger than what the coordinators' log takes, so that it can be told no.
        ("offset.metadata.max.bytes", "12000"),
    ]);
    let mut set = |name: &str, value: String| drop(configs.insert(name.to_owned(), value));
    set("group.initial.rebalance.delay.ms", dice.pick(&["0", "100", "1000"]).to_string());
    set("group.consumer.session.timeout.ms", dice.between(2500, 5000).to_string());
    set("group.consumer.heartbeat.interval.ms", dice.between(200, 800).to_string());
    set("group.consumer.assignment.interval.ms", dice.pick(&["0", "200", "1000"]).to_string());
    set("group.consumer.assignors", dice.pick(&["uniform,range", "range,uniform"]).to_string());
    set("offsets.commit.timeout.ms", dice.pick(&["1000", "3000"]).to_string());
    set("log.cleaner.backoff.ms", dice.pick(&["500", "3000"]).to_string());
    if world.is_cluster() && dice.chance(0.6) {
        // So short that who is cut off for some seconds is not only replaced, but has to know that it may be.
        let session_ms = dice.between(2000, 3500);
        set("broker.session.timeout.ms", session_ms.to_string());
        set("broker.heartbeat.interval.ms", dice.between(100, session_ms / 4).to_string());
    }
    for node in &mut world.nodes {
        node.configs.extend(configs.clone());
    }
}

/// Draws those who have to do with groups.
pub fn clients(seed: u64, length_ms: u64, world: &WorldShape, groups: &GroupsPlan) -> Vec<ClientPlan> {
    let mut dice = stream(seed, "members");
    let mut clients = Vec::new();
    for group in &groups.groups {
        let style = Style::draw(&mut dice, world);
        for number in 0..dice.between(2, 5) {
            let habit = style.member(&mut dice, group, number);
            let deeds = deeds(&mut dice, length_ms, &habit);
            let name = format!("member-{}-{number}", group.name);
            clients.push(ClientPlan { name, habit: Habit::Member(habit, deeds) });
        }
    }
    for number in 0..dice.between(1, 3) {
        let group = format!("alone-{number}");
        let deeds = committer(&mut dice, length_ms, world, groups, &group);
        clients.push(ClientPlan { name: format!("committer-{number}"), habit: Habit::Committer(group, deeds) });
    }
    for number in 0..dice.between(2, 5) {
        let group = format!("seldom-{number}");
        let (commits, lookups) = seldom(&mut dice, length_ms, world, &group);
        for (name, deeds) in [("seldom", commits), ("asker", lookups)] {
            let habit = Habit::Committer(group.clone(), deeds);
            clients.push(ClientPlan { name: format!("{name}-{number}"), habit });
        }
    }
    clients.extend(intruder(seed, length_ms, world, groups));
    clients
}

/// Somebody who is no member of a group that has some: it commits there, deletes offsets, and the group. That must fail while
/// there are members; at other times it changes where they begin, so not every run has one.
fn intruder(seed: u64, length_ms: u64, world: &WorldShape, groups: &GroupsPlan) -> Option<ClientPlan> {
    let mut dice = stream(seed, "intruder");
    if dice.chance(0.5) {
        return None;
    }
    let (places, every_us) = (lasting_places(world), 500_000);
    let deed = |dice: &mut Stream| match dice.below(10) {
        0..6 => CommitterDeed::Commit(*dice.pick(&places)),
        6..9 => CommitterDeed::DeleteOffset(*dice.pick(&places)),
        _ => CommitterDeed::DeleteGroup,
    };
    let group = dice.pick(&groups.groups).name.clone();
    let count = length_ms * 1000 / every_us * 3 / 2;
    let deeds = (0..count).map(|_| (dice.below(2 * every_us) as Pause, deed(&mut dice))).collect();
    Some(ClientPlan { name: "intruder".into(), habit: Habit::Committer(group, deeds) })
}

/// What the members of a group have alike.
struct Style {
    mixed: bool,
    speaks: Speaks,
    assignors: Vec<String>,
    session_ms: u32,
    auto_commit: bool,
}

impl Style {
    fn draw(dice: &mut Stream, world: &WorldShape) -> Style {
        let assignors: &[&[&str]] = &[
            &["range"],
            &["roundrobin"],
            &["sticky"],
            &["cooperative-sticky"],
            &["cooperative-sticky"],
            &["range", "cooperative-sticky"],
        ];
        let mixed = dice.chance(0.15);
        let speaks = if dice.chance(0.5) { Speaks::Classic } else { Speaks::Consumer };
        // The group's own, with the consumer protocol.
        let configured = world.nodes[0].configs.get("group.consumer.session.timeout.ms");
        let drawn = dice.between(2500, 5000) as u32;
        let session_ms = match speaks {
            Speaks::Consumer => configured.and_then(|value| value.parse().ok()).unwrap_or(drawn),
            Speaks::Classic => drawn,
        };
        let assignors = dice.pick(assignors).iter().map(|name| (*name).to_owned()).collect();
        Style { mixed, speaks, assignors, session_ms, auto_commit: dice.chance(0.25) }
    }

    fn member(&self, dice: &mut Stream, group: &GroupShape, number: u64) -> MemberHabit {
        let other = dice.chance(0.5);
        let speaks = match (self.mixed && other, self.speaks) {
            (false, speaks) => speaks,
            (true, Speaks::Classic) => Speaks::Consumer,
            (true, Speaks::Consumer) => Speaks::Classic,
        };
        let by_hand = !self.auto_commit || dice.chance(0.3);
        MemberHabit {
            group: group.name.clone(),
            topics: group.topics.clone(),
            speaks,
            assignors: self.assignors.clone(),
            // Sometimes two have the same place, and fight for it.
            instance: dice.chance(0.3).then(|| format!("place-{}", if dice.chance(0.2) { 0 } else { number })),
            session_ms: self.session_ms,
            heartbeat_ms: dice.between(200, 800) as u32,
            max_poll_ms: *dice.pick(&[3000, 5000, 10_000]),
            auto_commit_ms: (self.auto_commit && dice.chance(0.8)).then(|| dice.between(200, 2000) as u32),
            commits_every: by_hand.then(|| dice.between(1, 8) as u8),
            commits_when_revoked: dice.chance(0.7),
            poll_records: *dice.pick(&[1, 10, 100, 500]),
        }
    }
}

fn deeds(dice: &mut Stream, length_ms: u64, habit: &MemberHabit) -> Vec<(Pause, MemberDeed)> {
    let mut deeds = vec![(dice.below(3_000_000) as Pause, MemberDeed::Join)];
    let every_us = *dice.pick(&[3_000_000, 8_000_000, 20_000_000]);
    let session = u64::from(habit.session_ms);
    for _ in 0..length_ms * 1000 * 3 / 2 / every_us {
        let pause = dice.below(2 * every_us) as Pause;
        let deed = match dice.below(10) {
            0 | 1 => MemberDeed::Leave,
            2 | 3 => MemberDeed::Crash(dice.between(50, 2 * session) as u32),
            4 | 5 => MemberDeed::Sleep(dice.between(100, 2 * u64::from(habit.max_poll_ms)) as u32),
            6 if habit.topics.len() > 1 => MemberDeed::Subscribe(dice.between(1, 256) as u8),
            _ => MemberDeed::Join,
        };
        let gone = deed == MemberDeed::Leave;
        deeds.push((pause, deed));
        if gone {
            deeds.push((dice.below(4_000_000) as Pause, MemberDeed::Join));
        }
    }
    deeds
}

/// Every partition of the topics that last.
fn lasting_places(world: &WorldShape) -> Vec<Place> {
    let lasting = (0_u8..).zip(&world.topics).filter(|(_, topic)| !topic.churns);
    lasting
        .flat_map(|(topic, shape)| (0..shape.partitions as u8).map(move |partition| Place { topic, partition }))
        .collect()
}

type CommitterDeeds = Vec<(Pause, CommitterDeed)>;

/// Of somebody who commits now and then, and of somebody else who asks any node for it all the time: most groups are so, and
/// what a coordinator knows of them it does not lose by trying to write.
fn seldom(dice: &mut Stream, length_ms: u64, world: &WorldShape, own: &str) -> (CommitterDeeds, CommitterDeeds) {
    let place = *dice.pick(&lasting_places(world));
    let mut often = |every_us: u64, deed: &dyn Fn(&mut Stream) -> CommitterDeed| {
        let count = length_ms * 1000 / every_us * 3 / 2;
        (0..count).map(|_| (dice.below(2 * every_us) as Pause, deed(dice))).collect()
    };
    let look_up =
        |dice: &mut Stream| CommitterDeed::Lookup { group: own.to_owned(), place, anywhere: dice.chance(0.9) };
    (often(1_000_000, &|_| CommitterDeed::Commit(place)), often(200_000, &look_up))
}

fn committer(dice: &mut Stream, length_ms: u64, world: &WorldShape, groups: &GroupsPlan, own: &str) -> CommitterDeeds {
    let places = lasting_places(world);
    let mut names: Vec<&str> = groups.groups.iter().map(|group| group.name.as_str()).collect();
    names.extend([own, own]);
    let moves = if world.is_cluster() { 2 } else { 0 };
    let every_us = 60_000;
    let count = length_ms * 1000 / every_us * 3 / 2;
    let deed = |dice: &mut Stream| {
        let place = *dice.pick(&places);
        match dice.below(200) {
            0..70 => CommitterDeed::Commit(place),
            70..130 => {
                CommitterDeed::Lookup { group: (*dice.pick(&names)).to_owned(), place, anywhere: dice.chance(0.3) }
            }
            130..145 => CommitterDeed::Oversize(place),
            145 | 146 => CommitterDeed::DeleteOffset(place),
            147 => CommitterDeed::DeleteGroup,
            148..196 => CommitterDeed::CommitAsMember {
                group: dice.pick(&groups.groups).name.clone(),
                which: dice.below(65_536) as u16,
            },
            number if number < 196 + moves => {
                CommitterDeed::Move { partition: dice.below(groups.offsets.partitions as u64) as u8 }
            }
            _ => CommitterDeed::Commit(place),
        }
    };
    (0..count).map(|_| (dice.below(2 * every_us) as Pause, deed(dice))).collect()
}

/// Has many faults hit whoever coordinates, and leaves the end to the clocks.
pub fn aim(seed: u64, length_ms: u64, world: &WorldShape, groups: &GroupsPlan, faults: &mut Vec<PlannedFault>) {
    let mut dice = stream(seed, "coordinators");
    faults.retain(|fault| fault.at_ms + fault.lasts_ms < groups.calm_from_ms);
    for fault in faults.iter_mut() {
        let one = matches!(fault.target, Target::Node(_) | Target::Leader(_));
        if world.is_cluster() && one && dice.chance(0.3) {
            fault.target = Target::Coordinator(dice.below(groups.offsets.partitions as u64) as u8);
        }
    }
    if world.is_cluster() && dice.chance(0.6) {
        faults.extend(long_cuts(&mut dice, groups));
    }
    for node in (0..world.nodes.len() as u8).flat_map(|node| [node; JUMPS]) {
        // By more than any session: 16 to 32 s.
        let amount = 22 * dice.below(1 << 40) + 14;
        let kind = if dice.chance(0.8) { FaultKind::ClockForward } else { FaultKind::ClockBack };
        let at_ms = length_ms.saturating_sub(JUMPS_MS) + dice.below(JUMPS_MS - 1000);
        faults.push(PlannedFault { at_ms, lasts_ms: 0, kind, target: Target::Node(node), point: None, amount });
    }
    faults.sort_by_key(|fault| fault.at_ms);
}

/// Coordinators that are cut off for some times as long as it takes to replace them.
fn long_cuts(dice: &mut Stream, groups: &GroupsPlan) -> Vec<PlannedFault> {
    let (session_ms, calm_from_ms) = (u64::from(groups.may_be_old_ms), groups.calm_from_ms);
    let cut = |dice: &mut Stream| {
        let lasts_ms = session_ms * dice.between(2, 8) + dice.below(2000);
        let at_ms = calm_from_ms.checked_sub(lasts_ms + 2000).map(|latest| dice.between(1000, latest.max(1001)));
        let target = Target::Coordinator(dice.below(groups.offsets.partitions as u64) as u8);
        at_ms.map(|at_ms| PlannedFault {
            at_ms,
            lasts_ms,
            kind: FaultKind::Cut,
            target,
            point: None,
            amount: dice.u64(),
        })
    };
    (0..dice.between(1, 3)).filter_map(|_| cut(dice)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::profile::Profile;

    #[test]
    fn groups_have_members_and_the_end_is_calm() {
        for seed in 0..100 {
            let plan = Plan::draw(seed, Profile::named("groups").unwrap());
            let groups = plan.groups.expect("the profile has them");
            let members = plan.clients.iter().filter(|client| matches!(client.habit, Habit::Member(..))).count();
            assert!(members >= 2 * groups.groups.len(), "seed {seed}");
            let calm = plan.faults.iter().filter(|fault| fault.at_ms + CALM_MS >= plan.faults_for_ms);
            assert!(calm.clone().count() >= 1);
            for fault in calm {
                assert!(matches!(fault.kind, FaultKind::ClockForward | FaultKind::ClockBack), "seed {seed}: {fault:?}");
            }
        }
    }
}
