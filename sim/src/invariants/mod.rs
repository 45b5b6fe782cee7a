//! What holds at every moment, seen from inside: one statement a file. Checked every few events while a cluster runs; what
//! does not hold ends the run.

mod acknowledged_where_promised;
mod committed_is_the_same;
pub mod groups_are_their_log;
mod high_watermark_never_goes_back;
mod metadata_is_the_same;
mod one_controller_an_epoch;
mod one_leader_an_epoch;
mod promises;
mod who_is_heard_is_not_fenced;
mod who_may_lead_has_what_was_acknowledged;

use crate::clients::Chronicle;
use crate::plan::Plan;
use crate::run::{Atlas, Cluster};
use acknowledged_where_promised::AcknowledgedWherePromised;
use committed_is_the_same::CommittedIsTheSame;
use metadata_is_the_same::MetadataIsTheSame;
use one_controller_an_epoch::OneControllerAnEpoch;
use one_leader_an_epoch::OneLeaderAnEpoch;
pub use promises::Promises;
use runtime::simulation::stream;
use runtime::time::{Duration, sleep};
use std::sync::{Arc, Mutex};
use who_is_heard_is_not_fenced::WhoIsHeard;
use who_may_lead_has_what_was_acknowledged::WhoMayLead;

/// How the panic of an invariant begins.
pub const PREFIX: &str = "invariant: ";

/// Fails the run.
macro_rules! violated {
    ($($what:tt)*) => { panic!("{}{}", $crate::invariants::PREFIX, format_args!($($what)*)) };
}
use violated;

/// Looks every few milliseconds, at whatever moment that is.
const EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(60));
/// Logs are compared once in so many looks.
const LOGS_EVERY: u64 = 16;

/// What topics promised so far.
pub type SharedPromises = Arc<Mutex<Promises>>;

/// Checks for ever.
pub async fn watch(plan: Plan, cluster: Cluster, atlas: Atlas, chronicle: Chronicle, promises: SharedPromises) {
    let mut dice = stream("invariants");
    let acknowledged = AcknowledgedWherePromised::new(cluster.clone(), promises.clone());
    chronicle.observe(acknowledged);
    let who_may_lead = WhoMayLead::new(cluster.clone(), atlas, promises.clone());
    chronicle.observe(who_may_lead.clone());
    let mut heard = WhoIsHeard::new(&plan);
    let mut leaders = OneLeaderAnEpoch::default();
    let mut controllers = OneControllerAnEpoch::default();
    let mut metadata = MetadataIsTheSame::default();
    let mut committed = CommittedIsTheSame::default();
    for look in 0_u64.. {
        sleep(dice.duration(EVERY.0, EVERY.1)).await;
        let firm = promises.lock().expect("no panic inside").look(&cluster).firm();
        leaders.check(&cluster);
        controllers.check(&cluster);
        metadata.check(&cluster);
        high_watermark_never_goes_back::check(&cluster, &firm);
        who_may_lead.check();
        heard.check(&cluster);
        if look.is_multiple_of(LOGS_EVERY) {
            committed.check(&cluster, &firm).await;
        }
    }
}

/// Compares all copies from their start to their end, when all is well.
pub async fn compare_everything(cluster: &Cluster, promises: &SharedPromises) {
    let firm = promises.lock().expect("no panic inside").firm();
    let mut committed = CommittedIsTheSame::default();
    while committed.check(cluster, &firm).await {}
}
