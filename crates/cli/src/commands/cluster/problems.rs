//! What is wrong with a cluster: each problem with what it means, and what to do.

use super::survey::{Survey, has_lost_replicas};
use client::admin::{DescribedPartition, QuorumDescription, QuorumReplica};
use model::{NodeId, TopicPartition};
use std::collections::BTreeMap;

/// A voter that has not fetched for so long does not follow.
const SILENT_MS: i64 = 10_000;
/// A disk of which less than this part is left is nearly full.
const PART_LEFT: i64 = 50;
/// So many partitions are named in a sentence.
const NAMED: usize = 3;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// For programs: a word for its kind.
    pub kind: &'static str,
    /// What is the matter, and what that means.
    pub what: String,
    /// What to do.
    pub how: String,
    /// The brokers and controllers that it is about.
    pub nodes: Vec<NodeId>,
    /// The partitions that it is about.
    pub partitions: Vec<TopicPartition>,
}

impl Problem {
    fn new(kind: &'static str, what: String, how: impl Into<String>, nodes: Vec<NodeId>) -> Problem {
        Problem { kind, what, how: how.into(), nodes, partitions: Vec::new() }
    }

    /// The problem in a sentence.
    pub fn sentence(&self) -> String {
        format!("{}; {}", self.what, self.how)
    }
}

/// All that is wrong, the worst first.
pub fn problems(survey: &Survey) -> Vec<Problem> {
    let mut problems = quorum(survey);
    problems.extend(unreadable(survey));
    problems.extend(brokers(survey));
    problems.extend(disks(survey));
    problems.extend(partitions(survey));
    problems
}

fn quorum(survey: &Survey) -> Vec<Problem> {
    let quorum = match &survey.quorum {
        Ok(quorum) => quorum,
        Err(error) => {
            let what = format!(
                "no controller leads ({error}): topics cannot be changed, and partitions that lose their leader get no other"
            );
            let how = "start the controllers, of which more than half must run";
            return vec![Problem::new("no-controller", what, how, Vec::new())];
        }
    };
    let silent: Vec<NodeId> =
        quorum.voters.iter().filter(|voter| is_silent(quorum, voter)).map(|voter| voter.node).collect();
    if silent.is_empty() {
        return Vec::new();
    }
    let (voters, following) = (quorum.voters.len(), quorum.voters.len() - silent.len());
    let spare = following.saturating_sub(voters / 2 + 1);
    let verb = if silent.len() == 1 { "does" } else { "do" };
    let meaning = match spare {
        0 => "the loss of one more stops the cluster".to_owned(),
        1 => "one more may be lost".to_owned(),
        _ => format!("{spare} more may be lost"),
    };
    let what = format!(
        "{} {verb} not follow the metadata: {following} of {voters} voters are left, {meaning}",
        named("controller", &silent)
    );
    vec![Problem::new("controller-away", what, start(&silent), silent)]
}

/// By the leader's clock alone: ours may be another.
fn is_silent(quorum: &QuorumDescription, voter: &QuorumReplica) -> bool {
    let leader = quorum.voters.iter().find(|other| other.node == quorum.leader);
    let now = leader.map_or(-1, |leader| leader.last_fetch.max(leader.last_caught_up));
    let heard = voter.last_fetch.max(voter.last_caught_up);
    voter.node != quorum.leader && now >= 0 && now - heard >= SILENT_MS
}

fn unreadable(survey: &Survey) -> Vec<Problem> {
    let Err(error) = &survey.topics else { return Vec::new() };
    let what = format!("the partitions cannot be looked at: {error}");
    vec![Problem::new("unknown", what, "try again; if it stays, look at the brokers' logs", Vec::new())]
}

fn brokers(survey: &Survey) -> Vec<Problem> {
    let fenced = survey.cluster.brokers.iter().filter(|broker| broker.is_fenced).map(|broker| {
        let what = format!(
            "broker {} ({}) is fenced: the controllers do not hear from it, or it has only just come back",
            broker.node,
            broker.view.address()
        );
        Problem::new("broker-fenced", what, start(&[broker.node]), vec![broker.node])
    });
    let mute = survey.directories.iter().filter_map(|(node, answer)| Some((*node, answer.as_ref().err()?)));
    let mute = mute.map(|(node, error)| {
        let what = format!("broker {node} does not answer, although it is not fenced: {error}");
        let how = format!("{}: it may have died a moment ago, or be paused, or cut off", start(&[node]));
        Problem::new("broker-mute", what, how, vec![node])
    });
    fenced.chain(mute).collect()
}

fn disks(survey: &Survey) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (node, directories) in &survey.directories {
        for (path, directory) in directories.iter().flatten() {
            let node = *node;
            match directory {
                Err(error) => {
                    let what = format!("log directory {path} of broker {node} failed: {error}");
                    let how = "look at the broker's log, mend the disk, and start the broker again";
                    problems.push(Problem::new("disk-failed", what, how, vec![node]));
                }
                Ok(view) if view.total_bytes > 0 && view.usable_bytes < view.total_bytes / PART_LEFT => {
                    let percent = 100 / PART_LEFT;
                    let what =
                        format!("the disk of {path} on broker {node} is nearly full: less than {percent} % is left");
                    let how = "make space, or let topics keep less (retention.ms, retention.bytes)";
                    problems.push(Problem::new("disk-full", what, how, vec![node]));
                }
                Ok(_) => {}
            }
        }
    }
    problems
}

/// What is the matter with a partition; those with equal ones are told of together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ailment {
    NoLeader { replicas: Vec<NodeId>, eligible: Vec<NodeId>, last_known: Vec<NodeId> },
    UnderMinimum { in_sync: usize, minimum: usize, missing: Vec<NodeId> },
    OutOfSync { missing: Vec<NodeId> },
}

fn partitions(survey: &Survey) -> Vec<Problem> {
    let mut ailing: BTreeMap<Ailment, Vec<TopicPartition>> = BTreeMap::new();
    for (topic, partition) in survey.partitions() {
        if let Some(ailment) = ailment(partition, survey.min_in_sync.get(topic).copied()) {
            ailing.entry(ailment).or_default().push(TopicPartition::new(topic, partition.partition));
        }
    }
    ailing.into_iter().map(|(ailment, partitions)| ailment.problem(partitions)).collect()
}

fn ailment(partition: &DescribedPartition, minimum: Option<usize>) -> Option<Ailment> {
    let missing = partition.replicas.iter().filter(|replica| !partition.in_sync.contains(replica)).copied().collect();
    if partition.leader < 0 {
        return Some(Ailment::NoLeader {
            replicas: partition.replicas.clone(),
            eligible: partition.in_sync.iter().chain(&partition.eligible).copied().collect(),
            last_known: partition.last_known_eligible.clone(),
        });
    }
    if !has_lost_replicas(partition) {
        return None;
    }
    // A topic with fewer replicas than its minimum has all of them as its minimum.
    let minimum = minimum.map_or(0, |minimum| minimum.min(partition.replicas.len()));
    let in_sync = partition.in_sync.len();
    Some(match in_sync < minimum {
        true => Ailment::UnderMinimum { in_sync, minimum, missing },
        false => Ailment::OutOfSync { missing },
    })
}

impl Ailment {
    fn problem(self, partitions: Vec<TopicPartition>) -> Problem {
        let (which, one) = (list_of(&partitions), partitions.len() == 1);
        let verb = |singular: &'static str, plural: &'static str| if one { singular } else { plural };
        let mut problem = match self {
            Ailment::NoLeader { replicas, eligible, last_known } => {
                let (has, its) = (verb("has", "have"), verb("its", "their"));
                let what = format!(
                    "{which} {has} no leader: nothing can be written or read there, {its} replicas are on {}",
                    named("broker", &replicas)
                );
                Problem::new("no-leader", what, way_to_a_leader(&replicas, &eligible, &last_known), replicas)
            }
            Ailment::UnderMinimum { in_sync, minimum, missing } => {
                let what = format!(
                    "{which} {} no writes with acks=all: {in_sync} in sync, and min.insync.replicas is {minimum}",
                    verb("takes", "take")
                );
                Problem::new("under-min-isr", what, start(&missing), missing)
            }
            Ailment::OutOfSync { missing } => {
                let what = format!(
                    "{which} {} no replica in sync on {}: there are fewer copies than asked for",
                    verb("has", "have"),
                    named("broker", &missing)
                );
                Problem::new("under-replicated", what, start(&missing), missing)
            }
        };
        problem.partitions = partitions;
        problem
    }
}

fn way_to_a_leader(replicas: &[NodeId], eligible: &[NodeId], last_known: &[NodeId]) -> String {
    match (eligible, last_known) {
        ([], []) => format!("start {}", any_of(replicas)),
        ([], last_known) => format!(
            "start {}, the last to have everything; if that is gone for good, \
             `thalweg topic alter TOPIC -c unclean.leader.election.enable=true` takes what is left, and loses the rest",
            any_of(last_known)
        ),
        ([one], _) => format!("start broker {one}, which has everything that was acknowledged"),
        (several, _) => format!("start {}, which have everything that was acknowledged", any_of(several)),
    }
}

fn start(nodes: &[NodeId]) -> String {
    let logs = if nodes.len() == 1 { "its log" } else { "their logs" };
    format!("start {}, or look at {logs}", named("node", nodes))
}

fn any_of(nodes: &[NodeId]) -> String {
    let noun = if nodes.len() == 1 { "broker" } else { "brokers" };
    format!("{noun} {}", numbers(nodes, "or"))
}

fn named(noun: &str, nodes: &[NodeId]) -> String {
    let plural = if nodes.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}", numbers(nodes, "and"))
}

fn numbers(nodes: &[NodeId], word: &str) -> String {
    let numbers: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    match numbers.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
        None => "?".to_owned(),
    }
}

fn list_of(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().take(NAMED).map(ToString::to_string).collect();
    match partitions.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} partitions ({} and {more} more)", partitions.len(), names.join(", ")),
    }
}

#[cfg(test)]
#[path = "problem_stories.rs"]
mod stories;
