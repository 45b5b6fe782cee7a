//! `thalweg group list`.

use crate::explain::explain;
use crate::output::{self, Output};
use crate::servers::Servers;
use clap::Args;
use client::Admin;
use client::admin::ListedGroup;
use serde_json::{Value, json};

/// List groups.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg group list
  thalweg group list --state empty
  thalweg group list -o json | jq -r '.[].group'")]
pub struct List {
    #[command(flatten)]
    servers: Servers,
    /// Those in this state, such as stable or empty; several with commas between them
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// Those of this kind: classic or consumer
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
    /// The form of what is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl List {
    /// Prints them; servers that do not tell theirs are errors at the end.
    pub async fn run(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let states: Vec<&str> = self.state.iter().map(String::as_str).collect();
        let kinds: Vec<&str> = self.kind.iter().map(String::as_str).collect();
        let listed = Admin::new(&cluster).list_groups(&states, &kinds).await;
        let (groups, failures) = listed.map_err(|error| explain(&cluster, error))?;
        match self.output {
            Output::Table => {
                let known = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
                let row = |group: &ListedGroup| vec![group.group_id.clone(), known(&group.kind), known(&group.state)];
                output::print(&output::table(&["group", "kind", "state"], groups.iter().map(row).collect()))?;
            }
            Output::Json => output::print_json(&groups.iter().map(json).collect())?,
        }
        let failures: Vec<String> = failures
            .into_iter()
            .map(|(node, error)| format!("the groups of server {node} are missing: {:#}", explain(&cluster, error)))
            .collect();
        if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(failures.join("\n"))) }
    }
}

fn json(group: &ListedGroup) -> Value {
    json!({
        "group": group.group_id,
        "kind": group.kind,
        "state": group.state,
        "protocol_type": group.protocol_type,
    })
}
