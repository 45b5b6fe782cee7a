//! A simulated machine for crash points.

use super::crash::machine::{Machine, Program};
use runtime::disk::Disk;
use runtime::record::{Image, Recorder};
use runtime::simulation::{Latency, Node, disk};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A machine whose processes run one after the other.
pub struct SimulatedMachine {
    node: Node,
}

impl SimulatedMachine {
    /// A machine in the world of the running simulation.
    pub fn create() -> SimulatedMachine {
        let node = Node::create("machine", IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        disk::change(node, |faults| {
            faults.cache_latency = Latency::between(Duration::from_micros(1), Duration::from_micros(5));
            faults.sync_latency = Latency::between(Duration::from_micros(300), Duration::from_micros(900));
        });
        // Nothing runs until there is something to be done.
        node.crash();
        SimulatedMachine { node }
    }
}

impl SimulatedMachine {
    async fn process<T: Send + 'static>(&self, recorder: Option<&Recorder>, program: Program<T>) -> T {
        self.node.restart();
        let recorder = recorder.cloned();
        let running = self.node.spawn("process under test", async move {
            let disk = match &recorder {
                Some(recorder) => Disk::open_recorded("data", recorder).await,
                None => Disk::open("data").await,
            };
            program(disk.expect("a disk")).await
        });
        let output = running.await.expect("the process goes on to its end");
        self.node.crash();
        output
    }
}

impl Machine for SimulatedMachine {
    async fn run<T: Send + 'static>(&self, image: &Image, recorder: Option<&Recorder>, program: Program<T>) -> T {
        disk::load(self.node, image);
        self.process(recorder, program).await
    }

    async fn run_failing<T: Send + 'static>(
        &self,
        syncs: u64,
        recorder: &Recorder,
        program: Program<T>,
    ) -> Option<(T, Image)> {
        disk::load(self.node, &Image::new());
        disk::change(self.node, |faults| faults.syncs_before_error = Some(syncs));
        let output = self.process(Some(recorder), program).await;
        let failed = disk::faults(self.node).syncs_before_error.is_none();
        disk::change(self.node, |faults| faults.syncs_before_error = None);
        failed.then(|| (output, disk::image_with_loose(self.node)))
    }
}
