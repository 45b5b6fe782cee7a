//! What a checker found.

use crate::history::OperationId;
use model::TopicPartition;
use std::collections::BTreeMap;
use std::fmt;

macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident $name:literal)*) => {
        /// The classes of anomaly, each judged in a file of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class { $($(#[$doc])* $class),* }

        impl Class {
            /// Every class.
            pub const ALL: &[Class] = &[$(Class::$class),*];

            /// Its name in words.
            pub const fn name(self) -> &'static str {
                match self { $(Class::$class => $name),* }
            }
        }
    };
}

classes! {
    /// An acknowledged record is not in the final log.
    LostWrite "lost-write"
    /// The last record of a key is not in a compacted log.
    LostKey "lost-key"
    /// A record that was read is gone, though nobody was told that it was written.
    VanishedRead "vanished-read"
    /// One record is in the log twice.
    Duplicate "duplicate"
    /// Two records were seen at one offset.
    InconsistentOffsets "inconsistent-offsets"
    /// An acknowledged record that a reader that follows the log never got.
    Unseen "unseen"
    /// One read left records out.
    InternalPollSkip "internal-poll-skip"
    /// A reader's next read began too late.
    ExternalPollSkip "external-poll-skip"
    /// Offsets went backwards in one read, or from one read to the next.
    NonmonotonicPoll "nonmonotonic-poll"
    /// The records of one batch are not in the log as one, in order.
    TornBatch "torn-batch"
    /// A write that began after another was acknowledged went before it.
    NonmonotonicSend "nonmonotonic-send"
    /// The records of one idempotent producer are not in the order it sent them.
    ProducerOrder "producer-order"
    /// A record of an earlier epoch of a producer follows one of a later epoch.
    ZombieWrite "zombie-write"
    /// A producer that did everything right was told that it is out of order.
    ForgottenSequence "forgotten-sequence"
    /// An error that no right broker gives.
    UnexpectedError "unexpected-error"
    /// Leader epochs go back along the log.
    EpochOrder "epoch-order"
    /// A write that was refused, or that was not committed yet, was read.
    AbortedRead "aborted-read"
    /// A record that came back is not what was sent.
    Corruption "corruption"
    /// Offsets between log start and end that hold nothing.
    Hole "hole"
    /// A high watermark below what was acknowledged before.
    StaleHighWatermark "stale-high-watermark"
    /// A high watermark below one that was seen before.
    HighWatermarkRegress "high-watermark-regress"
    /// A lookup of an offset that contradicts the log.
    WrongOffsetLookup "wrong-offset-lookup"
    /// A reader was told that the log ends before what it has read, or that an offset is not in it that is.
    WrongOutOfRange "wrong-out-of-range"
    /// A log start below one that was seen before.
    LogStartRegress "log-start-regress"
    /// Records that were deleted were read again.
    DeletedReturned "deleted-returned"
    /// A topic, or its records, came back after its deletion.
    ResurrectedTopic "resurrected-topic"
    /// A topic that was created and not deleted is gone.
    LostTopic "lost-topic"
    /// Partitions, replicas or a leader are not as an administrator was told that they would be.
    ForgottenDeed "forgotten-deed"
    /// A config that was set has another value.
    ForgottenConfig "forgotten-config"
    /// A partition is not served, in peace, though nothing excuses it.
    Unavailable "unavailable"
    /// Two members of a group were given the same partition.
    DoubleOwner "double-owner"
    /// A commit was taken from a member that the group had gone on without.
    ZombieCommit "zombie-commit"
    /// Somebody who is no member changed what a group with members has committed, or deleted it.
    Intrusion "intrusion"
    /// An acknowledged commit is gone once all is well.
    LostCommit "lost-commit"
    /// A lookup of a committed offset was told what had been replaced before.
    StaleCommitRead "stale-commit-read"
    /// A lookup of a committed offset was told what nobody committed.
    WrongCommit "wrong-commit"
    /// A group committed an offset, and none of its members got a record before it.
    SkippedRecord "skipped-record"
    /// The group went on without a member that did everything right.
    NeedlessEviction "needless-eviction"
    /// A group is not served, in peace, though nothing excuses it.
    GroupUnavailable "group-unavailable"
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that was promised not to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind.
    pub class: Class,
    /// Where; `None` for what concerns a topic or the cluster.
    pub partition: Option<TopicPartition>,
    /// One sentence that a person can check against the history.
    pub witness: String,
    /// The operations it speaks of.
    pub operations: Vec<OperationId>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.witness)
    }
}

/// How often what would be an anomaly was allowed by a row of the promise table.
pub type Allowed = BTreeMap<(Class, &'static str), u64>;

/// What came of judging a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// At most [`Verdict::KEPT`] of each class, the first ones found.
    pub anomalies: Vec<Anomaly>,
    /// All, by class.
    pub counts: BTreeMap<Class, u64>,
    /// What the promise table allowed, by its reasons.
    pub allowed: Allowed,
    /// Operations that could not be judged because they overlap the deletion or creation of their topic.
    pub ambiguous: u64,
    /// Acknowledged records that were looked for, and found or not.
    pub judged: u64,
}

impl Verdict {
    /// Anomalies kept for each class.
    pub const KEPT: u64 = 8;

    /// Whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    /// Notes an anomaly.
    pub fn report(&mut self, anomaly: Anomaly) {
        let count = self.counts.entry(anomaly.class).or_insert(0);
        *count += 1;
        if *count <= Verdict::KEPT {
            self.anomalies.push(anomaly);
        }
    }

    /// Notes something that a row of the promise table allows.
    pub fn allow(&mut self, class: Class, because: &'static str) {
        *self.allowed.entry((class, because)).or_insert(0) += 1;
    }
}
