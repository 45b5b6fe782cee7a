//! Making, deleting and refusing topics.

use crate::config::key::{ConfigKey, Valid, boolean, class, int, long, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    boolean("auto.create.topics.enable").default("true").works("A topic that a client asks for by name is made when it does not exist."),
    int("num.partitions").default("1").at_least(1).works("Partitions of a topic that is made without a number of them."),
    int("default.replication.factor").default("1").works("Replicas of a topic that is made without a number of them."),
    boolean("delete.topic.enable").default("true").works("Topics may be deleted."),
    class("create.topic.policy.class.name").refused("a policy is Java code, which cannot run here, and to ignore it would let through what it should refuse; remove it", "A class that may refuse new topics."),
    class("alter.config.policy.class.name").refused("a policy is Java code, which cannot run here, and to ignore it would let through what it should refuse; remove it", "A class that may refuse changes of configs."),
    int("max.request.partition.size.limit").default("2000").at_least(1).works("Most partitions in one answer of DescribeTopicPartitions."),
    int("message.max.bytes").default("1048588").at_least(0).dynamic().works("The largest record batch, after compression, that a topic takes."),
    int("min.insync.replicas").default("1").at_least(1).dynamic().works("Replicas that must have a record before a producer with acks=all hears that it is written."),
    boolean("unclean.leader.election.enable").default("false").dynamic().works("A replica that may lack records can become leader when no other is left; acknowledged records can be lost."),
    long("unclean.leader.election.interval.ms").default("300000").at_least(1).hidden().without_effect("the controller looks as soon as a broker, a replica or a config changes", "Time between searches for partitions that need an unclean leader."),
    string("compression.type").default("producer").valid(Valid::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])).dynamic().works("How records are compressed on disk: one codec for all, or producer to keep what each producer chose."),
    int("compression.gzip.level").default("-1").valid(Valid::DefaultOrBetween(1, 9)).dynamic().works("Level of gzip, from 1 (fast) to 9 (small); -1 for its default."),
    int("compression.lz4.level").default("9").between(1, 17).dynamic().works("Level of lz4, from 1 (fast) to 17 (small)."),
    int("compression.zstd.level").default("3").between(-131_072, 22).dynamic().works("Level of zstd; higher is smaller and slower."),
];
