//! Profiles: what kind of world, how long a run is, and below what it proves too little to count.

use std::time::Duration;

/// What kind of world a run simulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name on the command line.
    pub name: &'static str,
    /// How many nodes there are.
    pub size: Size,
    /// What goes wrong.
    pub mood: Mood,
    /// Simulated time under faults.
    pub faults_for: Duration,
    /// Faults below which a run fails as too tame.
    pub least_faults: u64,
    /// Acknowledged writes below which the median run of a fleet fails as too idle.
    pub least_acknowledged: u64,
}

/// What goes wrong in a world, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Every kind that a seed draws, every few seconds.
    Wild,
    /// Every kind, a tenth as often: what only comes after a long time has that time.
    Mild,
    /// Only what disks do, and the ends of processes that bring it out.
    BadDisks,
}

/// How many nodes a world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// One, broker and controller at once.
    OneNode,
    /// Three to seven, as the seed draws.
    Cluster,
    /// One to five, with consumer groups.
    Groups,
    /// Exactly so many, in a cluster with so many clients: to measure with.
    Exactly {
        /// Nodes.
        nodes: u64,
        /// Clients, more than the five that there always are.
        clients: u64,
    },
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// All profiles; the first is the default.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "standard",
        size: Size::OneNode,
        mood: Mood::Wild,
        faults_for: seconds(60),
        least_faults: 10,
        least_acknowledged: 2000,
    },
    Profile {
        name: "smoke",
        size: Size::OneNode,
        mood: Mood::Wild,
        faults_for: seconds(15),
        least_faults: 3,
        least_acknowledged: 300,
    },
    Profile {
        name: "cluster",
        size: Size::Cluster,
        mood: Mood::Wild,
        faults_for: seconds(60),
        least_faults: 10,
        least_acknowledged: 1500,
    },
    Profile {
        name: "cluster-smoke",
        size: Size::Cluster,
        mood: Mood::Wild,
        faults_for: seconds(15),
        least_faults: 3,
        least_acknowledged: 200,
    },
    Profile {
        name: "groups",
        size: Size::Groups,
        mood: Mood::Wild,
        faults_for: seconds(76),
        least_faults: 10,
        least_acknowledged: 1000,
    },
    Profile {
        name: "five-brokers",
        size: Size::Exactly { nodes: 5, clients: 8 },
        mood: Mood::Wild,
        faults_for: seconds(60),
        least_faults: 10,
        least_acknowledged: 1500,
    },
    Profile {
        name: "storage",
        size: Size::OneNode,
        mood: Mood::BadDisks,
        faults_for: seconds(60),
        least_faults: 10,
        least_acknowledged: 2000,
    },
    Profile {
        name: "soak",
        size: Size::Cluster,
        mood: Mood::Mild,
        faults_for: seconds(600),
        least_faults: 10,
        least_acknowledged: 15_000,
    },
];

impl Profile {
    /// The profile with this name.
    pub fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// The same for another simulated time; what is asked of a run shrinks and grows with it.
    pub fn lasting(self, time: Duration) -> Profile {
        let scaled = |count: u64| (count as f64 * time.as_secs_f64() / self.faults_for.as_secs_f64()) as u64;
        let (least_faults, least_acknowledged) = (scaled(self.least_faults), scaled(self.least_acknowledged));
        Profile { faults_for: time, least_faults, least_acknowledged, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_a_run_follows_its_length() {
        let standard = Profile::named("standard").unwrap();
        let half = standard.lasting(Duration::from_secs(30));
        assert_eq!((half.least_faults, half.least_acknowledged), (5, 1000));
        assert_eq!(Profile::named("none"), None);
    }
}
