//! Crash points: a short history of a log directory is recorded, cut short at every disk operation, and what the disk
//! may hold then is opened again and compared with a model.
//!
//! [`history`] says what is done, [`run`] does it and notes what was acknowledged when, [`life`] is the model of one
//! partition, [`found`] reads what opening finds, [`judge`] compares the two, and [`explore`] goes through the crashes:
//! first those of the history, then those of the recovery (and of a little work after it) from each of a choice of
//! them. Two worlds run it, each a [`machine`]: real directories in a plain `cargo test`, and simulated disks under
//! `cargo sim crash-points`.
#![allow(dead_code)] // neither world uses all of it

pub mod batch;
pub mod explore;
pub mod found;
pub mod histories;
pub mod history;
pub mod judge;
pub mod ledger;
pub mod life;
pub mod machine;
pub mod run;
