//! What was done to the cluster.

use super::Moment;
use model::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal)*) => {
        /// The kinds of fault, as fine as the promise table and the reports tell them apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FaultKind { $($(#[$doc])* #[serde(rename = $name)] $kind),* }

        impl FaultKind {
            /// Every kind, in the order of the reports.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$kind),*];

            /// Its name in words.
            pub const fn name(self) -> &'static str {
                match self { $(FaultKind::$kind => $name),* }
            }
        }
    };
}

fault_kinds! {
    /// The process dies without warning; the operating system lives on, and with it the page cache.
    ProcessCrash "process crash"
    /// The machine loses power: what was not synced may be lost, whole or in part.
    PowerFailure "power failure"
    /// The process is asked to stop, and started again.
    GracefulRestart "graceful restart"
    /// The process stands still while time moves on.
    Pause "pause"
    /// No packet passes, either way.
    Cut "cut"
    /// Packets pass one way only.
    OneWayCut "one-way cut"
    /// Packets wait until the clog ends.
    Clog "clog"
    /// The link goes down and up in quick turn.
    Flap "flap"
    /// Open connections are reset.
    ConnectionReset "connection reset"
    /// New connections are refused.
    ConnectRefused "connect refused"
    /// New connections hang.
    ConnectHang "connect hang"
    /// Latency has a heavy tail.
    SlowNetwork "slow network"
    /// Packets are lost and sent again later.
    PacketLoss "packet loss"
    /// Little fits through.
    NarrowNetwork "narrow network"
    /// Operations of the disk take long.
    SlowDisk "slow disk"
    /// An operation of the disk does not return for seconds.
    StalledDisk "stalled disk"
    /// A sync fails and leaves the pages marked clean: they are in no place that lasts.
    FailedSync "failed sync"
    /// A write fails with an I/O error.
    FailedWrite "failed write"
    /// A read fails with an I/O error.
    FailedRead "failed read"
    /// No space is left.
    FullDisk "full disk"
    /// A bit flips at rest.
    RotAtRest "rot at rest"
    /// A read returns a flipped bit; the bytes at rest are right.
    RotOnRead "rot on read"
    /// A read returns bytes of another place.
    MisdirectedRead "misdirected read"
    /// A write lands in another place.
    MisdirectedWrite "misdirected write"
    /// A write is acknowledged and synced, and never happened.
    LostWrite "lost write"
    /// The directory is empty after a restart.
    WipedDisk "wiped disk"
    /// The wall clock jumps forward.
    ClockForward "clock jump forward"
    /// The wall clock jumps back.
    ClockBack "clock jump back"
    /// The wall clock runs fast or slow.
    ClockDrift "clock drift"
    /// The wall clock stands still.
    ClockFreeze "clock freeze"
}

/// What a fault of the disk hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Records.
    Segment,
    /// The journal.
    Journal,
    /// An index or a producer snapshot: what can be rebuilt from segments.
    Derived,
    /// A checkpoint, a snapshot of the cluster's metadata, or who and what the directory is.
    Metadata,
    /// The log of the cluster's metadata.
    MetadataLog,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a fault is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultNature {
    /// What.
    pub kind: FaultKind,
    /// Whom it hits.
    pub node: NodeId,
    /// Which kind of file, when it hits one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileKind>,
    /// The partition (`topic-number`) whose file that is, when it is one partition's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Which file, which peer, how much: for people.
    pub detail: String,
}

/// One fault that was injected.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What it was.
    pub nature: FaultNature,
    /// When it began.
    pub began: Moment,
    /// When it ended; `None` while it lasts.
    pub ended: Option<Moment>,
    /// When the node it hit was again in sync in every partition of which it holds a replica; `None` before, and where
    /// there is one node.
    pub repaired: Option<Moment>,
}
