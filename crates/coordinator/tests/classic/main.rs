//! Stories of classic groups and of offsets, each on a coordinator whose log is read by fresh machines after every append,
//! whole and compacted, which must know the same.

mod cluster;
mod joins;
mod member;
