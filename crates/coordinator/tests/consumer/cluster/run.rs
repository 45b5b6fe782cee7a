//! The run of a seed.

use super::classic_member::ClassicMember;
use super::coordinator::Coordinator;
use super::member::{Member, Partition, Subscription};
use super::{Outcome, Violation};
use model::ErrorCode;
use model::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The session timeout: a member that was heard of since may rely on what it owns.
const SESSION: Duration = Duration::from_secs(45);
const STEPS: usize = 160;
const TOPICS: [&str; 5] = ["a-1", "a-2", "b-1", "b-2", "c"];
const PATTERNS: [&str; 5] = ["", "", "a-.*", ".*-1", "c|b-2"];

pub struct Run {
    dice: Dice,
    coordinator: Coordinator,
    /// There are members of the classic protocol.
    is_mixed: bool,
    members: Vec<Member>,
    classic: Vec<ClassicMember>,
    /// Who last owned each partition.
    owners: BTreeMap<Partition, String>,
    born: usize,
    outcome: Outcome,
}

type Verdict = Result<(), Violation>;

impl Run {
    pub fn new(seed: u64) -> Run {
        let mut dice = Dice::seeded(seed);
        let interval = *dice.pick(&["0", "0", "1000", "5000"]);
        let policy = *dice.pick(&["bidirectional", "bidirectional", "upgrade", "downgrade", "disabled"]);
        let mut coordinator = Coordinator::with_configs(&[
            ("group.consumer.assignment.interval.ms", interval),
            ("group.consumer.migration.policy", policy),
            ("group.initial.rebalance.delay.ms", "0"),
        ]);
        let is_mixed = dice.once_in(2);
        coordinator.checks = false;
        for topic in &TOPICS[..3] {
            coordinator.create_topic(topic, 1 + dice.below(4));
        }
        let (members, classic, owners) = (Vec::new(), Vec::new(), BTreeMap::new());
        Run { dice, coordinator, is_mixed, members, classic, owners, born: 0, outcome: Outcome::default() }
    }

    pub fn play(mut self) -> Result<Outcome, Violation> {
        for _ in 0..STEPS {
            self.step()?;
            self.coordinator.refuses = self.dice.once_in(25);
            self.outcome.events += 1;
        }
        self.coordinator.refuses = false;
        self.settle()?;
        self.check_log()?;
        self.outcome.records = self.coordinator.log_length();
        self.outcome.epoch = self.coordinator.epochs().1;
        Ok(self.outcome)
    }

    fn step(&mut self) -> Verdict {
        match self.dice.below(40) {
            0..3 => self.come(),
            3 => self.go(),
            4 => self.crash(),
            5 => self.subscribe(),
            6 => self.take_over(),
            7..9 => self.change_topic(),
            9 => return self.depose(),
            10..14 => self.coordinator.advance(Duration::from_millis(self.dice.below(20_000) as u64)),
            14 => self.coordinator.advance(Duration::from_secs(46)),
            15..25 if self.is_mixed => return self.classic_step(),
            _ => return self.beat(),
        }
        Ok(())
    }

    fn subscription(&mut self) -> Subscription {
        // Half of the time all want the same, so that groups are even too.
        if self.dice.once_in(2) {
            return Subscription { topics: vec!["a-1".into(), "a-2".into()], pattern: String::new() };
        }
        let pattern = (*self.dice.pick(&PATTERNS)).to_owned();
        let topics = TOPICS.iter().filter(|_| self.dice.once_in(2)).map(|topic| (*topic).to_owned()).collect();
        Subscription { topics, pattern }
    }

    fn come(&mut self) {
        if self.members.len() + self.classic.len() >= 8 {
            return;
        }
        self.born += 1;
        if self.is_mixed && self.dice.once_in(2) {
            let topics = self.subscription().topics;
            self.classic.push(ClassicMember::new(format!("old{}", self.born), topics));
            return;
        }
        let instance = self.dice.once_in(3).then(|| format!("instance-{}", self.dice.below(3)));
        let subscription = self.subscription();
        self.members.push(Member::new(format!("m{}", self.born), instance, subscription));
    }

    fn any_member(&mut self) -> Option<usize> {
        (!self.members.is_empty()).then(|| self.dice.below(self.members.len()))
    }

    fn any_classic(&mut self) -> Option<usize> {
        (!self.classic.is_empty()).then(|| self.dice.below(self.classic.len()))
    }

    fn classic_step(&mut self) -> Verdict {
        let Some(at) = self.any_classic() else { return Ok(()) };
        let is_lost = self.dice.once_in(12);
        self.step_of(at, is_lost)
    }

    fn step_of(&mut self, at: usize, is_lost: bool) -> Verdict {
        let member = &mut self.classic[at];
        member.step(&mut self.coordinator, is_lost);
        if member.is_put_out {
            let what = format!("{} is of another generation", member.name);
            return Err(Violation::new("nobody is put out who does what it is told", what));
        }
        self.check()
    }

    fn go(&mut self) {
        if let Some(at) = self.any_classic()
            && self.dice.once_in(2)
        {
            let member = self.classic.remove(at);
            member.leave(&mut self.coordinator);
            return;
        }
        let Some(at) = self.any_member() else { return };
        let member = self.members.remove(at);
        let epoch = if member.instance.is_some() && self.dice.once_in(2) { -2 } else { -1 };
        self.coordinator.beat(member.goodbye(epoch));
    }

    fn crash(&mut self) {
        if let Some(at) = self.any_classic()
            && self.dice.once_in(2)
        {
            self.classic.remove(at);
            return;
        }
        if let Some(at) = self.any_member() {
            self.members.remove(at);
        }
    }

    fn subscribe(&mut self) {
        let Some(at) = self.any_member() else { return };
        let subscription = self.subscription();
        let member = &mut self.members[at];
        if member.subscription != subscription {
            member.subscription = subscription;
            member.must_say_all = true;
        }
    }

    /// A process starts with the instance id of another that lives.
    fn take_over(&mut self) {
        let Some(at) = self.any_member() else { return };
        if self.members.len() < 10 && self.members[at].instance.is_some() {
            self.born += 1;
            let (instance, subscription) = (self.members[at].instance.clone(), self.members[at].subscription.clone());
            self.members.push(Member::new(format!("m{}", self.born), instance, subscription));
        }
    }

    fn change_topic(&mut self) {
        let topic = *self.dice.pick(&TOPICS);
        let partitions = self.coordinator.world.image.topic(topic).map(|topic| topic.partitions.len());
        match partitions {
            None => {
                self.coordinator.create_topic(topic, 1 + self.dice.below(4));
            }
            Some(_) if self.dice.once_in(3) => self.coordinator.delete_topic(topic),
            Some(partitions) => self.coordinator.grow_topic(topic, (partitions + self.dice.below(2)).min(8)),
        }
    }

    fn depose(&mut self) -> Verdict {
        if self.dice.once_in(2) {
            self.check_log()?;
            self.coordinator.compact();
        }
        self.coordinator.fail_over();
        self.classic.iter_mut().for_each(|member| member.may_be_forgotten = true);
        Ok(())
    }

    fn check_log(&self) -> Verdict {
        if self.coordinator.agrees_with_its_log() {
            return Ok(());
        }
        Err(Violation::new("the log gives the same state", "a fresh machine that read it knows something else".into()))
    }

    fn beat(&mut self) -> Verdict {
        let Some(at) = self.any_member() else { return Ok(()) };
        if !self.dice.once_in(3) {
            self.members[at].revoke();
        }
        let is_lost = self.dice.once_in(12);
        self.beat_of(at, is_lost)
    }

    fn beat_of(&mut self, at: usize, is_lost: bool) -> Verdict {
        let request = self.members[at].request();
        let response = self.coordinator.beat(request);
        let now = self.coordinator.now.monotonic;
        let member = &mut self.members[at];
        let error = ErrorCode::from_wire(response.error_code);
        if error == ErrorCode::None {
            member.heard = Some(now);
        }
        if is_lost {
            member.must_say_all = true;
            return self.check();
        }
        match error {
            ErrorCode::None => member.learn(&response),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::UnreleasedInstanceId => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::GroupIdNotFound => {
                member.start_over();
            }
            ErrorCode::FencedInstanceId => {
                self.members.remove(at);
            }
            other => return Err(Violation::new("no such error", format!("{other:?}: {response:?}"))),
        }
        self.check()
    }

    /// No partition has two owners that may rely on it.
    fn check(&mut self) -> Verdict {
        let now = self.coordinator.now.monotonic;
        let mut owners: BTreeMap<Partition, &str> = BTreeMap::new();
        for member in &self.members {
            let is_heard_of = member.heard.is_some_and(|heard| now.saturating_since(heard) < SESSION);
            for partition in member.owned.iter().filter(|_| is_heard_of) {
                if let Some(other) = owners.insert(*partition, &member.id) {
                    let what = format!("{partition:?} is owned by {other} and by {}", member.id);
                    return Err(Violation::new("one owner a partition", what));
                }
            }
        }
        for member in &self.classic {
            let is_heard_of = member.heard.is_some_and(|heard| now.saturating_since(heard) < SESSION);
            for partition in member.owned.iter().filter(|_| is_heard_of) {
                if let Some(other) = owners.insert(*partition, &member.name) {
                    let what = format!("{partition:?} is owned by {other} and by {}", member.name);
                    return Err(Violation::new("one owner a partition", what));
                }
            }
        }
        for (partition, owner) in owners {
            if self.owners.insert(partition, owner.to_owned()).is_some_and(|before| before != owner) {
                self.outcome.handed_over += 1;
            }
        }
        Ok(())
    }

    /// Everything works from here on: the group comes to rest, and everything that is subscribed to is owned.
    fn settle(&mut self) -> Verdict {
        // Classic clients see for themselves that topics have changed, and join again.
        self.classic.iter_mut().filter(|member| member.waiting.is_none()).for_each(ClassicMember::must_join);
        for _ in 0..30 {
            self.coordinator.advance(Duration::from_secs(5));
            for at in (0..self.members.len()).rev() {
                self.members[at].revoke();
                self.beat_of(at, false)?;
            }
            for at in 0..self.classic.len() {
                self.step_of(at, false)?;
            }
        }
        if self.members.is_empty() && self.classic.is_empty() {
            return Ok(());
        }
        let group = self.coordinator.describe();
        let state = match group.error_code {
            0 => group.group_state.clone(),
            _ => self.coordinator.describe_as_classic().group_state,
        };
        if &*state != "Stable" {
            return Err(Violation::new("a group comes to rest", format!("{state:?} {group:?}")));
        }
        self.check_whole()?;
        if self.classic.is_empty() { self.check_even() } else { Ok(()) }
    }

    fn is_subscribed(&self, member: &Member, topic: &str) -> bool {
        let by_pattern = match member.subscription.pattern.as_str() {
            "a-.*" => topic.starts_with("a-"),
            ".*-1" => topic.ends_with("-1"),
            "c|b-2" => topic == "c" || topic == "b-2",
            _ => false,
        };
        by_pattern || member.subscription.topics.iter().any(|name| name == topic)
    }

    /// Every partition that somebody subscribes to is owned, and only by one who does.
    fn check_whole(&self) -> Verdict {
        let settled = |member: &&Member| member.heard.is_some() && member.epoch > 0;
        let members: Vec<&Member> = self.members.iter().filter(settled).collect();
        let mut wanted: BTreeSet<Partition> = BTreeSet::new();
        for topic in self.coordinator.world.image.topics() {
            let by_classic =
                || self.classic.iter().any(|member| member.topics.iter().any(|name| **name == *topic.name));
            if members.iter().any(|member| self.is_subscribed(member, &topic.name)) || by_classic() {
                wanted.extend(topic.numbered_partitions().map(|(partition, _)| (topic.id, partition)));
            }
        }
        let by_classic = self.classic.iter().flat_map(|member| member.owned.iter().copied());
        let owned: BTreeSet<Partition> =
            members.iter().flat_map(|member| member.owned.iter().copied()).chain(by_classic).collect();
        if owned != wanted {
            let what = format!("owned {owned:?}, subscribed to {wanted:?}");
            return Err(Violation::new("everything is owned", what));
        }
        Ok(())
    }

    /// No partition could move to make two members more even.
    fn check_even(&self) -> Verdict {
        for giver in &self.members {
            for (topic, _) in &giver.owned {
                let name = self.coordinator.world.image.topic_by_id(*topic).map(|topic| topic.name.clone());
                let Some(name) = name else { continue };
                for taker in self.members.iter().filter(|member| member.epoch > 0) {
                    if self.is_subscribed(taker, &name) && giver.owned.len() > taker.owned.len() + 1 {
                        let what = format!("{} has {:?}, {} has {:?}", giver.id, giver.owned, taker.id, taker.owned);
                        return Err(Violation::new("partitions are shared evenly", what));
                    }
                }
            }
        }
        Ok(())
    }
}
