//! Networks that go wrong.

use super::links::Way;
use jepsen_lite::history::FaultKind;
use runtime::simulation::{Latency, Node, net};
use runtime::time::{Duration, sleep};

/// How the network is when nothing is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// One way between two nodes.
    pub latency: Latency,
}

/// Begins it, and waits for its end when it comes and goes by itself. `server` is the node that takes no connections.
pub async fn apply(server: Node, ways: &[Way], kind: FaultKind, amount: u64, lasts: Duration) {
    match kind {
        FaultKind::Cut => ways.iter().for_each(cut_both),
        FaultKind::OneWayCut => ways.iter().for_each(|(from, to)| net::cut(*from, *to)),
        FaultKind::Clog => ways.iter().for_each(clog),
        FaultKind::Flap => flap(ways, amount, lasts).await,
        FaultKind::ConnectionReset => ways.iter().for_each(|(one, other)| net::reset(*one, *other)),
        FaultKind::ConnectRefused => net::refuse(server, true),
        FaultKind::ConnectHang => net::hang(server, true),
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
pub fn end(server: Node, ways: &[Way], kind: FaultKind, usual: &Usual) {
    match kind {
        FaultKind::Cut | FaultKind::OneWayCut | FaultKind::Flap => ways.iter().for_each(heal_both),
        FaultKind::Clog => ways.iter().for_each(unclog),
        FaultKind::ConnectRefused => net::refuse(server, false),
        FaultKind::ConnectHang => net::hang(server, false),
        FaultKind::SlowNetwork => net::change(|weather| weather.usual = usual.latency),
        FaultKind::PacketLoss => net::change(|weather| weather.loss = 0.0),
        FaultKind::NarrowNetwork => net::change(|weather| weather.bytes_per_second = None),
        _ => {}
    }
}

/// No packet passes, either way.
pub fn cut_both((one, other): &Way) {
    net::cut(*one, *other);
    net::cut(*other, *one);
}

/// They pass again.
pub fn heal_both((one, other): &Way) {
    net::heal(*one, *other);
    net::heal(*other, *one);
}

/// Packets take very long, either way.
pub fn clog((one, other): &Way) {
    let slow = Latency::between(Duration::from_millis(200), Duration::from_secs(2));
    net::set_latency(*one, *other, Some(slow));
    net::set_latency(*other, *one, Some(slow));
}

/// They take what they usually take.
pub fn unclog((one, other): &Way) {
    net::set_latency(*one, *other, None);
    net::set_latency(*other, *one, None);
}

async fn flap(ways: &[Way], amount: u64, lasts: Duration) {
    let turns = 2 + amount % 8;
    let turn = lasts / (2 * turns as u32);
    for _ in 0..turns {
        ways.iter().for_each(cut_both);
        sleep(turn).await;
        ways.iter().for_each(heal_both);
        sleep(turn).await;
    }
}
