//! Why a group rebalanced: the last rebalances, kept in a tagged field of the group's own metadata record, so that they
//! outlive the coordinator, and shown under the same tag when the group is described.
//!
//! ```text
//! version u8 = 1, then for each rebalance, the oldest first:
//!   started i64, epoch i32, took varint, cause u8, member, client, detail,
//!   held up: phase u8 (0 nobody), then missed u8, waited varint, member, client
//! ```
//! Texts are a varint length and UTF-8, cut to [`MAX_TEXT`] bytes. A reader passes over what follows an entry that it
//! does not understand.

use bytes::Bytes;
use model::Timestamp;
use protocol::{DecodeError, Reader, TaggedFields, Text, Writer};

/// The tag of the history in records and in answers of DescribeGroups (version 5 on) and ConsumerGroupDescribe.
pub const TAG: u32 = 30_000;
/// Older rebalances are forgotten.
pub const MAX_ENTRIES: usize = 20;
/// So much a history takes at most, in bytes; the oldest go first.
pub const MAX_BYTES: usize = 4096;
/// Longer names are cut.
pub const MAX_TEXT: usize = 100;

const VERSION: u8 = 1;

/// One rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// When it began, by the wall clock of the coordinator.
    pub started: Timestamp,
    /// The generation, or group epoch, that came of it.
    pub epoch: i32,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// What set it off.
    pub cause: Cause,
    /// The member that did; empty when none did.
    pub member: Text,
    /// Its client id.
    pub client: Text,
    /// What else there is to say, such as the topic that grew or the reason that a client gave.
    pub detail: Text,
    /// Whom the others waited for the longest, if anyone.
    pub held_up: Option<HeldUp>,
}

/// Who held a rebalance up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldUp {
    /// In which part of it.
    pub phase: Phase,
    /// It never came, and the group went on without it.
    pub missed: bool,
    /// How long the others waited for it, in milliseconds.
    pub waited_ms: u32,
    /// The member.
    pub member: Text,
    /// Its client id.
    pub client: Text,
}

macro_rules! numbered {
    ($(#[$doc:meta])* $Name:ident { $( $(#[$variant_doc:meta])* $Variant:ident = $number:literal $words:literal, )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $Name { $( $(#[$variant_doc])* $Variant = $number, )* }

        impl $Name {
            /// In words, for people.
            pub fn words(self) -> &'static str {
                match self { $( $Name::$Variant => $words, )* }
            }

            fn numbered(number: u8) -> Option<$Name> {
                match number { $( $number => Some($Name::$Variant), )* _ => None }
            }
        }
    };
}

numbered! {
    /// What set a rebalance off.
    Cause {
        /// A member came.
        MemberJoined = 1 "a member joined",
        /// A member said that it leaves.
        MemberLeft = 2 "a member left",
        /// A member was silent for longer than its session.
        MemberTimedOut = 3 "a member was not heard of for its session timeout",
        /// A static member came back as another process, and the old one was fenced.
        MemberReplaced = 4 "a static member was replaced",
        /// A member subscribes to other topics, or supports other protocols.
        SubscriptionChanged = 5 "a member changed its subscription",
        /// A topic has more partitions, or is new, or gone.
        TopicChanged = 6 "a topic changed",
        /// Another node became the coordinator in the middle of a rebalance.
        CoordinatorMoved = 7 "the coordinator moved",
        /// The leader asked for one; clients do so when they see that topics have changed.
        LeaderAsked = 8 "the leader asked for it",
        /// A member joined and then never asked for its assignment.
        SyncTimedOut = 9 "a member did not fetch its assignment in time",
        /// The assignment could not be written down.
        NotWritten = 10 "the assignment could not be stored",
        /// The group changed between the classic and the consumer protocol.
        ProtocolMigrated = 11 "the group changed its protocol",
        /// A member did not give up its partitions in time (KIP-848).
        RevocationTimedOut = 12 "a member did not give up partitions in time",
    }
}

numbered! {
    /// A part of a rebalance.
    Phase {
        /// Members come back to say what they want.
        Join = 1 "joining",
        /// The leader works out the assignment.
        Sync = 2 "working out the assignment",
        /// Members give up what goes to others (KIP-848).
        Revoke = 3 "giving up partitions",
    }
}

/// The last rebalances of a group, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<Rebalance>);

impl History {
    /// The history in a record's tagged fields; an empty one where there is none, or none that can be read.
    pub fn of(tags: &TaggedFields) -> History {
        tags.get(TAG).and_then(|bytes| decode(bytes).ok()).unwrap_or_default()
    }

    /// Adds the latest.
    pub fn push(&mut self, rebalance: Rebalance) {
        self.0.push(rebalance);
        let superfluous = self.0.len().saturating_sub(MAX_ENTRIES);
        self.0.drain(..superfluous);
    }

    /// The rebalances, the oldest first.
    pub fn rebalances(&self) -> &[Rebalance] {
        &self.0
    }

    /// Tagged fields that hold this history alone; none when it is empty.
    pub fn tags(&self) -> TaggedFields {
        let mut tags = TaggedFields::default();
        if !self.0.is_empty() {
            tags.insert(TAG, self.encoded());
        }
        tags
    }

    /// The bytes of the tagged field, without the oldest rebalances if all would take too many.
    fn encoded(&self) -> Bytes {
        let entries: Vec<Bytes> = self.0.iter().map(entry).collect();
        let mut room = MAX_BYTES - 1;
        let fits = |entry: &&Bytes| {
            let left = room.checked_sub(entry.len());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let kept = entries.iter().rev().take_while(fits).count();
        let mut writer = Writer::new();
        writer.u8(VERSION);
        entries[entries.len() - kept..].iter().for_each(|entry| writer.slice(entry));
        writer.finish_contiguous()
    }
}

impl FromIterator<Rebalance> for History {
    fn from_iter<I: IntoIterator<Item = Rebalance>>(rebalances: I) -> History {
        let mut history = History::default();
        rebalances.into_iter().for_each(|rebalance| history.push(rebalance));
        history
    }
}

/// The tagged field of `tags` that shows this history to clients, as it is in the record.
pub fn shown(tags: &TaggedFields) -> TaggedFields {
    let mut shown = TaggedFields::default();
    if let Some(history) = tags.get(TAG) {
        shown.insert(TAG, history.clone());
    }
    shown
}

/// Reads the bytes of the tagged field. What a later version wrote is read as far as it is understood.
///
/// # Errors
/// Bytes that end in the middle of a rebalance.
pub fn decode(bytes: &Bytes) -> Result<History, DecodeError> {
    let mut reader = Reader::new(bytes.clone());
    let mut history = History::default();
    if reader.remaining() == 0 || reader.u8()? != VERSION {
        return Ok(history);
    }
    while reader.remaining() > 0 {
        match rebalance(&mut reader)? {
            Some(rebalance) => history.push(rebalance),
            None => break,
        }
    }
    Ok(history)
}

fn entry(rebalance: &Rebalance) -> Bytes {
    let mut writer = Writer::new();
    writer.slice(&rebalance.started.to_be_bytes());
    writer.i32(rebalance.epoch);
    writer.unsigned_varint(rebalance.took_ms);
    writer.u8(rebalance.cause as u8);
    for text in [&rebalance.member, &rebalance.client, &rebalance.detail] {
        write_text(&mut writer, text);
    }
    match &rebalance.held_up {
        None => writer.u8(0),
        Some(held_up) => {
            writer.u8(held_up.phase as u8);
            writer.u8(u8::from(held_up.missed));
            writer.unsigned_varint(held_up.waited_ms);
            write_text(&mut writer, &held_up.member);
            write_text(&mut writer, &held_up.client);
        }
    }
    writer.finish_contiguous()
}

/// None for a cause or phase that is not known here.
fn rebalance(reader: &mut Reader) -> Result<Option<Rebalance>, DecodeError> {
    let started = Timestamp::from_be_bytes(reader.array()?);
    let (epoch, took_ms) = (reader.i32()?, reader.unsigned_varint()?);
    let Some(cause) = Cause::numbered(reader.u8()?) else { return Ok(None) };
    let (member, client, detail) = (read_text(reader)?, read_text(reader)?, read_text(reader)?);
    let held_up = match reader.u8()? {
        0 => None,
        phase => {
            let Some(phase) = Phase::numbered(phase) else { return Ok(None) };
            let (missed, waited_ms) = (reader.u8()? != 0, reader.unsigned_varint()?);
            Some(HeldUp { phase, missed, waited_ms, member: read_text(reader)?, client: read_text(reader)? })
        }
    };
    Ok(Some(Rebalance { started, epoch, took_ms, cause, member, client, detail, held_up }))
}

fn write_text(writer: &mut Writer, text: &str) {
    let end = (0..=text.len().min(MAX_TEXT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let text = &text[..end];
    writer.unsigned_varint(u32::try_from(text.len()).expect("it was cut"));
    writer.slice(text.as_bytes());
}

fn read_text(reader: &mut Reader) -> Result<Text, DecodeError> {
    let length = reader.unsigned_varint()?;
    reader.bytes(length as usize).map(Text::from_utf8_lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(epoch: i32, member: &str) -> Rebalance {
        Rebalance {
            started: 1_700_000_000_000 + Timestamp::from(epoch),
            epoch,
            took_ms: 1234,
            cause: Cause::MemberTimedOut,
            member: member.into(),
            client: "orders".into(),
            detail: "".into(),
            held_up: Some(HeldUp {
                phase: Phase::Join,
                missed: true,
                waited_ms: 1200,
                member: "slow-1".into(),
                client: "slow".into(),
            }),
        }
    }

    #[test]
    fn a_history_reads_back_from_the_record_that_it_is_kept_in() {
        let mut history = History::default();
        history.push(sample(1, "a"));
        history.push(Rebalance { held_up: None, cause: Cause::TopicChanged, detail: "t".into(), ..sample(2, "") });
        assert_eq!(History::of(&history.tags()), history);
        assert!(History::default().tags().is_empty());
    }

    #[test]
    fn only_the_last_twenty_rebalances_are_kept() {
        let mut history = History::default();
        (0..50).for_each(|epoch| history.push(sample(epoch, "m")));
        let read = History::of(&history.tags());
        assert_eq!(read.rebalances().iter().map(|r| r.epoch).collect::<Vec<_>>(), (30..50).collect::<Vec<_>>());
    }

    #[test]
    fn long_names_are_cut_and_the_oldest_go_so_that_a_history_stays_small() {
        let mut history = History::default();
        let long = "ü".repeat(5000);
        for epoch in 0..20 {
            history.push(Rebalance {
                client: long.as_str().into(),
                detail: long.as_str().into(),
                ..sample(epoch, &long)
            });
        }
        let bytes = history.tags().get(TAG).cloned().expect("a history");
        assert!(bytes.len() <= MAX_BYTES, "{}", bytes.len());
        let read = decode(&bytes).expect("whole");
        assert!(read.rebalances().len() >= 10);
        assert_eq!(read.rebalances().last().map(|r| (r.epoch, r.member.len())), Some((19, MAX_TEXT)));
    }

    #[test]
    fn bytes_cut_short_are_an_error_and_unknown_ones_are_passed_over() {
        let mut history = History::default();
        history.push(sample(1, "a"));
        let bytes = history.tags().get(TAG).cloned().expect("a history");
        for length in 2..bytes.len() {
            assert!(decode(&bytes.slice(..length)).is_err(), "{length}");
        }
        assert_eq!(decode(&Bytes::new()), Ok(History::default()));
        assert_eq!(decode(&Bytes::from_static(&[9, 1, 2])), Ok(History::default()));
        let mut unknown = bytes.to_vec();
        unknown[1 + 8 + 4 + 2] = 200; // the cause
        assert_eq!(decode(&unknown.into()), Ok(History::default()));
    }
}
