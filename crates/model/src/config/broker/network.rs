//! Listeners, connections and requests.

use crate::config::key::{ConfigKey, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    list("listeners").default("PLAINTEXT://:9092").dynamic().works("Where the server listens: NAME://host:port, separated by commas; an empty host is all addresses."),
    list("advertised.listeners").works("What clients are told to connect to; listeners when not given."),
    string("listener.security.protocol.map").default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT").dynamic().works("The security protocol of each listener name."),
    list("early.start.listeners").without_effect("no listener waits for an authorizer here", "Listeners that open before the authorizer is ready."),
    long("connections.max.idle.ms").default("600000").works("A connection without a request for this long is closed."),
    int("max.connections").default("2147483647").at_least(0).dynamic().works("Most connections at the same time; when reached, new ones wait."),
    int("max.connections.per.ip").default("2147483647").at_least(0).dynamic().works("Most connections from one address; more are closed."),
    string("max.connections.per.ip.overrides").default("").dynamic().works("Other limits for some addresses: host:count, separated by commas."),
    int("max.connection.creation.rate").default("2147483647").at_least(0).dynamic().later("quotas", "Most new connections a second."),
    int("connection.failed.authentication.delay.ms").default("100").at_least(0).later("SASL", "A connection that fails to authenticate is closed only after this long."),
    int("socket.listen.backlog.size").default("50").at_least(1).without_effect("the system's own limit is used", "Connections that the operating system holds until they are accepted."),
    int("socket.receive.buffer.bytes").default("102400").without_effect("the system's own choice, which adapts, is better", "Receive buffer of a socket."),
    int("socket.send.buffer.bytes").default("102400").without_effect("the system's own choice, which adapts, is better", "Send buffer of a socket."),
    int("socket.request.max.bytes").default("104857600").at_least(1).works("A larger request closes its connection."),
    long("socket.connection.setup.timeout.ms").default("10000").without_effect("a connection to another server has a fixed time limit", "How long to wait for a connection to another server at first."),
    long("socket.connection.setup.timeout.max.ms").default("30000").without_effect("a connection to another server has a fixed time limit", "How long to wait for a connection to another server after several failures."),
    int("queued.max.requests").default("500").at_least(1).without_effect("the memory of requests is bounded instead, by queued.max.request.bytes", "Requests in the works at the same time; when reached, connections are not read."),
    long("queued.max.request.bytes").default("-1").works("Memory of the requests in the works; when reached, connections are not read; -1 for a limit that follows socket.request.max.bytes."),
    int("num.io.threads").default("8").at_least(1).dynamic().works("Worker threads; one a core when not given."),
    int("num.network.threads").default("3").at_least(1).dynamic().without_effect("the worker threads do the network's work too", "Threads that read and write sockets."),
    int("request.timeout.ms").default("30000").without_effect("each kind of request to another server has a time limit of its own", "How long this server waits for an answer of another one."),
    int("fetch.max.bytes").default("57671680").at_least(1024).works("The most that one fetch answers with, whatever the client allows."),
    int("max.incremental.fetch.session.cache.slots").default("1000").at_least(0).works("Fetch sessions that are remembered (KIP-227)."),
    int("fetch.purgatory.purge.interval.requests").default("1000").without_effect("waiting requests leave nothing behind here", "Finished fetches between two purges."),
    int("producer.purgatory.purge.interval.requests").default("1000").without_effect("waiting requests leave nothing behind here", "Finished produce requests between two purges."),
    int("delete.records.purgatory.purge.interval.requests").default("1").without_effect("waiting requests leave nothing behind here", "Finished DeleteRecords requests between two purges."),
];
