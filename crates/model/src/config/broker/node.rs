//! Who this server is, and what it shares with the others.

use crate::config::key::{ConfigKey, Valid, boolean, int, list, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("node.id").at_least(0).works("The number of this server in its cluster; 1 when neither this nor broker.id is given."),
    int("broker.id").default("-1").works("The older name of node.id; it counts when node.id is not given."),
    string("broker.rack").works("Where this server stands, as a word of your own; clients and replica placement see it."),
    list("process.roles").valid(Valid::EachOf(&["broker", "controller"])).works("What this process is; a server of one node is broker and controller at once."),
    int("initial.broker.registration.timeout.ms").default("60000").works("How long a starting broker tries to register with the controller before it gives up."),
    int("broker.heartbeat.interval.ms").default("2000").works("Time between a broker's heartbeats to the controller."),
    int("broker.session.timeout.ms").default("9000").works("A broker that is not heard of for this long is fenced and leads nothing."),
    boolean("controlled.shutdown.enable").default("true").works("Before it stops, a broker hands its leaderships to others."),
    list("config.providers").default("").dynamic().later("config providers", "Names of sources that ${name:path:key} in other values may refer to."),
    long("server.max.startup.time.ms").default("9223372036854775807").at_least(0).hidden().without_effect("a start here is never cut short by a clock", "The longest a start may take."),
    boolean("unstable.api.versions.enable").default("false").hidden().later("API versions that Kafka has not released", "Also advertise API versions that Kafka has not released; for tests."),
    boolean("unstable.feature.versions.enable").default("false").hidden().without_effect("there are stable feature levels only", "Also allow feature levels that Kafka has not released; for tests."),
];
