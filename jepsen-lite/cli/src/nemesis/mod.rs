//! What is done to the servers while clients work: one trouble after the other, with calm between them, each kind before
//! one comes again.

mod cuts;
mod plan;

pub use plan::Plan;

use crate::clients::{Chronicle, Surroundings};
use crate::command_line::Trouble;
use crate::servers::{Cluster, Node};
use cuts::Cut;
use jepsen_lite::history::{FaultKind, FaultNature};
use model::{NodeId, TopicPartition};
use plan::Whom;
use runtime::rand::below;
use runtime::time::{Duration, Instant, sleep};

/// Nothing is wrong for so long at first, in milliseconds.
const CALM_AT_FIRST: u64 = 3000;
/// The furthest that a clock is set wrong, in seconds: brokers refuse records from an hour ahead of theirs.
const FURTHEST: u64 = 20 * 60;

/// One who does it.
pub struct Nemesis<'c> {
    /// To whom.
    servers: &'c mut Cluster,
    /// Where it is written down.
    chronicle: Chronicle,
    /// Who leads is asked here.
    client: client::Cluster,
    /// What leaders are looked for in.
    partitions: Vec<TopicPartition>,
    /// Whom the trouble hits that is made now.
    whom: Whom,
}

impl<'c> Nemesis<'c> {
    /// One who has done nothing yet.
    pub fn new(servers: &'c mut Cluster, around: &Surroundings) -> Nemesis<'c> {
        let (chronicle, partitions) = (around.chronicle.clone(), around.partitions());
        Nemesis { servers, chronicle, client: around.connect("nemesis"), partitions, whom: Whom::Drawn }
    }

    /// Does it for so long, then undoes all of it.
    ///
    /// # Errors
    /// The machine refuses what it allowed before.
    pub async fn torment(&mut self, troubles: &[Trouble], lasts: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + lasts;
        sleep(Duration::from_millis(CALM_AT_FIRST).min(lasts)).await;
        let mut deck: Vec<Trouble> = Vec::new();
        while Instant::now() < end && !troubles.is_empty() {
            if deck.is_empty() {
                deck = troubles.to_vec();
            }
            let trouble = deck.swap_remove(below(deck.len() as u64) as usize);
            let left = end.saturating_duration_since(Instant::now());
            self.make(trouble, milliseconds(2000, 8000).min(left)).await?;
            self.start_the_dead()?;
            let left = end.saturating_duration_since(Instant::now());
            sleep(milliseconds(1500, 5000).min(left)).await;
        }
        sleep(end.saturating_duration_since(Instant::now())).await;
        self.heal()
    }

    /// Does what a plan says, as far as it is among `troubles`, then undoes all of it.
    ///
    /// # Errors
    /// As [`torment`](Self::torment).
    pub async fn follow(&mut self, plan: &Plan, troubles: &[Trouble]) -> anyhow::Result<()> {
        let began = Instant::now();
        for planned in plan.faults.iter().filter(|planned| troubles.contains(&planned.trouble)) {
            sleep(planned.at.saturating_sub(began.elapsed())).await;
            self.whom = planned.whom.clone();
            self.make(planned.trouble, planned.lasts).await?;
            self.start_the_dead()?;
        }
        self.heal()
    }

    async fn make(&mut self, trouble: Trouble, lasts: Duration) -> anyhow::Result<()> {
        match trouble {
            Trouble::Kill => self.kill(lasts).await,
            Trouble::Pause => self.pause(lasts).await,
            Trouble::Partition => self.cut(lasts).await,
            Trouble::DiskFull => self.fill(lasts).await,
            Trouble::Clock => self.set_clock(lasts).await,
        }
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.servers.nodes.keys().copied().collect()
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.servers.nodes.get_mut(&id).expect("victims are nodes")
    }

    /// Whom a plan says; else half the time who leads some partition, and half the time anybody.
    async fn victim(&self) -> NodeId {
        if let Whom::Nodes(planned) = &self.whom {
            return planned[below(planned.len() as u64) as usize];
        }
        let nodes = self.nodes();
        let anybody = nodes[below(nodes.len() as u64) as usize];
        if self.partitions.is_empty() || below(2) == 0 {
            return anybody;
        }
        let partition = &self.partitions[below(self.partitions.len() as u64) as usize];
        let leader = self.client.leader(partition).await.map(|leader| leader.node);
        leader.ok().filter(|leader| nodes.contains(leader)).unwrap_or(anybody)
    }

    /// Mostly one; sometimes all.
    async fn victims(&self) -> Vec<NodeId> {
        if let Whom::Nodes(planned) = &self.whom {
            return planned.clone();
        }
        if below(6) == 0 { self.nodes() } else { vec![self.victim().await] }
    }

    fn begin(&self, kind: FaultKind, node: NodeId, detail: String) -> usize {
        crate::say(&format!("node {node}: {kind}, {detail}"));
        self.chronicle.fault_begins(FaultNature { kind, node, file: None, partition: None, detail })
    }

    fn end(&self, faults: &[usize]) {
        faults.iter().for_each(|fault| self.chronicle.fault_ends(*fault));
    }

    async fn kill(&mut self, lasts: Duration) -> anyhow::Result<()> {
        let victims = self.victims().await;
        let comes_back_at_once = below(3) == 0;
        let mut faults = Vec::new();
        for node in &victims {
            let detail = if comes_back_at_once { "killed and started at once" } else { "killed" };
            faults.push(self.begin(FaultKind::ProcessCrash, *node, detail.to_owned()));
            self.node(*node).kill();
        }
        sleep(if comes_back_at_once { Duration::ZERO } else { lasts }).await;
        for node in &victims {
            self.node(*node).start()?;
        }
        self.end(&faults);
        Ok(())
    }

    async fn pause(&mut self, lasts: Duration) -> anyhow::Result<()> {
        let victims = self.victims().await;
        let mut faults = Vec::new();
        for node in &victims {
            faults.push(self.begin(FaultKind::Pause, *node, format!("stopped for {lasts:.1?}")));
            self.node(*node).signal("STOP");
        }
        sleep(lasts).await;
        for node in &victims {
            self.node(*node).signal("CONT");
        }
        self.end(&faults);
        Ok(())
    }

    async fn cut(&mut self, lasts: Duration) -> anyhow::Result<()> {
        let cut = Cut::draw(&self.nodes(), self.victim().await);
        let Some(network) = self.servers.network.as_mut() else { return Ok(()) };
        for (from, to) in &cut.lost {
            network.cut(*from, *to)?;
        }
        let faults: Vec<usize> = cut.nodes.iter().map(|node| self.begin(cut.kind, *node, cut.detail.clone())).collect();
        sleep(lasts).await;
        if let Some(network) = self.servers.network.as_mut() {
            network.heal()?;
        }
        self.end(&faults);
        Ok(())
    }

    async fn fill(&mut self, lasts: Duration) -> anyhow::Result<()> {
        let mut faults = Vec::new();
        for node in self.victims().await {
            faults.push(self.begin(FaultKind::FullDisk, node, format!("no space for {lasts:.1?}")));
            self.servers.volumes[&node].fill()?;
        }
        sleep(lasts).await;
        self.servers.volumes.values().try_for_each(|volume| volume.free())?;
        self.end(&faults);
        Ok(())
    }

    async fn set_clock(&mut self, lasts: Duration) -> anyhow::Result<()> {
        let node = self.victim().await;
        let seconds = (1 + below(FURTHEST)) as i64;
        let (kind, ahead) = match below(2) {
            0 => (FaultKind::ClockForward, seconds),
            _ => (FaultKind::ClockBack, -seconds),
        };
        self.servers.clocks[&node].set(ahead)?;
        let fault = self.begin(kind, node, format!("by {seconds} s"));
        sleep(lasts).await;
        self.servers.clocks[&node].set(0)?;
        self.end(&[fault]);
        Ok(())
    }

    /// Some servers end when their disk is full; whoever looks after them starts them again.
    fn start_the_dead(&mut self) -> anyhow::Result<()> {
        for node in self.servers.nodes.values_mut() {
            if !node.is_running() {
                let how = node.own_ends.last().map_or("does not run", String::as_str);
                crate::say(&format!("node {} {how}, and is started again", node.id));
                node.start()?;
            }
        }
        Ok(())
    }

    fn heal(&mut self) -> anyhow::Result<()> {
        if let Some(network) = self.servers.network.as_mut() {
            network.heal()?;
        }
        self.servers.volumes.values().try_for_each(|volume| volume.free())?;
        self.servers.clocks.values().try_for_each(|clock| clock.set(0))?;
        self.start_the_dead()
    }
}

fn milliseconds(least: u64, most: u64) -> Duration {
    Duration::from_millis(least + below(most - least))
}
