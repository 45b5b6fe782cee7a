//! Records what a report draws: when processes lived, what each node was, how far each replica was, and what was sent.
//! Only looks on, so that a run is the same with it.

mod frames;
mod lives;
mod samples;

use super::cluster::Cluster;
use crate::report::recording::Recording;
use frames::Frames;
use lives::Lives;
use runtime::simulation::net::Written;
use runtime::simulation::trace::Event;
use runtime::simulation::{Onlooker, look_on};
use samples::Samples;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Looks at the state of all nodes so often, in microseconds.
const EVERY: u64 = 20_000;

/// What is recorded so far.
#[derive(Default)]
pub struct Recorder {
    notes: Mutex<Notes>,
    cluster: Mutex<Option<Cluster>>,
}

#[derive(Default)]
struct Notes {
    nodes: u32,
    now: u64,
    over: bool,
    next_look: u64,
    lives: Lives,
    frames: Frames,
    samples: Samples,
}

fn microseconds(at: Duration) -> u64 {
    at.as_micros() as u64
}

impl Recorder {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner) // a run that failed is recorded, too
    }

    /// Looks on from now on.
    pub fn begin(self: &Arc<Recorder>, cluster: &Cluster) {
        self.notes().nodes = cluster.servers.len() as u32;
        *self.cluster.lock().expect("no panic inside") = Some(cluster.clone());
        look_on(self.clone());
    }

    /// Looks no more; to be called before the world ends, and with it every process.
    pub fn end(&self) {
        self.notes().over = true;
        *self.cluster.lock().expect("no panic inside") = None;
    }

    /// What was recorded.
    pub fn recording(&self) -> Recording {
        let notes = std::mem::take(&mut *self.notes());
        let Samples { states, partitions, .. } = notes.samples;
        Recording {
            ended: notes.now,
            nodes: notes.nodes,
            lives: notes.lives.all,
            states,
            partitions,
            messages: notes.frames.messages,
            ..Recording::default()
        }
    }
}

impl Onlooker for Recorder {
    fn happened(&self, event: &Event) {
        let mut notes = self.notes();
        if notes.over {
            return;
        }
        notes.now = microseconds(event.at);
        if (1..=u64::from(notes.nodes)).contains(&event.node) {
            notes.lives.note(event);
        }
    }

    fn written(&self, at: Duration, written: &Written<'_>) {
        self.notes().frames.written(microseconds(at), written);
    }

    fn pause(&self, at: Duration) {
        let now = microseconds(at);
        let cluster = self.cluster.lock().expect("no panic inside").clone();
        let due = {
            let mut notes = self.notes();
            let due = now >= notes.next_look;
            if due {
                notes.next_look = now + EVERY;
            }
            due
        };
        if let (true, Some(cluster)) = (due, cluster) {
            self.notes().samples.look(now, &cluster);
        }
    }
}
