//! Carries the fault plan out. Each fault is a task of its own: they overlap as they come.

mod clock;
mod disk;
mod files;
mod net;

use super::broker_node::{BrokerNode, whole};
use crate::clients::Chronicle;
use crate::plan::{Plan, PlannedFault, WorldShape};
use jepsen_lite::history::FaultKind;
use runtime::simulation::disk::Faults;
use runtime::simulation::{Latency, Node};
use runtime::time::{Duration, Instant, sleep, sleep_until};
use std::sync::Arc;

/// Makes the disk and the network as the world's shape says.
pub fn good_weather(world: &WorldShape, broker: Node) {
    let usual = usual_network(world);
    runtime::simulation::net::change(|weather| weather.usual = usual.latency);
    disk::heal(broker, &usual_disk(world));
}

fn between((from, to): (u64, u64)) -> Latency {
    Latency::between(Duration::from_micros(from), Duration::from_micros(to))
}

fn usual_network(world: &WorldShape) -> net::Usual {
    net::Usual { latency: between(world.latencies.network_us).with_tail(0.01, Duration::from_millis(40)) }
}

fn usual_disk(world: &WorldShape) -> Faults {
    Faults {
        cache_latency: between(world.latencies.disk_us).with_tail(0.002, Duration::from_millis(5)),
        sync_latency: between(world.latencies.sync_us).with_tail(0.01, Duration::from_millis(60)),
        sector: world.sector(),
        ..Faults::default()
    }
}

/// What faults need to know.
struct Victims {
    broker: BrokerNode,
    clients: Vec<Node>,
    chronicle: Chronicle,
    disk: Faults,
    net: net::Usual,
}

/// Plays the fault plan to its end, and then heals everything.
pub async fn torment(plan: &Plan, broker: &BrokerNode, clients: &[Node], chronicle: &Chronicle) {
    let began = Instant::now();
    let victims = Arc::new(Victims {
        broker: broker.clone(),
        clients: clients.to_vec(),
        chronicle: chronicle.clone(),
        disk: usual_disk(&plan.world),
        net: usual_network(&plan.world),
    });
    let end = began + Duration::from_millis(plan.faults_for_ms);
    let mut running = Vec::new();
    for fault in plan.faults.iter().copied() {
        sleep_until(began + Duration::from_millis(fault.at_ms)).await;
        let victims = victims.clone();
        running.push(runtime::task::spawn("fault", async move { victims.suffer(fault).await }));
    }
    sleep_until(end).await;
    for fault in running {
        let _ = fault.await; // nobody aborts one
    }
    victims.heal_everything(plan);
}

impl Victims {
    async fn suffer(&self, fault: PlannedFault) {
        use FaultKind as F;
        let lasts = Duration::from_millis(fault.lasts_ms);
        match fault.kind {
            F::ProcessCrash | F::PowerFailure | F::GracefulRestart => self.broker.end(fault.kind, lasts).await,
            F::Pause => self.pause(lasts).await,
            F::RotAtRest => {
                if let Some(nature) = disk::rot(self.node(), fault.amount) {
                    self.chronicle.fault(nature);
                }
            }
            F::ClockForward | F::ClockBack | F::ClockDrift | F::ClockFreeze => self.clock(fault, lasts).await,
            F::Cut | F::OneWayCut | F::Clog | F::Flap | F::ConnectionReset | F::ConnectRefused | F::ConnectHang => {
                self.network(fault, lasts).await;
            }
            F::SlowNetwork | F::PacketLoss | F::NarrowNetwork => self.network(fault, lasts).await,
            F::SlowDisk | F::StalledDisk | F::FailedSync | F::FailedWrite | F::FailedRead | F::FullDisk => {
                self.disk(fault, lasts).await;
            }
            F::RotOnRead | F::MisdirectedRead | F::MisdirectedWrite => self.disk(fault, lasts).await,
            F::LostWrite | F::WipedDisk => {} // no plan of one node has them
        }
    }

    fn node(&self) -> Node {
        self.broker.node
    }

    async fn pause(&self, lasts: Duration) {
        if !self.node().is_running() {
            return;
        }
        let fault = self.chronicle.fault_begins(whole(FaultKind::Pause, String::new()));
        self.node().pause();
        sleep(lasts).await;
        self.node().resume();
        self.chronicle.fault_ends(fault);
    }

    async fn clock(&self, planned: PlannedFault, lasts: Duration) {
        let (jump, drift) = (clock::jump_ms(planned.amount), clock::drift_millionths(planned.amount));
        let detail = match planned.kind {
            FaultKind::ClockForward | FaultKind::ClockBack => format!("{jump} ms"),
            FaultKind::ClockDrift => format!("{drift} millionths"),
            _ => String::new(),
        };
        let fault = self.chronicle.fault_begins(whole(planned.kind, detail));
        match planned.kind {
            FaultKind::ClockForward => clock::jump(self.node(), jump),
            FaultKind::ClockBack => clock::jump(self.node(), -jump),
            FaultKind::ClockDrift => {
                clock::drift(self.node(), drift);
                sleep(lasts).await;
                clock::drift(self.node(), 0);
            }
            _ => {
                clock::freeze(self.node(), true);
                sleep(lasts).await;
                clock::freeze(self.node(), false);
            }
        }
        self.chronicle.fault_ends(fault);
    }

    async fn network(&self, planned: PlannedFault, lasts: Duration) {
        let fault = self.chronicle.fault_begins(whole(planned.kind, String::new()));
        let began = Instant::now();
        net::apply(self.node(), &self.clients, planned.kind, planned.amount, lasts).await;
        sleep_until(began + lasts).await;
        net::end(self.node(), &self.clients, planned.kind, planned.amount, &self.net);
        self.chronicle.fault_ends(fault);
    }

    async fn disk(&self, planned: PlannedFault, lasts: Duration) {
        let fault = self.chronicle.fault_begins(whole(planned.kind, String::new()));
        disk::apply(self.node(), planned.kind, planned.amount, lasts);
        sleep(lasts).await;
        disk::end(self.node(), planned.kind, &self.disk);
        self.chronicle.fault_ends(fault);
    }

    /// Overlapping faults of one kind may have left something behind.
    fn heal_everything(&self, plan: &Plan) {
        runtime::simulation::net::heal_all();
        runtime::simulation::net::change(|weather| {
            (weather.loss, weather.bytes_per_second) = (0.0, None);
        });
        good_weather(&plan.world, self.node());
        clock::drift(self.node(), 0);
        clock::freeze(self.node(), false);
    }
}
