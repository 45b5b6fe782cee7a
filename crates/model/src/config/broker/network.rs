//! Keys of listeners, connections and requests, by name.

use super::super::key::{ConfigKey, class, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    list("advertised.listeners").works("What clients are told to connect to, where that is not what `listeners` says."),
    class("client.quota.callback.class").without_effect("the runtime schedules connections by itself", "A setting of the network side: client quota callback class."),
    int("connection.failed.authentication.delay.ms").default("100").without_effect("the runtime schedules connections by itself", "A setting of the network side: connection failed authentication delay ms."),
    long("connections.max.idle.ms").default("600000").works("Connections without a request for this long are closed; -1 keeps them."),
    long("connections.max.reauth.ms").default("0").without_effect("the runtime schedules connections by itself", "A setting of the network side: connections max reauth ms."),
    int("fetch.max.bytes").default("57671680").at_least(1024).works("The most bytes one fetch answer holds, whatever the client allows; at least one batch always comes."),
    int("fetch.purgatory.purge.interval.requests").default("1000").without_effect("the runtime schedules connections by itself", "A setting of the network side: fetch purgatory purge interval requests."),
    string("listener.security.protocol.map").default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT").dynamic().works("Which security protocol each listener name stands for."),
    list("listeners").default("PLAINTEXT://:9092").dynamic().works("Where the server listens, as NAME://host:port, separated by commas."),
    int("max.connection.creation.rate").default("2147483647").dynamic().works("A setting of the network side: max connection creation rate."),
    int("max.connections").default("2147483647").at_least(0).dynamic().works("Connections of the whole server at most; further ones wait."),
    int("max.connections.per.ip").default("2147483647").at_least(0).dynamic().works("Connections from one address at most; further ones are closed."),
    string("max.connections.per.ip.overrides").default("").dynamic().works("Other bounds for some addresses, as address:count."),
    int("max.incremental.fetch.session.cache.slots").default("1000").at_least(0).works("Fetch sessions that the server remembers at most."),
    int("max.request.partition.size.limit").default("2000").works("A setting of the network side: max request partition size limit."),
    int("num.network.threads").default("3").dynamic().without_effect("the runtime schedules connections by itself", "A setting of the network side: num network threads."),
    long("queued.max.request.bytes").default("-1").works("Bytes of requests that are received or worked on at most; -1 for our own bound."),
    int("queued.max.requests").default("500").at_least(1).works("A setting of the network side: queued max requests."),
    int("quota.window.num").default("11").without_effect("the runtime schedules connections by itself", "A setting of the network side: quota window num."),
    int("quota.window.size.seconds").default("1").without_effect("the runtime schedules connections by itself", "A setting of the network side: quota window size seconds."),
    int("request.timeout.ms").default("30000").without_effect("the runtime schedules connections by itself", "A setting of the network side: request timeout ms."),
    long("socket.connection.setup.timeout.max.ms").default("30000").without_effect("the runtime schedules connections by itself", "A setting of the network side: socket connection setup timeout max ms."),
    long("socket.connection.setup.timeout.ms").default("10000").without_effect("the runtime schedules connections by itself", "A setting of the network side: socket connection setup timeout ms."),
    int("socket.listen.backlog.size").default("50").works("A setting of the network side: socket listen backlog size."),
    int("socket.receive.buffer.bytes").default("102400").works("A setting of the network side: socket receive buffer bytes."),
    int("socket.request.max.bytes").default("104857600").at_least(1).works("The largest request that is accepted."),
    int("socket.send.buffer.bytes").default("102400").works("A setting of the network side: socket send buffer bytes."),
];
