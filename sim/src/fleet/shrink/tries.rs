//! Tries of smaller plans: each is a process that plays a `.repro` file, under a few schedules, within a time limit.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the fleet lives outside of every simulated world

use super::signature::Signature;
use crate::fleet::children::run_each_within;
use crate::fleet::{Child, Ended, Ending};
use crate::plan::Plan;
use crate::repro::Repro;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One schedule after another lies so far apart, so that no seed of a fleet is another's schedule.
const BETWEEN_SCHEDULES: u64 = 1_000_003;
/// A try may take so many times as long as the whole run took, and at least so long.
const PATIENCE: (u32, Duration) = (4, Duration::from_secs(20));

/// What is small is tried under more schedules, as many as take the time of the fewest in the beginning, up to so many: the
/// less there is, the more the anomaly depends on chance.
const MOST_SCHEDULES: u64 = 24;

/// A plan that still shows the anomaly, and what it found.
pub struct Shown {
    /// Its place among those that were asked for.
    pub place: usize,
    /// The plan, with the schedule under which it does.
    pub plan: Plan,
    /// What was found.
    pub ending: Ending,
}

/// Makes tries.
pub struct Tries {
    /// How many there were.
    pub made: u64,
    /// No further one begins from then on.
    pub deadline: Instant,
    /// So many at the same time.
    pub jobs: usize,
    /// Schedules that each plan is tried under, at least.
    schedules: u64,
    /// What each process is told besides.
    pub arguments: Vec<String>,
    repro: Repro,
    directory: PathBuf,
    limit: Option<Duration>,
    /// How long the whole run takes, and how long a try took lately.
    paces: (Duration, Duration),
}

impl Tries {
    /// None made yet. Their files go to a directory of their own, which is taken away in the end.
    pub fn new(repro: &Repro, (jobs, schedules): (usize, u64), deadline: Instant, arguments: Vec<String>) -> Tries {
        let directory = std::env::temp_dir().join(format!("sim-shrink-{}", std::process::id()));
        let (repro, paces) = (repro.clone(), (Duration::ZERO, Duration::ZERO));
        Tries { made: 0, deadline, jobs, schedules, arguments, repro, directory, limit: None, paces }
    }

    /// Plays a plan as it is; none when the run died.
    pub fn play(&mut self, plan: &Plan) -> Option<Ending> {
        let begun = Instant::now();
        let file = self.write(plan, 0, 0);
        let child = self.child(plan.seed, &file);
        let mut ending = None;
        run_each_within(std::iter::once(child), 1, None, |ended| {
            ending = ended.report.map(|report| report.ending);
            true
        });
        let took = begun.elapsed();
        self.limit = Some(PATIENCE.1.max(took * PATIENCE.0));
        self.paces = (took, took);
        self.made += 1;
        ending
    }

    /// The first of some plans that shows `target` under some schedule.
    pub fn first(&mut self, plans: impl Iterator<Item = Plan> + Send, target: &Signature) -> Option<Shown> {
        let begun = Instant::now();
        let (this, deadline, schedules) = (&*self, self.deadline, self.schedules());
        let names = topic_names(&self.repro.plan);
        let (mut shown, mut made) = (None, 0);
        let children = plans.enumerate().flat_map(move |(place, plan)| {
            (0..schedules).map(move |schedule| {
                let file = this.write(&plan, place, schedule);
                this.child(schedule_of(plan.seed, schedule), &file)
            })
        });
        let in_time = children.take_while(move |_| Instant::now() < deadline);
        run_each_within(in_time, self.jobs, self.limit, |ended| {
            made += 1;
            if shown.is_none() {
                shown = shows(&ended, target, &names);
            }
            shown.is_none()
        });
        self.made += made;
        if made > 0 {
            self.paces.1 = begun.elapsed() * self.jobs as u32 / made as u32;
        }
        shown
    }

    fn schedules(&self) -> u64 {
        let (whole, lately) = self.paces;
        let times = whole.as_micros() as u64 / (lately.as_micros() as u64).max(1);
        (self.schedules * times).clamp(self.schedules, MOST_SCHEDULES.max(self.schedules))
    }

    fn write(&self, plan: &Plan, place: usize, schedule: u64) -> PathBuf {
        let plan = Plan { seed: schedule_of(plan.seed, schedule), ..plan.clone() };
        let file = self.directory.join(format!("{place}-{schedule}.repro"));
        let text = Repro { plan, ..self.repro.clone() }.text();
        let written = fs::create_dir_all(&self.directory).and_then(|()| fs::write(&file, text));
        written.unwrap_or_else(|error| panic!("{} cannot be written: {error}", file.display()));
        file
    }

    fn child(&self, seed: u64, file: &Path) -> Child {
        let mut arguments = self.arguments.clone();
        arguments.extend(["--repro".to_owned(), file.display().to_string()]);
        Child { seed, arguments }
    }
}

impl Drop for Tries {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory); // only of use while it is used
    }
}

fn schedule_of(seed: u64, schedule: u64) -> u64 {
    seed.wrapping_add(schedule.wrapping_mul(BETWEEN_SCHEDULES))
}

/// The names of all topics of a plan.
pub fn topic_names(plan: &Plan) -> Vec<String> {
    let offsets = plan.groups.iter().map(|groups| groups.offsets.name.clone());
    plan.world.topics.iter().map(|topic| topic.name.clone()).chain(offsets).collect()
}

/// What a run has shown, if it is what is looked for: the plan is read back from the file that was played.
fn shows(ended: &Ended, target: &Signature, names: &[String]) -> Option<Shown> {
    let ending = ended.report.as_ref()?.ending.clone();
    if !Signature::all(&ending, names).contains(target) {
        return None;
    }
    let file = Path::new(ended.child.arguments.last()?);
    let place = file.file_stem()?.to_str()?.split('-').next()?.parse().ok()?;
    let plan = Repro::read(&fs::read_to_string(file).ok()?).ok()?.plan;
    Some(Shown { place, plan, ending })
}
