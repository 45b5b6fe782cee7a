//! What no history can hold: an answer to something else than was asked, an offset or a time that no run reaches.

use super::{Action, Answer, Received};
use model::Offset;

/// Above this nothing is counted: sums of two such numbers are numbers.
const END: i64 = 1 << 61;

/// Refuses an answer that does not belong to what was asked.
///
/// # Errors
/// What is wrong, in words.
pub fn answers(action: &Action, answer: &Answer) -> Result<(), String> {
    use Action as Q;
    use Answer as A;
    let fits = match answer {
        A::Produced { .. } => matches!(action, Q::Produce(_)),
        A::Fetched { .. } => matches!(action, Q::Fetch(_) | Q::Consume(_)),
        A::Corrupt { .. } => matches!(action, Q::Fetch(_) | Q::Scan { .. } | Q::Consume(_)),
        A::Offset { .. } => matches!(action, Q::ListOffsets(_)),
        A::Created { .. } => matches!(action, Q::CreateTopic(_)),
        A::RecordsDeleted { .. } => matches!(action, Q::DeleteRecords { .. }),
        A::Configs { .. } => matches!(action, Q::DescribeConfigs { .. }),
        A::Described { .. } => matches!(action, Q::DescribeTopic { .. }),
        A::Topics { .. } => matches!(action, Q::ListTopics),
        A::Scanned { .. } => matches!(action, Q::Scan { .. }),
        A::Committed { .. } => matches!(action, Q::CommitOffset(_)),
        A::CommittedOffset { .. } => matches!(action, Q::FetchOffset(_)),
        A::Done => is_done_without_content(action),
    };
    if fits { Ok(()) } else { Err(format!("{} is no answer to {}", name_of(answer), asked(action))) }
}

fn is_done_without_content(action: &Action) -> bool {
    use Action as Q;
    matches!(
        action,
        Q::DeleteTopic { .. }
            | Q::AlterConfigs { .. }
            | Q::ElectPreferred { .. }
            | Q::Reassign { .. }
            | Q::AddPartitions { .. }
            | Q::AwaitLeader { .. }
            | Q::AwaitInSync { .. }
            | Q::AwaitWritten { .. }
            | Q::AwaitStop { .. }
            | Q::Own(_)
            | Q::DeleteOffset { .. }
            | Q::DeleteGroup { .. }
            | Q::JoinGroup { .. }
            | Q::AwaitGroup { .. }
    )
}

/// Refuses offsets in an answer that no log reaches.
///
/// # Errors
/// What is wrong, in words.
pub fn offsets(answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::Produced { base_offset } => offset(base_offset.unwrap_or(0)),
        Answer::Fetched { records, high_watermark: end, log_start } | Answer::Scanned { records, end, log_start } => {
            offset(*end)?;
            offset(*log_start)?;
            records.iter().try_for_each(|Received { offset: at, .. }| offset(*at))
        }
        Answer::Corrupt { offset: at, .. }
        | Answer::Offset { offset: at, .. }
        | Answer::RecordsDeleted { log_start: at }
        | Answer::CommittedOffset { offset: at, .. } => offset(*at),
        _ => Ok(()),
    }
}

/// Refuses offsets in what is asked that no log reaches.
///
/// # Errors
/// What is wrong, in words.
pub fn asked_offsets(action: &Action) -> Result<(), String> {
    match action {
        Action::Fetch(fetch) => offset(fetch.from),
        Action::DeleteRecords { before, .. } => offset(*before),
        Action::CommitOffset(commit) => offset(commit.offset),
        _ => Ok(()),
    }
}

fn offset(offset: Offset) -> Result<(), String> {
    if (-END..END).contains(&offset) { Ok(()) } else { Err(format!("no log has offset {offset}")) }
}

/// Refuses a moment that no run reaches.
///
/// # Errors
/// What is wrong, in words.
pub fn time(at: u64) -> Result<(), String> {
    if at < END.unsigned_abs() { Ok(()) } else { Err(format!("no run lasts {at} nanoseconds")) }
}

/// As a history writes it.
const fn name_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Produced { .. } => "produced",
        Answer::Fetched { .. } => "fetched",
        Answer::Corrupt { .. } => "corrupt",
        Answer::Offset { .. } => "offset",
        Answer::Created { .. } => "created",
        Answer::Done => "done",
        Answer::RecordsDeleted { .. } => "records_deleted",
        Answer::Configs { .. } => "configs",
        Answer::Described { .. } => "described",
        Answer::Topics { .. } => "topics",
        Answer::Scanned { .. } => "scanned",
        Answer::Committed { .. } => "committed",
        Answer::CommittedOffset { .. } => "committed_offset",
    }
}

/// As a history writes it.
pub(super) const fn asked(action: &Action) -> &'static str {
    match action {
        Action::Produce(_) => "produce",
        Action::Fetch(_) => "fetch",
        Action::ListOffsets(_) => "list_offsets",
        Action::CreateTopic(_) => "create_topic",
        Action::DeleteTopic { .. } => "delete_topic",
        Action::DeleteRecords { .. } => "delete_records",
        Action::AlterConfigs { .. } => "alter_configs",
        Action::DescribeConfigs { .. } => "describe_configs",
        Action::ListTopics => "list_topics",
        Action::DescribeTopic { .. } => "describe_topic",
        Action::ElectPreferred { .. } => "elect_preferred",
        Action::Reassign { .. } => "reassign",
        Action::AddPartitions { .. } => "add_partitions",
        Action::AwaitLeader { .. } => "await_leader",
        Action::AwaitInSync { .. } => "await_in_sync",
        Action::AwaitWritten { .. } => "await_written",
        Action::AwaitStop { .. } => "await_stop",
        Action::Scan { .. } => "scan",
        Action::CommitOffset(_) => "commit_offset",
        Action::FetchOffset(_) => "fetch_offset",
        Action::Own(_) => "own",
        Action::Consume(_) => "consume",
        Action::DeleteOffset { .. } => "delete_offset",
        Action::DeleteGroup { .. } => "delete_group",
        Action::JoinGroup { .. } => "join_group",
        Action::AwaitGroup { .. } => "await_group",
    }
}
