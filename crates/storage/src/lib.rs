//! The partition log on a disk: segments, journal, indexes, recovery, retention
