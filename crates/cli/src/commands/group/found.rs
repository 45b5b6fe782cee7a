//! Groups that are asked for by name.

use crate::explain::explain;
use client::admin::DescribedGroup;
use client::{Admin, Cluster};

/// Those that are there, in the order in which they were asked for, and what is wrong with the others.
pub async fn find(cluster: &Cluster, groups: &[String]) -> (Vec<DescribedGroup>, Vec<String>) {
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let mut described = Admin::new(cluster).describe_groups(&names).await;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for group in groups {
        match described.remove(group) {
            Some(Ok(group)) => found.push(group),
            Some(Err(error)) => failures.push(format!("{:#}", explain(cluster, error))),
            None => {} // it was asked for twice
        }
    }
    (found, failures)
}

/// The one that is asked for.
///
/// # Errors
/// It is not there, or nobody tells.
pub async fn find_one(cluster: &Cluster, group: &str) -> anyhow::Result<DescribedGroup> {
    let (found, failures) = find(cluster, &[group.to_owned()]).await;
    found.into_iter().next().ok_or_else(|| anyhow::anyhow!(failures.join("\n")))
}

/// Every failure, a line each, if there are any.
///
/// # Errors
/// There are.
pub fn all_well(failures: &[String]) -> anyhow::Result<()> {
    if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(failures.join("\n"))) }
}
