//! A cluster of brokers made of a few maps. It does what Kafka does, unless a story scripts its next answers.

mod classic_group;
mod consumer_group;
mod fetch;
mod offsets;
mod partition;
mod produce;
mod serve;
mod topics;
mod world;

use partition::Partition;
pub use partition::{control_batch, data_batch};
pub use serve::{Ask, Then};
pub use world::World;

use bytes::Bytes;
use client::{BackoffConfig, ClientConfig, Cluster};
use protocol::{ApiKey, Request};
use runtime::net::TcpListener;
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Brokers 1 to n that share a world. A clone is the same.
#[derive(Clone)]
pub struct FakeCluster {
    world: Arc<Mutex<World>>,
    listeners: Arc<Mutex<BTreeMap<i32, JoinHandle<()>>>>,
}

impl FakeCluster {
    /// Starts `count` brokers with one topic `t` of `partitions` partitions, all led by broker 1.
    pub async fn start(count: i32, partitions: usize) -> FakeCluster {
        let mut world = World::default();
        world.add_topic("t", partitions);
        let cluster = FakeCluster { world: Arc::new(Mutex::new(world)), listeners: Arc::default() };
        for node in 1..=count {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("it listens").to_string();
            cluster.world().brokers.insert(node, address);
            let listening = serve::listen(cluster.world.clone(), node, listener);
            cluster.listeners().insert(node, listening);
        }
        cluster
    }

    /// What the brokers know and did.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic inside")
    }

    fn listeners(&self) -> MutexGuard<'_, BTreeMap<i32, JoinHandle<()>>> {
        self.listeners.lock().expect("no panic inside")
    }

    /// The next request of this kind that comes to any broker is answered as `act` says. Scripts are used in order.
    pub fn once<R: Request>(&self, act: impl FnOnce(&mut World, &Ask, R) -> Then<R::Response> + Send + 'static) {
        let scripted = Box::new(move |world: &mut World, ask: &Ask| ask.step::<R>(act(world, ask, ask.request())));
        self.world().scripts.entry(R::KEY).or_default().push_back(scripted);
    }

    /// The same for the next `times` requests.
    pub fn times<R: Request>(
        &self,
        times: usize,
        act: impl Fn(&mut World, &Ask, R) -> Then<R::Response> + Clone + Send + 'static,
    ) {
        (0..times).for_each(|_| self.once(act.clone()));
    }

    /// Closes every connection to `node`.
    pub fn cut(&self, node: i32) {
        self.world().open.values().filter(|open| open.node == node).for_each(|open| open.cut.notify_one());
    }

    /// Takes no new connections to `node`.
    pub fn refuse_connections(&self, node: i32) {
        if let Some(listening) = self.listeners().remove(&node) {
            listening.abort();
        }
    }

    /// Closes every connection to `node` and takes no new ones.
    pub fn stop(&self, node: i32) {
        self.refuse_connections(node);
        self.cut(node);
    }

    /// Every request of this kind that came so far.
    pub fn seen<R: Request>(&self) -> Vec<R> {
        let world = self.world();
        world.seen.iter().filter(|ask| ask.key() == R::KEY).map(Ask::request).collect()
    }

    /// How many requests of this kind came so far.
    pub fn count(&self, key: ApiKey) -> usize {
        self.world().seen.iter().filter(|ask| ask.key() == key).count()
    }

    /// Waits until `condition` holds of the world.
    ///
    /// # Panics
    /// When it does not within some seconds.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&World) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition(&self.world()) {
            assert!(Instant::now() < deadline, "{what} did not come about");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// The values in partition `partition` of topic `t`, in order.
    pub fn values(&self, partition: usize) -> Vec<String> {
        self.world().partition("t", partition).values()
    }

    /// Settings to reach broker 1 with, impatient ones.
    pub fn config(&self) -> ClientConfig {
        ClientConfig {
            bootstrap: vec![self.world().brokers[&1].clone()],
            request_timeout: Duration::from_secs(5),
            api_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            retry_backoff: impatient(),
            reconnect_backoff: impatient(),
            ..ClientConfig::default()
        }
    }

    /// A client of it.
    pub fn client(&self) -> Cluster {
        Cluster::new(self.config())
    }
}

/// Waits that make retries quick.
pub fn impatient() -> BackoffConfig {
    BackoffConfig { first: Duration::from_millis(2), most: Duration::from_millis(20) }
}

/// A frame as it is on the wire: length and body.
pub fn frame(body: &[u8]) -> Bytes {
    [&(body.len() as i32).to_be_bytes()[..], body].concat().into()
}
