//! The configs of a broker as the code reads them.

use super::cluster_config::ClusterConfig;
use super::key::Scope;
use super::listeners::{Listener, ProtocolMap, SecurityProtocol, check_advertised, check_ports, parse_listeners};
use super::lookup;
use super::resolve::Layers;
use super::server::Problems;
use super::value::Value;
use crate::NodeId;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A topic that a coordinator keeps its state in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinatorTopic {
    /// Its partitions.
    pub partitions: i32,
    /// Its replicas.
    pub replication_factor: i16,
    /// Its segments, in bytes.
    pub segment_bytes: u32,
    /// `min.insync.replicas` of the topic, where Kafka has a key for it.
    pub min_insync_replicas: Option<u32>,
}

/// What consumer groups may do. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i64,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i64,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i64,
    /// `group.max.size`.
    pub max_size: i32,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: u32,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// `offsets.commit.timeout.ms`.
    pub offsets_commit_timeout_ms: i64,
    /// `group.consumer.session.timeout.ms` (KIP-848).
    pub consumer_session_timeout_ms: i64,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: i64,
    /// `group.consumer.assignment.interval.ms`.
    pub consumer_assignment_interval_ms: i64,
    /// `group.consumer.max.size`.
    pub consumer_max_size: i32,
}

/// What transactional and idempotent producers may do. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionLimits {
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i64,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_timed_out_interval_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub remove_expired_interval_ms: i64,
    /// `transaction.partition.verification.enable` (KIP-890).
    pub verify_partitions: bool,
    /// `producer.id.expiration.ms`: an idempotent producer that is silent for this long is forgotten.
    pub producer_id_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_id_expiration_check_interval_ms: i64,
}

/// The configs of one broker. Times are in milliseconds, sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`, or `broker.id`; 1 when neither is given.
    pub node_id: NodeId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `log.dirs`, or `log.dir`: as given, at least one.
    pub log_dirs: Vec<String>,
    /// `listeners`, without those of the controller.
    pub listeners: Vec<Listener>,
    /// What clients of each of `listeners` are told, in the same order: its `advertised.listeners`, or itself. A host may
    /// be empty: the machine's own name. A port 0 is the one that was found free.
    pub advertised_listeners: Vec<Listener>,
    /// Those of `listeners` that `controller.listener.names` names.
    pub controller_listeners: Vec<Listener>,
    /// What other nodes are told of each of `controller_listeners`, in the same order.
    pub advertised_controller_listeners: Vec<Listener>,
    /// `initial.broker.registration.timeout.ms`.
    pub registration_timeout_ms: i64,
    /// Its place in the cluster.
    pub cluster: ClusterConfig,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `num.partitions`.
    pub default_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `socket.request.max.bytes`.
    pub max_request_bytes: u32,
    /// `queued.max.requests`: requests in the works, in all connections.
    pub max_queued_requests: usize,
    /// `queued.max.request.bytes`: their bytes; none for no limit of its own.
    pub max_queued_request_bytes: Option<u64>,
    /// `connections.max.idle.ms`; none for no limit.
    pub max_idle_ms: Option<i64>,
    /// `max.connections`.
    pub max_connections: usize,
    /// `max.connections.per.ip`.
    pub max_connections_per_ip: usize,
    /// `max.connections.per.ip.overrides`, for hosts that are addresses.
    pub max_connections_per_ip_overrides: BTreeMap<IpAddr, usize>,
    /// `max.connection.creation.rate`: new connections a second.
    pub max_connection_rate: u32,
    /// `socket.listen.backlog.size`.
    pub listen_backlog: u32,
    /// `socket.send.buffer.bytes`; none for the operating system's choice.
    pub send_buffer_bytes: Option<u32>,
    /// `socket.receive.buffer.bytes`; none for the operating system's choice.
    pub receive_buffer_bytes: Option<u32>,
    /// `fetch.max.bytes`: the most one fetch answers with, whatever the client allows.
    pub fetch_max_bytes: u32,
    /// `max.incremental.fetch.session.cache.slots` (KIP-227).
    pub fetch_session_slots: usize,
    /// `max.request.partition.size.limit`: partitions in one answer of DescribeTopicPartitions.
    pub max_partitions_per_answer: usize,
    /// `num.io.threads`: worker threads, where it was given; none for one a core.
    pub io_threads: Option<usize>,
    /// `background.threads`.
    pub background_threads: usize,
    /// `num.recovery.threads.per.data.dir`.
    pub recovery_threads: usize,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
    /// `log.flush.scheduler.interval.ms`.
    pub flush_check_interval_ms: i64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_checkpoint_interval_ms: i64,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub start_offset_checkpoint_interval_ms: i64,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval_ms: i64,
    /// `log.initial.task.delay.ms`: how long after the start background work begins.
    pub initial_task_delay_ms: i64,
    /// `unstable.api.versions.enable`: API versions that Kafka has not released are advertised too.
    pub unstable_api_versions: bool,
    /// `thalweg.journal.file.bytes`.
    pub journal_file_bytes: u64,
    /// `thalweg.journal.max.bytes`.
    pub journal_max_bytes: u64,
    /// `thalweg.scrub.bytes.per.second`; 0 for no scrubbing.
    pub scrub_bytes_per_second: u64,
    /// `thalweg.scrub.interval.ms`.
    pub scrub_interval_ms: i64,
    /// `__consumer_offsets`.
    pub offsets_topic: CoordinatorTopic,
    /// `__transaction_state`.
    pub transactions_topic: CoordinatorTopic,
    /// Consumer groups.
    pub groups: GroupLimits,
    /// Transactions and idempotent producers.
    pub transactions: TransactionLimits,
}

impl BrokerConfig {
    /// The configs of a broker of these layers.
    ///
    /// # Errors
    /// What is wrong between keys: listeners that do not fit each other, roles that cannot be had.
    pub fn resolve(layers: &Layers<'_>) -> Result<BrokerConfig, Problems> {
        layers.server.check()?;
        let read = Reader { layers };
        let one = |problem| Problems(vec![problem]);
        let cluster = ClusterConfig::read(&read).map_err(one)?;
        let sockets = Sockets::read(&read, &cluster).map_err(one)?;
        let problems: Vec<String> =
            [check_journal(&read), check_timeouts(&read)].into_iter().filter_map(Result::err).collect();
        if problems.is_empty() { Ok(read.broker_config(sockets, cluster)) } else { Err(Problems(problems)) }
    }
}

/// Where the broker listens and what it tells clients.
struct Sockets {
    listeners: Vec<Listener>,
    advertised: Vec<Listener>,
    controller: Vec<Listener>,
    advertised_controller: Vec<Listener>,
}

impl Sockets {
    fn read(read: &Reader<'_>, cluster: &ClusterConfig) -> Result<Sockets, String> {
        let upper = |names: Vec<String>| names.iter().map(|name| name.to_ascii_uppercase()).collect::<Vec<_>>();
        let controller_names = upper(read.list("controller.listener.names"));
        let mut map = ProtocolMap::parse(&read.text("listener.security.protocol.map").unwrap_or_default())?;
        map.add_missing(&controller_names);
        let all = parse_listeners("listeners", &read.list("listeners"), &map)?;
        check_ports(&all)?;
        check_protocols(&all)?;
        let is_controller = |listener: &Listener| controller_names.contains(&listener.name);
        let (controller, listeners): (Vec<_>, Vec<_>) = all.into_iter().partition(is_controller);
        if cluster.is_controller && controller.is_empty() && cluster.voters.len() > 1 {
            return Err("controller.listener.names: a voter must say which of its listeners the others reach it on; set it, and add that listener, such as CONTROLLER://:9093".to_owned());
        }
        if listeners.is_empty() && cluster.is_broker {
            return Err("listeners: none is left for clients; add one, such as PLAINTEXT://localhost:9092".to_owned());
        }
        let advertised = match read.list("advertised.listeners") {
            none if none.is_empty() => {
                check_advertised(&listeners, "listeners")?;
                listeners.clone()
            }
            elements => advertised(&elements, &listeners, &map, &is_controller)?,
        };
        let advertised_controller = advertised_to_nodes(&read.list("advertised.listeners"), &controller, &map);
        if let Some(name) = &cluster.inter_broker_listener
            && !listeners.is_empty()
            && !listeners.iter().any(|listener| listener.name == *name)
        {
            return Err(format!("inter.broker.listener.name: nothing listens as {name}; add it to listeners"));
        }
        Ok(Sockets { listeners, advertised, controller, advertised_controller })
    }
}

/// What clients of each listener are told.
fn advertised(
    elements: &[String],
    listeners: &[Listener],
    map: &ProtocolMap,
    is_controller: &dyn Fn(&Listener) -> bool,
) -> Result<Vec<Listener>, String> {
    let mut given = parse_listeners("advertised.listeners", elements, map)?;
    given.retain(|listener| !is_controller(listener));
    if let Some(stray) = given.iter().find(|one| !listeners.iter().any(|other| other.name == one.name)) {
        return Err(format!("advertised.listeners: nothing listens as {}; add it to listeners", stray.name));
    }
    let of = |listener: &Listener| given.iter().find(|one| one.name == listener.name).unwrap_or(listener).clone();
    let all: Vec<Listener> = listeners.iter().map(of).collect();
    check_advertised(&all, "advertised.listeners")?;
    Ok(all)
}

fn check_protocols(listeners: &[Listener]) -> Result<(), String> {
    match listeners.iter().find(|listener| listener.protocol != SecurityProtocol::Plaintext) {
        Some(listener) => Err(format!(
            "listeners: {listener} wants {}, and Thalweg cannot protect connections yet; use PLAINTEXT on a network you trust",
            listener.protocol.name()
        )),
        None => Ok(()),
    }
}

/// What other nodes are told of each controller listener; one that says nothing of it is reached where it listens.
fn advertised_to_nodes(elements: &[String], controller: &[Listener], map: &ProtocolMap) -> Vec<Listener> {
    let given = parse_listeners("advertised.listeners", elements, map).unwrap_or_default();
    let of = |listener: &Listener| given.iter().find(|one| one.name == listener.name).unwrap_or(listener).clone();
    controller.iter().map(of).collect()
}

fn check_journal(read: &Reader<'_>) -> Result<(), String> {
    let (file, all) = (read.number("thalweg.journal.file.bytes"), read.number("thalweg.journal.max.bytes"));
    if all < file.saturating_mul(4) {
        return Err(format!(
            "thalweg.journal.max.bytes={all}: a journal has at least four files of {file} bytes; use {} or more",
            file.saturating_mul(4)
        ));
    }
    Ok(())
}

fn check_timeouts(read: &Reader<'_>) -> Result<(), String> {
    let (low, high) = (read.number("group.min.session.timeout.ms"), read.number("group.max.session.timeout.ms"));
    if low > high {
        return Err(format!(
            "group.min.session.timeout.ms={low} is above group.max.session.timeout.ms={high}; lower the first or raise the second"
        ));
    }
    Ok(())
}

/// Reads values whose keys and types are known to be right: the tables are constant and a test reads them all.
pub(super) struct Reader<'a> {
    layers: &'a Layers<'a>,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        self.layers.broker_value(lookup(Scope::Broker, name).unwrap_or_else(|| panic!("{name} is no broker key")))
    }

    pub(super) fn number(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            other => panic!("{name} is no number: {other:?}"),
        }
    }

    pub(super) fn int(&self, name: &str) -> i32 {
        i32::try_from(self.number(name)).unwrap_or(i32::MAX)
    }

    fn short(&self, name: &str) -> i16 {
        i16::try_from(self.number(name)).unwrap_or(i16::MAX)
    }

    fn size(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(0)
    }

    fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(0)
    }

    /// None for a negative number, which means no limit.
    fn limit(&self, name: &str) -> Option<i64> {
        Some(self.number(name)).filter(|number| *number >= 0)
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Boolean(true))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.to_string()).filter(|text| !text.is_empty())
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(elements)) => elements,
            _ => Vec::new(),
        }
    }

    fn broker_config(&self, sockets: Sockets, cluster: ClusterConfig) -> BrokerConfig {
        let buffer = |name: &str| self.limit(name).and_then(|bytes| u32::try_from(bytes).ok());
        BrokerConfig {
            node_id: self.node_id(),
            rack: self.text("broker.rack"),
            log_dirs: self.log_dirs(),
            listeners: sockets.listeners,
            advertised_listeners: sockets.advertised,
            controller_listeners: sockets.controller,
            advertised_controller_listeners: sockets.advertised_controller,
            registration_timeout_ms: self.number("initial.broker.registration.timeout.ms"),
            cluster,
            auto_create_topics: self.boolean("auto.create.topics.enable"),
            delete_topics: self.boolean("delete.topic.enable"),
            default_partitions: self.int("num.partitions"),
            default_replication_factor: self.short("default.replication.factor"),
            max_request_bytes: self.size("socket.request.max.bytes"),
            max_queued_requests: self.count("queued.max.requests"),
            max_queued_request_bytes: self.limit("queued.max.request.bytes").map(i64::unsigned_abs),
            max_idle_ms: self.limit("connections.max.idle.ms"),
            max_connections: self.count("max.connections"),
            max_connections_per_ip: self.count("max.connections.per.ip"),
            max_connections_per_ip_overrides: self.per_ip_overrides(),
            max_connection_rate: self.size("max.connection.creation.rate"),
            listen_backlog: self.size("socket.listen.backlog.size"),
            send_buffer_bytes: buffer("socket.send.buffer.bytes"),
            receive_buffer_bytes: buffer("socket.receive.buffer.bytes"),
            fetch_max_bytes: self.size("fetch.max.bytes"),
            fetch_session_slots: self.count("max.incremental.fetch.session.cache.slots"),
            max_partitions_per_answer: self.count("max.request.partition.size.limit"),
            io_threads: self.layers.server.get("num.io.threads").map(|_| self.count("num.io.threads")),
            background_threads: self.count("background.threads"),
            recovery_threads: self.count("num.recovery.threads.per.data.dir"),
            retention_check_interval_ms: self.number("log.retention.check.interval.ms"),
            flush_check_interval_ms: self.number("log.flush.scheduler.interval.ms"),
            recovery_checkpoint_interval_ms: self.number("log.flush.offset.checkpoint.interval.ms"),
            start_offset_checkpoint_interval_ms: self.number("log.flush.start.offset.checkpoint.interval.ms"),
            high_watermark_checkpoint_interval_ms: self.number("replica.high.watermark.checkpoint.interval.ms"),
            initial_task_delay_ms: self.number("log.initial.task.delay.ms"),
            unstable_api_versions: self.boolean("unstable.api.versions.enable"),
            journal_file_bytes: self.number("thalweg.journal.file.bytes").unsigned_abs(),
            journal_max_bytes: self.number("thalweg.journal.max.bytes").unsigned_abs(),
            scrub_bytes_per_second: self.number("thalweg.scrub.bytes.per.second").unsigned_abs(),
            scrub_interval_ms: self.number("thalweg.scrub.interval.ms"),
            offsets_topic: self.offsets_topic(),
            transactions_topic: self.transactions_topic(),
            groups: self.groups(),
            transactions: self.transactions(),
        }
    }

    pub(super) fn node_id(&self) -> NodeId {
        let given = ["node.id", "broker.id"].map(|name| match self.value(name) {
            Some(Value::Number(id)) if id >= 0 => NodeId::try_from(id).ok(),
            _ => None,
        });
        given.into_iter().flatten().next().unwrap_or(1)
    }

    fn log_dirs(&self) -> Vec<String> {
        let several = self.list("log.dirs");
        if several.is_empty() { self.list("log.dir") } else { several }
    }

    /// `host:count` pairs; hosts that are names are left to the operator's firewall.
    fn per_ip_overrides(&self) -> BTreeMap<IpAddr, usize> {
        let text = self.text("max.connections.per.ip.overrides").unwrap_or_default();
        let pair = |element: &str| {
            let (host, count) = element.trim().rsplit_once(':')?;
            Some((host.trim_matches(['[', ']']).parse().ok()?, count.trim().parse().ok()?))
        };
        text.split(',').filter_map(pair).collect()
    }

    fn offsets_topic(&self) -> CoordinatorTopic {
        CoordinatorTopic {
            partitions: self.int("offsets.topic.num.partitions"),
            replication_factor: self.short("offsets.topic.replication.factor"),
            segment_bytes: self.size("offsets.topic.segment.bytes"),
            min_insync_replicas: None,
        }
    }

    fn transactions_topic(&self) -> CoordinatorTopic {
        CoordinatorTopic {
            partitions: self.int("transaction.state.log.num.partitions"),
            replication_factor: self.short("transaction.state.log.replication.factor"),
            segment_bytes: self.size("transaction.state.log.segment.bytes"),
            min_insync_replicas: Some(self.size("transaction.state.log.min.isr")),
        }
    }

    fn groups(&self) -> GroupLimits {
        GroupLimits {
            initial_rebalance_delay_ms: self.number("group.initial.rebalance.delay.ms"),
            min_session_timeout_ms: self.number("group.min.session.timeout.ms"),
            max_session_timeout_ms: self.number("group.max.session.timeout.ms"),
            max_size: self.int("group.max.size"),
            offset_metadata_max_bytes: self.size("offset.metadata.max.bytes"),
            offsets_retention_ms: self.number("offsets.retention.minutes") * 60_000,
            offsets_retention_check_interval_ms: self.number("offsets.retention.check.interval.ms"),
            offsets_commit_timeout_ms: self.number("offsets.commit.timeout.ms"),
            consumer_session_timeout_ms: self.number("group.consumer.session.timeout.ms"),
            consumer_heartbeat_interval_ms: self.number("group.consumer.heartbeat.interval.ms"),
            consumer_assignment_interval_ms: self.number("group.consumer.assignment.interval.ms"),
            consumer_max_size: self.int("group.consumer.max.size"),
        }
    }

    fn transactions(&self) -> TransactionLimits {
        TransactionLimits {
            max_timeout_ms: self.number("transaction.max.timeout.ms"),
            id_expiration_ms: self.number("transactional.id.expiration.ms"),
            abort_timed_out_interval_ms: self.number("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
            remove_expired_interval_ms: self.number("transaction.remove.expired.transaction.cleanup.interval.ms"),
            verify_partitions: self.boolean("transaction.partition.verification.enable"),
            producer_id_expiration_ms: self.number("producer.id.expiration.ms"),
            producer_id_expiration_check_interval_ms: self.number("producer.id.expiration.check.interval.ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;
    use crate::metadata_image::Configs;

    fn resolve(properties: &str) -> Result<BrokerConfig, String> {
        let mut server = ServerConfig::new();
        server.add_properties("server.properties", properties);
        let nothing = Configs::new();
        let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
        BrokerConfig::resolve(&layers).map_err(|problems| problems.to_string())
    }

    fn shown(listeners: &[Listener]) -> Vec<String> {
        listeners.iter().map(Listener::to_string).collect()
    }

    #[test]
    fn a_server_that_was_given_nothing_listens_on_9092() {
        let config = resolve("").expect("right");
        assert_eq!(shown(&config.listeners), ["PLAINTEXT://:9092"]);
        assert_eq!(config.advertised_listeners, config.listeners);
        assert_eq!(config.log_dirs, ["/tmp/kafka-logs"]);
        assert_eq!((config.node_id, config.default_partitions, config.io_threads), (1, 1, None));
        assert_eq!(config.groups.offsets_retention_ms, 7 * 24 * 3_600_000);
        assert_eq!(config.max_queued_request_bytes, None);
    }

    #[test]
    fn the_properties_that_ship_with_kafka_are_understood() {
        let config = resolve(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
             listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
             advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n\
             num.network.threads=3\nnum.io.threads=8\nlog.dirs=/tmp/a, /tmp/b\nnum.recovery.threads.per.data.dir=2\n",
        )
        .expect("right");
        assert_eq!(shown(&config.listeners), ["PLAINTEXT://:9092"]);
        assert_eq!(shown(&config.advertised_listeners), ["PLAINTEXT://localhost:9092"]);
        assert_eq!(shown(&config.controller_listeners), ["CONTROLLER://:9093"]);
        assert_eq!(config.log_dirs, ["/tmp/a", "/tmp/b"]);
        assert_eq!(config.io_threads, Some(8));
    }

    #[test]
    fn a_listener_that_is_not_advertised_under_another_address_is_advertised_as_it_is() {
        let config = resolve(
            "listeners=IN://localhost:1,OUT://:2\nlistener.security.protocol.map=IN:PLAINTEXT,OUT:PLAINTEXT\n\
             advertised.listeners=OUT://example.com:443",
        )
        .expect("right");
        assert_eq!(shown(&config.advertised_listeners), ["IN://localhost:1", "OUT://example.com:443"]);
    }

    #[test]
    fn the_old_name_of_the_node_id_still_counts_when_the_new_one_is_not_given() {
        assert_eq!(resolve("broker.id=7").expect("right").node_id, 7);
        assert_eq!(resolve("broker.id=7\nnode.id=8").expect("right").node_id, 8);
        assert_eq!(resolve("broker.id=-1").expect("right").node_id, 1);
    }

    #[test]
    fn what_cannot_be_had_is_refused_with_a_way_out() {
        for (given, part) in [
            ("listeners=SSL://:9093", "cannot protect connections yet"),
            ("listeners=PLAINTEXT://0.0.0.0:9092", "set advertised.listeners"),
            ("advertised.listeners=SSL://a:1", "nothing listens as SSL"),
            ("listeners=CONTROLLER://:1\ncontroller.listener.names=CONTROLLER", "none is left for clients"),
            ("process.roles=broker", "set controller.quorum.voters"),
            ("controller.quorum.voters=2@a:1", "is a controller and not in the list"),
            ("controller.quorum.voters=1@a:1,1@b:1", "is there twice"),
            ("controller.quorum.voters=1@a", "is not id@host:port"),
            ("controller.quorum.voters=1@a:1,2@b:1,3@c:1", "controller.listener.names"),
            ("process.roles=broker\ncontroller.quorum.voters=1@a:1", "is a voter and no controller"),
            ("inter.broker.listener.name=IN", "nothing listens as IN"),
            ("broker.session.timeout.ms=1000", "every broker would be fenced"),
            ("thalweg.journal.file.bytes=65536\nthalweg.journal.max.bytes=65536", "use 262144 or more"),
            ("group.min.session.timeout.ms=10\ngroup.max.session.timeout.ms=5", "above group.max"),
            ("num.partitions=0", "below 1"),
        ] {
            let problem = resolve(given).expect_err(given);
            assert!(problem.contains(part), "{given}: {problem}");
        }
    }

    #[test]
    fn limits_by_address_are_read() {
        let config = resolve("max.connections.per.ip.overrides=127.0.0.1:5, [::1]:6,host:7").expect("right");
        let found: Vec<_> = config.max_connections_per_ip_overrides.into_iter().collect();
        assert_eq!(found, [([127, 0, 0, 1].into(), 5), ("::1".parse().expect("an address"), 6)]);
    }
}
