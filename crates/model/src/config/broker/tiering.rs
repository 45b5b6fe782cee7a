//! Keys of tiered storage, by name.

use super::super::key::{ConfigKey, boolean, int, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    int("remote.fetch.max.wait.ms").default("500").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote fetch max wait ms."),
    long("remote.list.offsets.request.timeout.ms").default("30000").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote list offsets request timeout ms."),
    long("remote.log.index.file.cache.total.size.bytes").default("1073741824").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log index file cache total size bytes."),
    int("remote.log.manager.copier.thread.pool.size").default("10").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log manager copier thread pool size."),
    long("remote.log.manager.copy.max.bytes.per.second").default("9223372036854775807").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log manager copy max bytes per second."),
    int("remote.log.manager.copy.quota.window.num").default("11").without_effect("there is no tiered storage", "Part of tiered storage: remote log manager copy quota window num."),
    int("remote.log.manager.copy.quota.window.size.seconds").default("1").without_effect("there is no tiered storage", "Part of tiered storage: remote log manager copy quota window size seconds."),
    int("remote.log.manager.expiration.thread.pool.size").default("10").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log manager expiration thread pool size."),
    long("remote.log.manager.fetch.max.bytes.per.second").default("9223372036854775807").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log manager fetch max bytes per second."),
    int("remote.log.manager.fetch.quota.window.num").default("11").without_effect("there is no tiered storage", "Part of tiered storage: remote log manager fetch quota window num."),
    int("remote.log.manager.fetch.quota.window.size.seconds").default("1").without_effect("there is no tiered storage", "Part of tiered storage: remote log manager fetch quota window size seconds."),
    int("remote.log.manager.follower.thread.pool.size").default("2").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log manager follower thread pool size."),
    long("remote.log.manager.task.interval.ms").default("30000").without_effect("there is no tiered storage", "Part of tiered storage: remote log manager task interval ms."),
    int("remote.log.manager.thread.pool.size").default("2").without_effect("there is no tiered storage", "Part of tiered storage: remote log manager thread pool size."),
    int("remote.log.metadata.custom.metadata.max.bytes").default("128").without_effect("there is no tiered storage", "Part of tiered storage: remote log metadata custom metadata max bytes."),
    string("remote.log.metadata.manager.class.name").default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager").without_effect("there is no tiered storage", "Part of tiered storage: remote log metadata manager class name."),
    string("remote.log.metadata.manager.class.path").without_effect("there is no tiered storage", "Part of tiered storage: remote log metadata manager class path."),
    string("remote.log.metadata.manager.impl.prefix").default("rlmm.config.").without_effect("there is no tiered storage", "Part of tiered storage: remote log metadata manager impl prefix."),
    string("remote.log.metadata.manager.listener.name").without_effect("there is no tiered storage", "Part of tiered storage: remote log metadata manager listener name."),
    int("remote.log.reader.max.pending.tasks").default("100").without_effect("there is no tiered storage", "Part of tiered storage: remote log reader max pending tasks."),
    int("remote.log.reader.threads").default("10").dynamic().without_effect("there is no tiered storage", "Part of tiered storage: remote log reader threads."),
    string("remote.log.storage.manager.class.name").without_effect("there is no tiered storage", "Part of tiered storage: remote log storage manager class name."),
    string("remote.log.storage.manager.class.path").without_effect("there is no tiered storage", "Part of tiered storage: remote log storage manager class path."),
    string("remote.log.storage.manager.impl.prefix").default("rsm.config.").without_effect("there is no tiered storage", "Part of tiered storage: remote log storage manager impl prefix."),
    boolean("remote.log.storage.system.enable").default("false").refused("there is no tiered storage", "Part of tiered storage: remote log storage system enable."),
];
