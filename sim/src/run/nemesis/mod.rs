//! Carries the fault plan out. Each fault is a task of its own: they overlap as they come.

mod atlas;
mod clock;
mod disk;
mod files;
mod heirs;
mod links;
mod net;
mod points;
mod process;
mod swizzle;

pub use atlas::Atlas;
pub use net::{cut_both, heal_both};

use super::cluster::Cluster;
use super::server_node::ServerNode;
use crate::clients::Chronicle;
use crate::plan::{NodeShape, OFFSETS_TOPIC, Place, Plan, PlannedFault, Target, WorldShape};
use jepsen_lite::history::FaultKind;
use points::Points;
use runtime::simulation::disk::Faults;
use runtime::simulation::{Latency, Node};
use runtime::time::{Duration, Instant, sleep, sleep_until};
use std::sync::Arc;

/// Microseconds that a read or write of the page cache takes: at least, and usually at most.
const CACHE_US: (u64, u64) = (2, 60);

/// Makes the disks, the clocks and the network as the world's shape says.
pub fn good_weather(world: &WorldShape, cluster: &Cluster) {
    let usual = usual_network(world);
    runtime::simulation::net::change(|weather| weather.usual = usual.latency);
    for (server, shape) in cluster.servers.iter().zip(&world.nodes) {
        disk::heal(server.node, &usual_disk(shape));
    }
}

/// Sets the clocks that are ahead.
pub fn set_clocks(world: &WorldShape, cluster: &Cluster) {
    for (server, shape) in cluster.servers.iter().zip(&world.nodes).filter(|(_, shape)| shape.clock_ahead_ms != 0) {
        clock::jump(server.node, shape.clock_ahead_ms);
    }
}

fn between((from, to): (u64, u64)) -> Latency {
    Latency::between(Duration::from_micros(from), Duration::from_micros(to))
}

fn usual_network(world: &WorldShape) -> net::Usual {
    net::Usual { latency: between(world.network_us).with_tail(0.01, Duration::from_millis(40)) }
}

fn usual_disk(shape: &NodeShape) -> Faults {
    Faults {
        cache_latency: between(CACHE_US).with_tail(0.002, Duration::from_millis(5)),
        sync_latency: between(shape.sync_us).with_tail(0.01, Duration::from_millis(60)),
        sector: shape.sector(),
        ..Faults::default()
    }
}

/// What faults need to know.
struct Victims {
    cluster: Cluster,
    clients: Vec<Node>,
    chronicle: Chronicle,
    world: WorldShape,
    atlas: Atlas,
    net: net::Usual,
    points: Points,
    /// Nothing more begins from then on.
    end: Instant,
}

/// Plays the fault plan to its end, and then heals everything.
pub async fn torment(plan: &Plan, cluster: &Cluster, clients: &[Node], chronicle: &Chronicle, atlas: Atlas) {
    let began = Instant::now();
    let end = began + Duration::from_millis(plan.faults_for_ms);
    let victims = Arc::new(Victims {
        cluster: cluster.clone(),
        clients: clients.to_vec(),
        chronicle: chronicle.clone(),
        world: plan.world.clone(),
        atlas,
        net: usual_network(&plan.world),
        points: Points::default(),
        end,
    });
    if plan.faults.iter().any(|fault| fault.point.is_some()) {
        victims.points.watch();
    }
    let mut running = Vec::new();
    for fault in plan.faults.iter().cloned() {
        sleep_until(began + Duration::from_millis(fault.at_ms)).await;
        let victims = victims.clone();
        running.push(runtime::task::spawn("fault", async move { victims.suffer(&fault).await }));
    }
    sleep_until(end).await;
    for fault in running {
        let _ = fault.await; // nobody aborts one
    }
    victims.heal_everything();
}

impl Victims {
    async fn suffer(&self, fault: &PlannedFault) {
        use FaultKind as F;
        let lasts = Duration::from_millis(fault.lasts_ms);
        match fault.kind {
            F::ProcessCrash | F::PowerFailure | F::GracefulRestart | F::Pause => self.processes(fault, lasts).await,
            F::WipedDisk => self.wipe(fault, lasts).await,
            F::RotAtRest => self.rot(fault),
            F::ClockForward | F::ClockBack | F::ClockDrift | F::ClockFreeze => self.clock(fault, lasts).await,
            F::Cut | F::OneWayCut | F::Clog | F::Flap | F::ConnectionReset | F::ConnectRefused | F::ConnectHang => {
                self.network(fault, lasts).await;
            }
            F::SlowNetwork | F::PacketLoss | F::NarrowNetwork => self.network(fault, lasts).await,
            F::SlowDisk | F::StalledDisk | F::FailedSync | F::FailedWrite | F::FailedRead | F::FullDisk => {
                self.disk(fault, lasts).await;
            }
            F::RotOnRead | F::MisdirectedRead | F::MisdirectedWrite | F::LostWrite => {
                self.damaging_disk(fault, lasts).await;
            }
        }
    }

    /// The nodes that a target means now.
    fn servers(&self, target: &Target) -> Vec<&ServerNode> {
        match target {
            Target::Node(place) | Target::Isolated(place) | Target::Loop(place, _) | Target::Bridge(place, _) => {
                vec![self.cluster.at(*place)]
            }
            Target::Nodes(places) | Target::Swizzled(places) => places.iter().map(|p| self.cluster.at(*p)).collect(),
            Target::All | Target::Rolling | Target::Ring => self.cluster.servers.iter().collect(),
            Target::AllBut(place) => {
                let spared = self.cluster.at(*place).id;
                self.cluster.servers.iter().filter(|server| server.id != spared).collect()
            }
            Target::Leader(place) | Target::Heirs(place) => {
                let topic = &self.world.topics[usize::from(place.topic)].name;
                let leader = self.cluster.partition(topic, *place).and_then(|partition| partition.leader);
                vec![leader.and_then(|id| self.cluster.of(id)).unwrap_or_else(|| self.cluster.at(place.partition))]
            }
            Target::Coordinator(partition) => {
                let place = Place { topic: 0, partition: *partition };
                let leader = self.cluster.partition(OFFSETS_TOPIC, place).and_then(|partition| partition.leader);
                vec![leader.and_then(|id| self.cluster.of(id)).unwrap_or_else(|| self.cluster.at(*partition))]
            }
            Target::Controller => {
                let controller = self.cluster.controller().and_then(|id| self.cluster.of(id));
                vec![controller.unwrap_or_else(|| self.cluster.at(0))]
            }
        }
    }

    /// The first of them: most faults hit one node.
    fn server(&self, target: &Target) -> &ServerNode {
        self.servers(target).first().copied().unwrap_or_else(|| self.cluster.at(0))
    }

    fn rot(&self, planned: &PlannedFault) {
        let server = self.server(&planned.target);
        if self.atlas.may_damage(server.id)
            && let Some(nature) = disk::rot(server, planned.amount)
        {
            self.atlas.damaged(server.id);
            self.chronicle.fault(nature);
        }
    }

    async fn clock(&self, planned: &PlannedFault, lasts: Duration) {
        let server = self.server(&planned.target);
        let (jump, drift) = (clock::jump_ms(planned.amount), clock::drift_millionths(planned.amount));
        let detail = match planned.kind {
            FaultKind::ClockForward | FaultKind::ClockBack => format!("{jump} ms"),
            FaultKind::ClockDrift => format!("{drift} millionths"),
            _ => String::new(),
        };
        let fault = self.chronicle.fault_begins(server.nature(planned.kind, detail));
        match planned.kind {
            FaultKind::ClockForward => clock::jump(server.node, jump),
            FaultKind::ClockBack => clock::jump(server.node, -jump),
            FaultKind::ClockDrift => {
                clock::drift(server.node, drift);
                sleep(lasts).await;
                clock::drift(server.node, 0);
            }
            _ => {
                clock::freeze(server.node, true);
                sleep(lasts).await;
                clock::freeze(server.node, false);
            }
        }
        self.chronicle.fault_ends(fault);
    }

    async fn network(&self, planned: &PlannedFault, lasts: Duration) {
        let server = self.server(&planned.target);
        let detail = if self.cluster.is_many() { format!("{:?}", planned.target) } else { String::new() };
        let fault = self.chronicle.fault_begins(server.nature(planned.kind, detail));
        let began = Instant::now();
        if let Target::Swizzled(places) = &planned.target {
            self.swizzle(planned, places, lasts).await;
        } else {
            let ways = self.ways(&planned.target, planned.amount);
            net::apply(server.node, &ways, planned.kind, planned.amount, lasts).await;
            sleep_until(began + lasts).await;
            net::end(server.node, &ways, planned.kind, &self.net);
        }
        self.chronicle.fault_ends(fault);
    }

    async fn damaging_disk(&self, planned: &PlannedFault, lasts: Duration) {
        let server = self.server(&planned.target);
        if self.atlas.may_damage(server.id) {
            self.atlas.damaged(server.id);
            self.disk(planned, lasts).await;
        }
    }

    async fn disk(&self, planned: &PlannedFault, lasts: Duration) {
        let server = self.server(&planned.target);
        let fault = self.chronicle.fault_begins(server.nature(planned.kind, String::new()));
        disk::apply(server.node, planned.kind, planned.amount, lasts);
        sleep(lasts).await;
        disk::end(server.node, planned.kind, &usual_disk(self.shape(server)));
        self.chronicle.fault_ends(fault);
    }

    fn shape(&self, server: &ServerNode) -> &NodeShape {
        &self.world.nodes[server.id as usize - 1]
    }

    /// Overlapping faults of one kind may have left something behind.
    fn heal_everything(&self) {
        runtime::simulation::net::heal_all();
        runtime::simulation::net::change(|weather| {
            (weather.loss, weather.bytes_per_second) = (0.0, None);
        });
        good_weather(&self.world, &self.cluster);
        for server in self.cluster.servers.iter() {
            clock::drift(server.node, 0);
            clock::freeze(server.node, false);
        }
    }
}
