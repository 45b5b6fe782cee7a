//! Networks that go wrong, between the broker and clients.

use jepsen_lite::history::FaultKind;
use runtime::simulation::{Latency, Node, net};
use runtime::time::{Duration, sleep};

/// How the network is when nothing is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// One way between two nodes.
    pub latency: Latency,
}

/// The clients that a fault hits: one, some or all.
fn victims(clients: &[Node], amount: u64) -> Vec<Node> {
    let hit = |number: usize| match amount % 4 {
        0 => true,
        1 => (amount >> (8 + number % 48)) & 1 == 1,
        _ => number == (amount >> 8) as usize % clients.len().max(1),
    };
    clients.iter().enumerate().filter(|(number, _)| hit(*number)).map(|(_, node)| *node).collect()
}

/// Begins it, and waits for its end when it comes and goes by itself.
pub async fn apply(broker: Node, clients: &[Node], kind: FaultKind, amount: u64, lasts: Duration) {
    let victims = victims(clients, amount);
    match kind {
        FaultKind::Cut => victims.iter().for_each(|client| cut_both(broker, *client)),
        FaultKind::OneWayCut => victims.iter().for_each(|client| match amount & (1 << 60) {
            0 => net::cut(broker, *client),
            _ => net::cut(*client, broker),
        }),
        FaultKind::Clog => {
            let slow = Latency::between(Duration::from_millis(200), Duration::from_secs(2));
            for client in victims {
                net::set_latency(broker, client, Some(slow));
                net::set_latency(client, broker, Some(slow));
            }
        }
        FaultKind::Flap => flap(broker, &victims, amount, lasts).await,
        FaultKind::ConnectionReset => victims.iter().for_each(|client| net::reset(broker, *client)),
        FaultKind::ConnectRefused => net::refuse(broker, true),
        FaultKind::ConnectHang => net::hang(broker, true),
        FaultKind::SlowNetwork => net::change(|weather| {
            let (usual, longest) = (Duration::from_millis(1 + amount % 30), Duration::from_millis(800));
            weather.usual = Latency::between(Duration::from_micros(100), usual).with_tail(0.05, longest);
        }),
        FaultKind::PacketLoss => net::change(|weather| weather.loss = (1 + amount % 200) as f64 / 1000.0),
        FaultKind::NarrowNetwork => net::change(|weather| weather.bytes_per_second = Some(5_000 + amount % 500_000)),
        _ => {}
    }
}

/// Ends it; other faults of other kinds go on.
pub fn end(broker: Node, clients: &[Node], kind: FaultKind, amount: u64, usual: &Usual) {
    let victims = victims(clients, amount);
    match kind {
        FaultKind::Cut | FaultKind::OneWayCut | FaultKind::Flap => victims.iter().for_each(|c| heal_both(broker, *c)),
        FaultKind::Clog => {
            for client in victims {
                net::set_latency(broker, client, None);
                net::set_latency(client, broker, None);
            }
        }
        FaultKind::ConnectRefused => net::refuse(broker, false),
        FaultKind::ConnectHang => net::hang(broker, false),
        FaultKind::SlowNetwork => net::change(|weather| weather.usual = usual.latency),
        FaultKind::PacketLoss => net::change(|weather| weather.loss = 0.0),
        FaultKind::NarrowNetwork => net::change(|weather| weather.bytes_per_second = None),
        _ => {}
    }
}

fn cut_both(one: Node, other: Node) {
    net::cut(one, other);
    net::cut(other, one);
}

fn heal_both(one: Node, other: Node) {
    net::heal(one, other);
    net::heal(other, one);
}

async fn flap(broker: Node, victims: &[Node], amount: u64, lasts: Duration) {
    let turns = 2 + amount % 8;
    let turn = lasts / (2 * turns as u32);
    for _ in 0..turns {
        victims.iter().for_each(|client| cut_both(broker, *client));
        sleep(turn).await;
        victims.iter().for_each(|client| heal_both(broker, *client));
        sleep(turn).await;
    }
}
