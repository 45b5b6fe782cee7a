//! A group under random members, deaths, returns, silence, lost answers, refused and lost appends, compaction and moves of
//! the coordinator. What must always hold is looked at after every step; at the end everything is healed, and the group
//! must come to rest.

use crate::cluster::{Coordinator, Log};
use crate::member::*;
use crate::process::{PARTITIONS, Phase, Process, Seen};
use coordinator::group::{Reply, Request};
use model::ErrorCode;
use model::dice::Dice;
use model::state_machine::Ticket;
use protocol::Text;
use protocol::messages::offset_commit::OffsetCommitRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

struct Run {
    dice: Dice,
    cluster: Coordinator,
    processes: Vec<Process>,
    /// Counts the lives of the group: it begins anew when it was deleted.
    era: u32,
    /// Who was given each partition, in each generation.
    owners: BTreeMap<(u32, i32, u8), usize>,
    /// The newest generation whose commit was acknowledged.
    newest_commit: (u32, i32),
    /// When each process was last given its place: the ticket of its JoinGroup.
    places: BTreeMap<usize, Ticket>,
    /// The newest place of each instance from which a commit was acknowledged.
    newest_places: BTreeMap<Text, Ticket>,
    /// In which life of the group each process last asked for its assignment.
    asked_in: BTreeMap<usize, u32>,
    /// What each partition's offset may be.
    offsets: BTreeMap<u8, BTreeSet<i64>>,
    drawn: i64,
    assignments: u64,
    commits: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut dice = Dice::seeded(seed);
        let delay = ["0", "500", "3000"][dice.below(3)];
        // Else a group would be forgotten, and begin anew, without anyone having asked for it.
        let never = ("offsets.retention.check.interval.ms", "86400000");
        let mut cluster = Coordinator::with(&[("group.initial.rebalance.delay.ms", delay), never]);
        cluster.checks = false;
        Run {
            dice,
            cluster,
            processes: Vec::new(),
            era: 0,
            owners: BTreeMap::new(),
            newest_commit: (0, 0),
            places: BTreeMap::new(),
            newest_places: BTreeMap::new(),
            asked_in: BTreeMap::new(),
            offsets: (0..PARTITIONS).map(|partition| (partition, BTreeSet::from([-1]))).collect(),
            drawn: 0,
            assignments: 0,
            commits: 0,
        }
    }

    fn step(&mut self) {
        match self.dice.below(40) {
            0..=2 => self.start_process(),
            3 => self.stop_process(),
            4 => self.leave(),
            5 => self.change(),
            39 => self.cluster.now.wall += [3_600_000, -3_600_000][self.dice.below(2)],
            6 => self.join_twice(),
            7 => self.fail_over(),
            8 => self.cluster.compact(),
            9 => self.cluster.compact_away(),
            10 | 11 => self.trouble(),
            12 | 13 => self.cluster.takes = Log::Takes,
            14..=16 => self.commit(),
            17 | 18 => self.fetch(),
            19 => self.delete(),
            20..=24 => self.advance(),
            _ => self.everyone(),
        }
    }

    fn start_process(&mut self) {
        if self.processes.iter().filter(|process| process.phase != Phase::Gone).count() >= 5 {
            return;
        }
        let instance = self.dice.once_in(3).then(|| Text::from(["i", "j"][self.dice.below(2)]));
        let version = if instance.is_some() { 5 + self.dice.below(5) } else { self.dice.below(10) };
        self.processes.push(Process::new(instance, version as i16));
    }

    fn one(&mut self) -> Option<usize> {
        let living = self.processes.iter().enumerate().filter(|(_, process)| process.phase != Phase::Gone);
        let living: Vec<usize> = living.map(|(at, _)| at).collect();
        (!living.is_empty()).then(|| *self.dice.pick(&living))
    }

    /// It is killed: nobody hears of it again.
    fn stop_process(&mut self) {
        if let Some(at) = self.one() {
            self.processes[at].phase = Phase::Gone;
        }
    }

    fn leave(&mut self) {
        let Some(at) = self.one() else { return };
        let process = self.processes[at].clone();
        let instance = process.instance.as_deref();
        let id = if instance.is_some() && self.dice.once_in(2) { "" } else { &*process.id };
        self.cluster.leave(&[(id, instance)]);
        self.processes[at].phase = Phase::Gone;
    }

    fn change(&mut self) {
        let Some(at) = self.one() else { return };
        let process = &mut self.processes[at];
        if self.dice.once_in(2) {
            process.topic = if process.topic == "t" { "u" } else { "t" };
            if matches!(process.phase, Phase::In(_)) {
                process.phase = Phase::Out;
            }
        } else {
            process.is_paused = !process.is_paused;
        }
    }

    /// The answer is lost on the way, or not awaited, and the client asks again.
    fn join_twice(&mut self) {
        let Some(at) = self.one() else { return };
        if let Phase::Joining(_) | Phase::Joined(_) = self.processes[at].phase {
            let ticket = self.processes[at].send_join(&mut self.cluster);
            self.processes[at].phase = Phase::Joining(ticket);
        }
    }

    fn fail_over(&mut self) {
        assert!(self.cluster.agrees_with_its_log(), "the log gives another state");
        self.cluster.fail_over();
    }

    fn trouble(&mut self) {
        self.cluster.takes = match self.dice.below(5) {
            0 => Log::Refuses(ErrorCode::CoordinatorNotAvailable),
            1 => Log::Refuses(ErrorCode::MessageTooLarge),
            2 => Log::IsLate,
            kept => Log::Ends { kept: kept == 3 },
        };
    }

    /// As a member, as one that it was, or as nobody.
    fn commit(&mut self) {
        let partition = self.dice.below(usize::from(PARTITIONS)) as u8;
        self.drawn += 1;
        let offset = self.drawn;
        let at = self.dice.below(self.processes.len().max(1));
        let process = self.processes.get(at).cloned().filter(|_| !self.dice.once_in(6));
        let generation = match process.as_ref().map(|process| &process.phase) {
            Some(Phase::In(generation)) => *generation,
            Some(Phase::Joined(generation) | Phase::Syncing(_, generation)) => generation.number,
            Some(_) if !self.owners.is_empty() => self.newest_commit.1 - 1,
            _ => -1,
        };
        let id = process.as_ref().map(|process| process.id.clone()).unwrap_or_default();
        let request = OffsetCommitRequest {
            group_instance_id: process.and_then(|process| process.instance),
            ..commit_request(&Joined { id, generation }, "t", i32::from(partition), offset)
        };
        let instance = request.group_instance_id.clone();
        let takes = self.cluster.takes;
        let answer = self.cluster.commit_with(request, 9);
        match (error(answer.topics[0].partitions[0].error_code), takes) {
            (ErrorCode::None, _) => {
                self.offsets.insert(partition, [offset].into());
                self.check_commit(at, instance, generation);
            }
            // Nobody knows yet.
            (ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable, Log::IsLate | Log::Ends { .. }) => {
                self.offsets.get_mut(&partition).expect("a partition").insert(offset);
            }
            _ => {}
        }
    }

    fn check_commit(&mut self, at: usize, instance: Option<Text>, generation: i32) {
        self.commits += 1;
        if generation < 0 {
            return; // nobody was in the group
        }
        let newest = self.newest_commit;
        assert!((self.era, generation) >= newest, "a commit of generation {generation} after one of {newest:?}");
        self.newest_commit = (self.era, generation);
        if let Some(instance) = instance {
            let place = self.places[&at];
            let newest = self.newest_places.entry(instance).or_insert(place);
            assert!(place >= *newest, "a process committed after one that took its place");
            *newest = place;
        }
    }

    fn fetch(&mut self) {
        for partition in 0..PARTITIONS {
            let fetched = self.cluster.fetch("t", i32::from(partition));
            let read = fetched.committed_offset;
            assert_eq!(fetched.committed_leader_epoch, if read < 0 { -1 } else { 7 }, "the epoch that was committed");
            let possible = self.offsets.get_mut(&partition).expect("a partition");
            assert!(possible.contains(&read), "{read} was read of {partition}, which may be {possible:?}");
            *possible = [read].into();
        }
    }

    fn delete(&mut self) {
        let takes = self.cluster.takes;
        let deleted = self.cluster.delete_group(GROUP);
        let is_unknown = matches!(takes, Log::IsLate | Log::Ends { .. })
            && matches!(deleted, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable);
        if deleted == ErrorCode::None || is_unknown {
            self.era += 1;
            for possible in self.offsets.values_mut() {
                possible.insert(-1);
                if deleted == ErrorCode::None {
                    *possible = [-1].into();
                }
            }
        }
    }

    fn advance(&mut self) {
        let seconds = *self.dice.pick(&[1, 1, 3, 5, 11, 30]);
        for _ in 0..seconds {
            self.cluster.advance(Duration::from_millis(900));
            if !self.dice.once_in(8) {
                self.everyone();
            }
        }
    }

    fn everyone(&mut self) {
        for at in 0..self.processes.len() {
            if !self.processes[at].is_paused && !self.dice.once_in(8) {
                self.let_run(at);
            }
        }
    }

    fn let_run(&mut self, at: usize) {
        let seen = self.processes[at].step(&mut self.cluster);
        match seen {
            Seen::Nothing => {}
            Seen::Asked => {
                self.asked_in.insert(at, self.era);
            }
            Seen::Place(ticket) => {
                self.places.insert(at, ticket);
            }
            Seen::Assignment(generation, partitions) => {
                self.assignments += 1;
                for partition in partitions {
                    self.check_owner(at, generation, partition);
                }
            }
        }
    }

    /// At most one owner of a partition in each generation; a static member's next life has what the last one had.
    fn check_owner(&mut self, at: usize, generation: i32, partition: u8) {
        let era = self.asked_in[&at];
        let before = self.owners.insert((era, generation, partition), at);
        if let Some(other) = before.filter(|other| *other != at) {
            let (a, b) = (&self.processes[at], &self.processes[other]);
            let is_next_life = a.instance.is_some() && a.instance == b.instance;
            assert!(is_next_life, "{partition} has two owners in generation {generation}: {a:?} and {b:?}");
            // One that was paused may have read an old answer; but only one of them may still be heard.
            let Phase::In(other_generation) = b.phase else { return };
            let told = [a.beat(&mut self.cluster, generation), b.beat(&mut self.cluster, other_generation)];
            assert_ne!(told, [ErrorCode::None; 2], "{a:?} lives beside {b:?}");
        }
    }

    /// The log takes everything, everyone runs, nobody else comes.
    fn heal(&mut self) {
        self.cluster.takes = Log::Takes;
        self.processes.iter_mut().for_each(|process| process.is_paused = false);
        for _ in 0..200 {
            self.cluster.advance(Duration::from_millis(900));
            (0..self.processes.len()).for_each(|at| self.let_run(at));
        }
        let living = self.processes.iter().filter(|process| process.phase != Phase::Gone);
        let phases: Vec<Phase> = living.map(|process| process.phase.clone()).collect();
        assert!(phases.iter().all(|phase| matches!(phase, Phase::In(_))), "not at rest: {:#?}", self.processes);
        let owned: usize = self.processes.iter().filter(|p| p.phase != Phase::Gone).map(|p| p.owns.len()).sum();
        let expected = if phases.is_empty() { 0 } else { usize::from(PARTITIONS) };
        assert_eq!(owned, expected, "everything has one owner");
        assert_eq!(self.cluster.waiting(), 0, "every request is answered");
        self.fetch();
        assert!(self.cluster.agrees_with_its_log(), "the log gives another state");
        let state = self.cluster.describe().group_state;
        assert!(if phases.is_empty() { state == "Empty" || state == "Dead" } else { state == "Stable" }, "{state}");
    }
}

fn play(seed: u64) -> (u64, u64) {
    let mut run = Run::new(seed);
    for _ in 0..120 {
        run.step();
    }
    run.heal();
    let Reply::ListGroups(_) = run.cluster.ask(Request::ListGroups { request: Default::default() }) else {
        panic!("another answer")
    };
    (run.assignments, run.commits)
}

#[test]
fn seeds_of_random_groups_keep_every_invariant() {
    let (mut assignments, mut commits) = (0, 0);
    let seeds = std::env::var("THALWEG_GROUP_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    for seed in 0..seeds {
        let played = std::panic::catch_unwind(|| play(seed));
        let (a, c) = played.unwrap_or_else(|_| panic!("seed {seed}"));
        assignments += a;
        commits += c;
    }
    assert!(assignments > seeds && commits > seeds, "the runs are worth something: {assignments}, {commits}");
}
