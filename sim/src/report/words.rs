//! Operations in words and numbers.

use jepsen_lite::history::{Acks, Action, Answer, OffsetQuery, Operation, Outcome};

/// What an operation is called.
pub fn name(action: &Action) -> &'static str {
    match action {
        Action::Produce(_) => "produce",
        Action::Fetch(_) => "fetch",
        Action::ListOffsets(_) => "list offsets",
        Action::CreateTopic(_) => "create topic",
        Action::DeleteTopic { .. } => "delete topic",
        Action::DeleteRecords { .. } => "delete records",
        Action::AlterConfigs { .. } => "alter configs",
        Action::DescribeConfigs { .. } => "describe configs",
        Action::ListTopics => "list topics",
        Action::DescribeTopic { .. } => "describe topic",
        Action::ElectPreferred { .. } => "elect preferred",
        Action::Reassign { .. } => "reassign",
        Action::AddPartitions { .. } => "add partitions",
        Action::AwaitLeader { .. } => "await leader",
        Action::AwaitInSync { .. } => "await in sync",
        Action::AwaitWritten { .. } => "await written",
        Action::AwaitStop { .. } => "await stop",
        Action::Scan { .. } => "scan",
        Action::CommitOffset(_) => "commit offset",
        Action::FetchOffset(_) => "fetch offset",
        Action::Own(_) => "own",
        Action::Consume(_) => "consume",
        Action::DeleteOffset { .. } => "delete offset",
        Action::DeleteGroup { .. } => "delete group",
        Action::JoinGroup { .. } => "join group",
        Action::AwaitGroup { .. } => "await group",
    }
}

/// The partition it is about, if it is about one.
pub fn partition(action: &Action) -> Option<String> {
    let partition = match action {
        Action::Produce(produce) => &produce.partition,
        Action::Fetch(fetch) => &fetch.partition,
        Action::ListOffsets(list) => &list.partition,
        Action::CommitOffset(commit) => &commit.partition,
        Action::FetchOffset(fetch) => &fetch.partition,
        Action::Consume(consume) => &consume.partition,
        Action::DeleteRecords { partition, .. }
        | Action::ElectPreferred { partition }
        | Action::Reassign { partition, .. }
        | Action::AwaitLeader { partition }
        | Action::AwaitInSync { partition, .. }
        | Action::AwaitWritten { partition }
        | Action::Scan { partition }
        | Action::DeleteOffset { partition, .. } => partition,
        _ => return None,
    };
    Some(partition.to_string())
}

/// What was asked, and what came of it.
pub fn told(operation: &Operation) -> String {
    let asked = asked(&operation.action);
    let came = match &operation.outcome {
        Outcome::Ok(answer) => answered(answer),
        Outcome::Fail(error) => format!("refused: {error}"),
        Outcome::Unknown(error) => format!("unknown: {error}"),
    };
    if asked.is_empty() { came } else { format!("{asked}: {came}") }
}

fn asked(action: &Action) -> String {
    match action {
        Action::Produce(produce) => {
            let acks = match produce.acks {
                Acks::None => 0,
                Acks::Leader => 1,
                Acks::All => -1,
            };
            let first = produce.records.first().map_or(String::new(), |record| format!(" from {}", record.id));
            format!("acks {acks}, {} records{first}", produce.records.len())
        }
        Action::Fetch(fetch) => {
            let of = fetch.node.map_or(String::new(), |node| format!(" of node {node}"));
            format!("from {}{of}", fetch.from)
        }
        Action::ListOffsets(list) => match list.query {
            OffsetQuery::Earliest => "earliest".into(),
            OffsetQuery::Latest => "latest".into(),
            OffsetQuery::At(timestamp) => format!("at {timestamp}"),
            OffsetQuery::MaxTimestamp => "the newest".into(),
            OffsetQuery::EndOfEpoch(epoch) => format!("the end of epoch {epoch}"),
        },
        Action::CreateTopic(create) => {
            format!("{}, {} partitions, {} replicas", create.topic, create.partitions, create.replicas)
        }
        Action::DeleteTopic { topic }
        | Action::AlterConfigs { topic, .. }
        | Action::DescribeConfigs { topic }
        | Action::DescribeTopic { topic }
        | Action::AddPartitions { topic, .. } => topic.clone(),
        Action::DeleteRecords { before, .. } => format!("before {before}"),
        Action::Reassign { replicas, .. } => format!("to {replicas:?}"),
        Action::AwaitInSync { nodes, .. } => format!("{nodes:?}"),
        Action::CommitOffset(commit) => format!("{} offset {} mark {}", commit.group, commit.offset, commit.mark),
        Action::FetchOffset(fetch) => fetch.group.clone(),
        Action::Own(own) => {
            format!("{} as {} in {}: {} partitions", own.group, own.by.id, own.by.epoch, own.partitions.len())
        }
        Action::Consume(consume) => consume.group.clone(),
        Action::DeleteOffset { group, .. }
        | Action::DeleteGroup { group }
        | Action::JoinGroup { group, .. }
        | Action::AwaitGroup { group } => group.clone(),
        Action::AwaitStop { node } => format!("node {node}"),
        Action::ListTopics
        | Action::ElectPreferred { .. }
        | Action::AwaitLeader { .. }
        | Action::AwaitWritten { .. }
        | Action::Scan { .. } => String::new(),
    }
}

fn answered(answer: &Answer) -> String {
    match answer {
        Answer::Produced { base_offset: Some(offset) } => format!("at offset {offset}"),
        Answer::Produced { base_offset: None } => "sent".into(),
        Answer::Fetched { records, high_watermark, .. } => {
            let to = records.last().map_or(String::new(), |record| format!(" to {}", record.offset));
            format!("{} records{to}, high watermark {high_watermark}", records.len())
        }
        Answer::Corrupt { offset, what } => format!("corrupt at {offset}: {what}"),
        Answer::Offset { offset, epoch, .. } => format!("offset {offset} in epoch {epoch}"),
        Answer::Created { .. } | Answer::Done => "done".into(),
        Answer::RecordsDeleted { log_start } => format!("log start {log_start}"),
        Answer::Configs { configs } => format!("{} configs", configs.len()),
        Answer::Described { partitions } => format!("{} partitions", partitions.len()),
        Answer::Topics { topics } => format!("{} topics", topics.len()),
        Answer::Scanned { log_start, end, records } => format!("{} records, {log_start} to {end}", records.len()),
        Answer::Committed { epoch } => format!("committed, epoch at most {epoch}"),
        Answer::CommittedOffset { offset, mark, .. } => {
            format!("offset {offset}{}", mark.map_or(String::new(), |mark| format!(" mark {mark}")))
        }
    }
}
