//! Whether the promise table allows that something seen at one event is not there at a later one.

use super::evidence::{Evidence, Partition, Version};
use crate::history::{Acks, Durability, Fault, FaultKind, Index, OperationId, TopicSettings};
use crate::promise_table::{self, Hit, InSync, Keeping, Row, Settings};
use model::NodeId;
use std::collections::BTreeMap;

/// The reason of the promise table's row that allows it.
pub type Because = &'static str;

/// What was seen, and how firmly it was promised.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// No earlier event can have lost it.
    pub from: Index,
    /// It was there at this event.
    pub to: Index,
    /// The acks of the write, where the observation is its acknowledgement; what was read counts as committed.
    pub acks: Acks,
}

impl Observation {
    /// What operation `id` showed.
    pub fn by(evidence: &Evidence<'_>, id: OperationId) -> Observation {
        let operation = evidence.operation(id);
        let acks = match &operation.action {
            crate::history::Action::Produce(produce) => produce.acks,
            _ => Acks::All,
        };
        Observation { from: operation.invoked.index, to: operation.last_effect(), acks }
    }

    /// The firmest thing known of a version: that it was read, else that it was acknowledged.
    pub fn of(evidence: &Evidence<'_>, version: &Version) -> Observation {
        Observation::by(evidence, version.first_read.or(version.acknowledged).unwrap_or(version.first))
    }
}

impl Evidence<'_> {
    /// Why the newest records of the partition, `seen` among them, may be gone at event `at`; `None` when they may not.
    pub fn may_be_gone(&self, partition: &Partition, seen: Observation, at: Index) -> Option<Because> {
        let unconditional = self.without_fault(partition, seen, at, promise_table::KEEPING);
        unconditional.or_else(|| self.weakest(partition, seen, at, promise_table::keeping))
    }

    /// Why a version may be gone at event `at`; `None` when it may not, or when what was above it stands.
    pub fn may_be_lost(&self, partition: &Partition, version: &Version, at: Index) -> Option<Because> {
        let seen = Observation::of(self, version);
        let because = self.may_be_gone(partition, seen, at)?;
        (!self.is_outlived(partition, version, seen, at)).then_some(because)
    }

    /// The event at which the first fault began that lets the newest records go, where nothing lets others go and nothing
    /// but faults lets those go.
    pub fn tail_is_lost_from(&self, partition: &Partition, seen: Observation, at: Index) -> Option<Index> {
        if self.without_fault(partition, seen, at, promise_table::KEEPING).is_some() {
            return None;
        }
        let promises = self.possible_promises(partition, seen, at);
        let mut first = None;
        for fault in self.faults_between(Some(partition), seen.from, at) {
            let keeping = promises.iter().map(|promise| promise_table::keeping(promise.settings, hit(fault)).0).max();
            match keeping {
                Some(Keeping::NotPromised) => return None,
                Some(Keeping::TailMayBeLost) => first = first.or(Some(fault.began.index)),
                _ => {}
            }
        }
        first
    }

    /// Why one of two that were seen at the same offset may have been lost and the other written in its place. An answer
    /// may come late, so the one that was shown first need not be the one that was there first.
    pub fn may_be_overwritten(&self, partition: &Partition, one: &Version, other: &Version) -> Option<Because> {
        self.lost_before(partition, one, other).or_else(|| self.lost_before(partition, other, one))
    }

    fn lost_before(&self, partition: &Partition, old: &Version, new: &Version) -> Option<Because> {
        let seen = Observation::of(self, old);
        // What was asked for and seen after the other had been seen was not lost before it, unless one leader alone
        // says so: it may have been deposed without having heard of it.
        let word_of_one = seen.acks == Acks::Leader && self.history.is_of_a_cluster();
        if self.since(old.last) > self.until(new.first) && !word_of_one {
            return None;
        }
        self.may_be_lost(partition, old, self.until(new.last))
    }

    /// Why the partition may refuse to serve, in peace, after event `since`.
    pub fn may_refuse(&self, partition: &Partition, since: Index) -> Option<Because> {
        // Under any of the settings that it had until then.
        let committed = Observation { from: since, to: Index::MAX, acks: Acks::All };
        self.possible_promises(partition, committed, Index::MAX).into_iter().find_map(|promise| {
            let counts = |fault: &Fault| {
                promise_table::may_refuse(promise.settings, hit(fault)).then_some(fault.nature.kind.name())
            };
            let refused = self.struck(Some(partition), since, Index::MAX, promise.copies, &counts);
            refused.or_else(|| self.may_commit_nothing(partition, since, promise.copies))
        })
    }

    /// Why fewer copies than must be in sync may come back. Nothing is committed then, and a new leader, which has to commit
    /// all that it found, does not know where what is committed ends.
    fn may_commit_nothing(&self, partition: &Partition, since: Index, least: usize) -> Option<Because> {
        let possible = self.topics.lives[partition.life].possible_replicas(self.history.is_of_a_cluster());
        let replicas = possible.iter().map(|replicas| usize::from(replicas.unsigned_abs())).max().unwrap_or(1);
        if replicas == 1 {
            return None; // it is in sync with itself
        }
        let counts = |fault: &Fault| promise_table::may_stay_out(hit(fault)).then_some(fault.nature.kind.name());
        self.struck(Some(partition), since, Index::MAX, replicas.saturating_sub(least) + 1, &counts)
    }

    /// Why the partition may take no record for all replicas, in peace, after event `since`: it refuses to serve, or its only
    /// copy is on a disk that failed.
    pub fn may_refuse_writes(&self, partition: &Partition, since: Index) -> Option<Because> {
        let possible = self.topics.lives[partition.life].possible_replicas(self.history.is_of_a_cluster());
        let alone = || self.may_stay_out(partition, since).filter(|_| possible.contains(&1));
        self.may_refuse(partition, since).or_else(alone)
    }

    /// Why the journaled copy of one node may lack between two events what it told of: its disk was wiped, failed, or holds
    /// other bytes than it was given; or it lost power, and told of what others had on stable storage and it had not yet.
    pub fn copy_may_be_lost(&self, partition: &Partition, node: NodeId, (from, at): (Index, Index)) -> Option<Because> {
        let counts = |fault: &Fault| {
            let loses = matches!(fault.nature.kind, FaultKind::WipedDisk | FaultKind::PowerFailure);
            let hits = loses || promise_table::may_stay_out(hit(fault));
            (fault.nature.node == node && hits).then_some(fault.nature.kind.name())
        };
        self.struck(Some(partition), from, at, 1, &counts)
    }

    /// Why the disk of a node may have failed, or hold other bytes than it was given, at event `at`.
    pub fn disk_may_be_bad(&self, node: NodeId, at: Index) -> Option<Because> {
        let counts = |fault: &Fault| {
            let hits = fault.nature.node == node && promise_table::may_stay_out(hit(fault));
            hits.then_some(fault.nature.kind.name())
        };
        self.struck(None, 0, at, 1, &counts)
    }

    /// Why a single copy may stay out of sync, in peace, after event `since`.
    pub fn may_stay_out(&self, partition: &Partition, since: Index) -> Option<Because> {
        let counts = |fault: &Fault| promise_table::may_stay_out(hit(fault)).then_some(fault.nature.kind.name());
        self.struck(Some(partition), since, Index::MAX, 1, &counts)
    }

    /// Why what the checksum of a batch does not cover may be served with other values than were written, after event
    /// `since`.
    pub fn may_show_unchecked_fields_wrongly(&self, partition: &Partition, since: Index) -> Option<Because> {
        let counts = |fault: &Fault| {
            let harmless = fault.nature.file == Some(crate::history::FileKind::Derived);
            (promise_table::changes_bytes(fault.nature.kind) && !harmless).then_some(fault.nature.kind.name())
        };
        self.struck(Some(partition), since, Index::MAX, 1, &counts)
    }

    /// Why a deletion known at `seen` may be forgotten at event `at`.
    pub fn may_return(&self, partition: &Partition, seen: Observation, at: Index) -> Option<Because> {
        let unconditional = self.without_fault(partition, seen, at, promise_table::DELETION);
        unconditional.or_else(|| self.weakest(partition, seen, at, promise_table::deletion))
    }

    /// Why metadata known at event `since` may be forgotten at event `at`.
    pub fn metadata_may_be_lost(&self, since: Index, at: Index) -> Option<Because> {
        // No setting of a topic changes what is promised about metadata.
        let settings = Settings {
            durability: Durability::Journaled,
            acks: Acks::All,
            in_sync: InSync::Alone,
            unclean_election: false,
        };
        let counts = |fault: &Fault| reason(promise_table::metadata(settings, hit(fault)));
        self.struck(None, since, at, self.history.metadata_copies(), &counts)
    }

    fn without_fault(
        &self,
        partition: &Partition,
        seen: Observation,
        at: Index,
        table: &'static [Row],
    ) -> Option<Because> {
        let promises = self.possible_promises(partition, seen, at).into_iter();
        promises
            .filter_map(|promise| promise_table::without_fault(table, promise.settings))
            .map(|row| row.because)
            .next()
    }

    fn weakest(
        &self,
        partition: &Partition,
        seen: Observation,
        at: Index,
        table: fn(Settings, Hit) -> (Keeping, Option<&'static Row>),
    ) -> Option<Because> {
        self.possible_promises(partition, seen, at).into_iter().find_map(|promise| {
            let counts = |fault: &Fault| {
                let synced = self.synced_before(partition, seen, fault);
                let durability = if synced { Durability::Journaled } else { promise.settings.durability };
                reason(table(Settings { durability, ..promise.settings }, hit(fault)))
            };
            self.struck(Some(partition), seen.from, at, promise.copies, &counts)
        })
    }

    /// Whether the topic was made journaled, and with it all it held, before a fault. Where there are several nodes each
    /// hears of it at another time.
    fn synced_before(&self, partition: &Partition, seen: Observation, fault: &Fault) -> bool {
        let life = &self.topics.lives[partition.life];
        !self.history.is_of_a_cluster() && life.journaled_between(seen.to, fault.began.index)
    }

    /// What may have been promised for what was seen: under each of the settings that the topic may have had.
    fn possible_promises(&self, partition: &Partition, seen: Observation, at: Index) -> Vec<Promise> {
        let life = &self.topics.lives[partition.life];
        // A node of a cluster may go by old settings; and what is read was written under those of an earlier time.
        let from = if self.history.is_of_a_cluster() { life.begins } else { seen.from };
        // New replicas take what they fetch by the settings of that time, and then those are all the copies there are.
        let moved = partition.moves.iter().any(|(begun, done)| *begun < at && *done > seen.from);
        let to = if moved { at } else { seen.to.min(at) };
        let mut promises: Vec<Promise> = Vec::new();
        for topic in life.possible_settings(from, to) {
            for replicas in life.possible_replicas(self.history.is_of_a_cluster()) {
                // How a topic that was there before is kept is not known.
                let in_page_cache = life.create.is_none().then_some(Durability::PageCache);
                for durability in [Some(topic.durability), in_page_cache].into_iter().flatten() {
                    let promise = promise(*replicas, seen.acks, TopicSettings { durability, ..topic });
                    if !promises.contains(&promise) {
                        promises.push(promise);
                    }
                }
            }
        }
        // A lone replica that moves has another beside it, which leads in the end; how long that takes is not known.
        if partition.moves.iter().any(|(begun, _)| *begun < seen.to) {
            promises.iter_mut().for_each(Promise::of_a_leader_that_moves);
        }
        promises
    }

    /// The faults that may have taken something away between two events: not those of other partitions.
    fn faults_between(&self, partition: Option<&Partition>, from: Index, at: Index) -> impl Iterator<Item = &Fault> {
        let name = partition.map(|partition| partition.name.to_string());
        let cluster = self.history.is_of_a_cluster();
        self.history.faults.iter().filter(move |fault| {
            let elsewhere =
                name.is_some() && fault.nature.partition.as_ref().is_some_and(|hit| Some(hit) != name.as_ref());
            !elsewhere && fault.began.index <= at && lasts_until(fault, cluster) >= from
        })
    }

    /// The reason of a fault that `counts`, when so many nodes were struck by such faults between two events that, at
    /// some moment, `copies` of them were not in sync again.
    fn struck(
        &self,
        partition: Option<&Partition>,
        from: Index,
        at: Index,
        copies: usize,
        counts: &dyn Fn(&Fault) -> Option<Because>,
    ) -> Option<Because> {
        let cluster = self.history.is_of_a_cluster();
        let mut struck: BTreeMap<NodeId, Index> = BTreeMap::new(); // until when
        for fault in self.faults_between(partition, from, at) {
            let until = lasts_until(fault, cluster);
            let Some(because) = counts(fault) else { continue };
            // Faults come in the order in which they began: who was in sync again by then counts no more.
            struck.retain(|_, until| *until >= fault.began.index);
            let node = struck.entry(fault.nature.node).or_insert(until);
            *node = until.max(*node);
            if struck.len() >= copies {
                return Some(because);
            }
        }
        None
    }
}

/// What was promised for something that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Promise {
    settings: Settings,
    copies: usize,
}

impl Promise {
    /// What the leader alone has acknowledged may be more than the next one has fetched.
    fn of_a_leader_that_moves(&mut self) {
        let Settings { acks, in_sync, .. } = &mut self.settings;
        if (*acks, *in_sync) == (Acks::Leader, InSync::Alone) {
            *in_sync = InSync::One;
        }
    }
}

fn promise(replicas: i16, acks: Acks, topic: TopicSettings) -> Promise {
    let copies = promise_table::copies_spoken_for(acks, replicas, topic.min_in_sync);
    let in_sync = match (replicas, topic.min_in_sync) {
        (..=1, _) => InSync::Alone,
        (_, ..=1) => InSync::One,
        _ => InSync::Several,
    };
    let settings = Settings { durability: topic.durability, acks, in_sync, unclean_election: topic.unclean_election };
    Promise { settings, copies }
}

fn hit(fault: &Fault) -> Hit {
    Hit { kind: fault.nature.kind, file: fault.nature.file }
}

/// The reason of a row that lets the newest records go.
fn reason((keeping, row): (Keeping, Option<&'static Row>)) -> Option<Because> {
    row.filter(|_| keeping >= Keeping::TailMayBeLost).map(|row| row.because)
}

/// Until when a fault can take away what was there. Wrong bytes that were stored can still be found later. In a cluster
/// a node has again what it lost once it is in sync again.
fn lasts_until(fault: &Fault, cluster: bool) -> Index {
    let lasting = promise_table::leaves_wrong_bytes(fault.nature.kind);
    match (fault.repaired, fault.ended) {
        (Some(repaired), Some(ended)) if cluster && repaired.index > ended.index => repaired.index,
        _ if lasting || cluster => Index::MAX,
        (_, ended) => ended.map_or(Index::MAX, |ended| ended.index),
    }
}
