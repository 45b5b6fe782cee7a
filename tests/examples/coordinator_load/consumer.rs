//! A consumer group (KIP-848): members come all at once and beat until each has its share.
//!
//! A member beats again at once when its assignment has changed, to say that it follows, and else after a fixed time.
//! That time is much of the result, so it has to be the same for all servers that are compared; clients that obey the
//! server's own interval would beat each five seconds.

use super::figures::{microseconds_each, spread};
use super::server_cpu::ServerCpu;
use super::site::{Site, expect_none, group_name};
use super::wire::Wire;
use clap::Args;
use protocol::Text;
use protocol::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use runtime::sync::watch;
use runtime::time::{Duration, Instant, timeout};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Of ConsumerGroupHeartbeat and of ConsumerGroupDescribe.
const VERSION: i16 = 1;
/// The epoch with which a member comes, and that with which it goes.
const COMES: i32 = 0;
const GOES: i32 = -1;
/// As long as Kafka's consumer may take between two polls.
const REBALANCE_MS: i32 = 300_000;

#[derive(Args)]
pub struct Options {
    /// Members, each with a connection of its own.
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 1000)]
    pub partitions: i32,
    /// Time between two heartbeats of a member that has nothing new to say.
    #[arg(long, default_value_t = 500)]
    heartbeat_ms: u64,
    /// New groups that are measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// New groups before those that are not measured.
    #[arg(long, default_value_t = 1)]
    warmup_rounds: usize,
}

/// # Panics
/// When the coordinator refuses.
pub async fn run(site: &Site, cpu: &ServerCpu, options: &Options) -> Value {
    let (mut settled, mut whole, mut spent, mut heartbeats) = (Vec::new(), Vec::new(), Duration::ZERO, 0);
    for round in 0..options.warmup_rounds + options.rounds {
        let gathered = gather(site, cpu, options).await;
        if round >= options.warmup_rounds {
            settled.push(gathered.all_assigned - gathered.last_came);
            whole.push(gathered.all_assigned - gathered.first_came);
            spent += gathered.cpu;
            heartbeats += gathered.heartbeats;
        }
    }
    json!({
        "scenario": "consumer",
        "members": options.members,
        "partitions": site.partitions,
        "heartbeat_interval_ms": options.heartbeat_ms,
        "last_came_to_last_assignment_ms": spread(settled),
        "first_came_to_last_assignment_ms": spread(whole),
        "cpu_us_per_member": microseconds_each(spent, options.members * options.rounds),
        "cpu_us_per_heartbeat": microseconds_each(spent, heartbeats),
        "heartbeats_per_member": (heartbeats * 10 / (options.members * options.rounds)) as f64 / 10.0,
    })
}

/// How a new group came about.
struct Gathered {
    first_came: Instant,
    last_came: Instant,
    all_assigned: Instant,
    cpu: Duration,
    heartbeats: usize,
}

async fn gather(site: &Site, cpu: &ServerCpu, options: &Options) -> Gathered {
    let group = group_name("consumer");
    let mut connections = site.connect(&group, options.members + 1).await;
    let mut observer = connections.pop().expect("one more than members");
    let board = Arc::new(Board::new(options.members, site.partitions));
    let (stop, stopping) = watch::channel(false);
    let before = cpu.spent();
    let first_came = Instant::now();
    let mut last_came = first_came;
    let mut members = Vec::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let member = Member {
            number,
            connection,
            group: group.clone(),
            topic: site.topic.clone(),
            id: format!("member-{number:018}").into(),
            board: board.clone(),
            interval: Duration::from_millis(options.heartbeat_ms),
        };
        last_came = Instant::now();
        members.push(runtime::task::spawn("member", member.live(stopping.clone())));
        runtime::task::yield_now().await; // so that it is sent
    }
    let (all_assigned, spent, heartbeats) = wait_until_settled(&board, &mut observer, &group, cpu).await;
    stop.send_replace(true);
    for member in members {
        member.await.expect("what was refused is said above");
    }
    Gathered { first_came, last_came, all_assigned, cpu: spent - before, heartbeats }
}

/// Until the assignment of all members is one of the group's last epoch, by the word of the coordinator.
async fn wait_until_settled(
    board: &Board,
    observer: &mut Wire,
    group: &Text,
    cpu: &ServerCpu,
) -> (Instant, Duration, usize) {
    let mut complete = board.complete.subscribe();
    loop {
        let (epoch, at) = complete
            .wait_for(Option::is_some)
            .await
            .map(|complete| complete.expect("waited for"))
            .expect("the board lives here");
        let (spent, heartbeats) = (cpu.spent(), board.heartbeats());
        let request =
            ConsumerGroupDescribeRequest { group_ids: vec![group.clone()], ..ConsumerGroupDescribeRequest::default() };
        let answer = observer.ask(&request, VERSION).await;
        let described = answer.groups.first().expect("it was asked for");
        expect_none("describing the group", described.error_code);
        if (described.group_epoch, described.assignment_epoch) == (epoch, epoch) {
            return (at, spent, heartbeats);
        }
        let _ = timeout(Duration::from_millis(50), complete.changed()).await; // it may be complete already
    }
}

/// Who has what, as the members were told.
struct Board {
    told: Mutex<Told>,
    /// The epoch in which the assignment is complete, and since when.
    complete: watch::Sender<Option<(i32, Instant)>>,
}

struct Told {
    members: Vec<(i32, Vec<i32>)>,
    /// How many members are in each epoch.
    epochs: BTreeMap<i32, usize>,
    /// How many owners each partition has.
    owners: Vec<u32>,
    /// Partitions with just one.
    owned_once: usize,
    heartbeats: usize,
}

impl Board {
    fn new(members: usize, partitions: usize) -> Board {
        let told = Told {
            members: vec![(COMES, Vec::new()); members],
            epochs: BTreeMap::from([(COMES, members)]),
            owners: vec![0; partitions],
            owned_once: 0,
            heartbeats: 0,
        };
        Board { told: Mutex::new(told), complete: watch::Sender::new(None) }
    }

    fn heartbeats(&self) -> usize {
        self.told.lock().expect("no panic inside").heartbeats
    }

    /// A member was answered: with its epoch, and with its assignment if that has changed.
    fn tell(&self, member: usize, epoch: i32, assignment: Option<&[i32]>) {
        let mut told = self.told.lock().expect("no panic inside");
        told.heartbeats += 1;
        told.enter(member, epoch);
        if let Some(partitions) = assignment {
            told.assign(member, partitions);
        }
        let complete = told.complete_in();
        self.complete.send_if_modified(|before| {
            let is_new = before.map(|(epoch, _)| epoch) != complete;
            if is_new {
                *before = complete.map(|epoch| (epoch, Instant::now()));
            }
            is_new
        });
    }
}

impl Told {
    fn enter(&mut self, member: usize, epoch: i32) {
        let before = std::mem::replace(&mut self.members[member].0, epoch);
        if before == epoch {
            return;
        }
        *self.epochs.entry(epoch).or_insert(0) += 1;
        let left = self.epochs.get_mut(&before).expect("it was counted");
        *left -= 1;
        if *left == 0 {
            self.epochs.remove(&before);
        }
    }

    fn assign(&mut self, member: usize, partitions: &[i32]) {
        for partition in std::mem::replace(&mut self.members[member].1, partitions.to_vec()) {
            self.count(partition, -1);
        }
        for partition in partitions {
            self.count(*partition, 1);
        }
    }

    fn count(&mut self, partition: i32, by: i32) {
        let owners = &mut self.owners[partition as usize];
        self.owned_once -= usize::from(*owners == 1);
        *owners = owners.checked_add_signed(by).expect("what is taken was given");
        self.owned_once += usize::from(*owners == 1);
    }

    /// The epoch that all members are in, if each partition has one owner.
    fn complete_in(&self) -> Option<i32> {
        let epoch = self.epochs.keys().next().copied();
        epoch.filter(|epoch| self.epochs.len() == 1 && *epoch > COMES && self.owned_once == self.owners.len())
    }
}

struct Member {
    number: usize,
    connection: Wire,
    group: Text,
    topic: Text,
    id: Text,
    board: Arc<Board>,
    interval: Duration,
}

impl Member {
    /// Comes, follows, and goes when told to.
    async fn live(mut self, mut stopping: watch::Receiver<bool>) {
        let mut epoch = COMES;
        let mut owned = Some(Vec::new());
        loop {
            let answer = self.beat(epoch, owned.take()).await;
            expect_none("a heartbeat", answer.error_code);
            epoch = answer.member_epoch;
            owned = answer.assignment.map(|assignment| assignment.topic_partitions);
            let partitions: Option<Vec<i32>> =
                owned.as_ref().map(|owned| owned.iter().flat_map(|topic| topic.partitions.iter().copied()).collect());
            self.board.tell(self.number, epoch, partitions.as_deref());
            if owned.is_none() && timeout(self.interval, stopping.wait_for(|stop| *stop)).await.is_ok() {
                break;
            }
        }
        self.beat(GOES, None).await;
    }

    async fn beat(&mut self, epoch: i32, owned: Option<Vec<TopicPartitions>>) -> ConsumerGroupHeartbeatResponse {
        let comes = epoch == COMES;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.group.clone(),
            member_id: self.id.clone(),
            member_epoch: epoch,
            rebalance_timeout_ms: if comes { REBALANCE_MS } else { -1 },
            subscribed_topic_names: comes.then(|| vec![self.topic.clone()]),
            topic_partitions: owned,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        self.connection.ask(&request, VERSION).await
    }
}
