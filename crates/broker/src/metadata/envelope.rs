//! Requests to the controller as bytes, inside Kafka's Envelope: the header and body that they have on the wire. What
//! Kafka's messages have no place for travels in a tagged field of ours.

use bytes::{Bytes, BytesMut};
use controller::{Reply, Request};
use model::{Offset, PartitionId, Uuid};
use protocol::header::RequestHeader;
use protocol::messages::envelope::{EnvelopeRequest, EnvelopeResponse};
use protocol::wire::{Reader, Writer};
use protocol::{ApiKey, Message, Request as WireRequest, TaggedFields};
use serde::{Deserialize, Serialize};

/// Our tag for what Kafka's request has no place for.
const EXTRA: u32 = 9000;
/// Our tag for the offset that the local image must reach to show what was done.
const OFFSET: u32 = 9001;
/// Our tag for the replicas without space that a heartbeat names.
const FULL: u32 = 9002;
/// Our tag for the replicas that may lack what they acknowledged, which a registration names.
const UNSYNCED: u32 = 9003;
/// The version of the extra's bytes.
const EXTRA_VERSION: u16 = 5;
/// The version of a list of replicas in a tag of its own.
const LIST_VERSION: u16 = 1;

/// What a broker tells the controller beside Kafka's fields. The bytes are frozen.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Extra {
    stop_was_clean: bool,
    unusable: Named,
}

/// Replicas by the ids of their topics.
type Named = Vec<([u8; 16], PartitionId)>;

macro_rules! forwarded {
    ($($Variant:ident),* $(,)?) => {
        /// The request in an envelope; none for one that no other node may send.
        pub fn seal(request: &Request) -> Option<EnvelopeRequest> {
            match request {
                $(Request::$Variant(request) => encode(request, TaggedFields::default()),)*
                Request::RegisterBroker { request, stop_was_clean, unusable, unsynced } => {
                    encode(request, with_list(extra(*stop_was_clean, unusable), UNSYNCED, unsynced))
                }
                Request::BrokerHeartbeat { request, unusable, full } => {
                    encode(request, with_list(extra(false, unusable), FULL, full))
                }
                _ => None,
            }
        }

        /// The request in an envelope that another node sent.
        ///
        /// # Errors
        /// What is wrong with it.
        pub fn open(envelope: &EnvelopeRequest) -> Result<Request, String> {
            let mut reader = Reader::new(envelope.request_data.clone());
            let header = RequestHeader::decode(&mut reader).map_err(|error| error.to_string())?;
            let key = ApiKey::from_code(header.api_key).ok_or("an unknown API")?;
            let version = header.api_version;
            let extra = read_extra(&envelope.unknown_tagged_fields)?;
            $(if key == ApiKey::$Variant {
                return Ok(Request::$Variant(decode(&mut reader, version)?));
            })*
            match key {
                ApiKey::BrokerRegistration => Ok(Request::RegisterBroker {
                    request: decode(&mut reader, version)?,
                    stop_was_clean: extra.stop_was_clean,
                    unusable: extra.unusable(),
                    unsynced: read_list(&envelope.unknown_tagged_fields, UNSYNCED)?,
                }),
                ApiKey::BrokerHeartbeat => Ok(Request::BrokerHeartbeat {
                    request: decode(&mut reader, version)?,
                    unusable: extra.unusable(),
                    full: read_list(&envelope.unknown_tagged_fields, FULL)?,
                }),
                other => Err(format!("{} is not for the controller", other.name())),
            }
        }

        /// The answer in an envelope, and the offset that shows it.
        pub fn seal_reply(reply: &Reply, offset: Offset) -> EnvelopeResponse {
            let data = match reply {
                $(Reply::$Variant(response) => encode_body(response),)*
                Reply::RegisterBroker(response) => encode_body(response),
                Reply::BrokerHeartbeat(response) => encode_body(response),
                Reply::Rejected(error) => return refused(*error),
                _ => None,
            };
            let mut answer = EnvelopeResponse { response_data: data, ..Default::default() };
            answer.unknown_tagged_fields.insert(OFFSET, Bytes::copy_from_slice(&offset.to_be_bytes()));
            answer
        }

        /// The answer to `request` that an envelope brought.
        ///
        /// # Errors
        /// What is wrong with it.
        pub fn open_reply(request: &Request, answer: &EnvelopeResponse) -> Result<(Reply, Offset), String> {
            let data = answer.response_data.clone().ok_or("the envelope is empty")?;
            let offset = answer.unknown_tagged_fields.get(OFFSET).and_then(|bytes| bytes[..].try_into().ok());
            let offset = offset.map_or(0, Offset::from_be_bytes);
            let mut reader = Reader::new(data);
            let reply = match request {
                $(Request::$Variant(_) => Reply::$Variant(decode_latest(&mut reader)?),)*
                Request::RegisterBroker { .. } => Reply::RegisterBroker(decode_latest(&mut reader)?),
                Request::BrokerHeartbeat { .. } => Reply::BrokerHeartbeat(decode_latest(&mut reader)?),
                _ => return Err("it answers what was not asked".to_owned()),
            };
            Ok((reply, offset))
        }
    };
}

forwarded!(
    AllocateProducerIds,
    CreateTopics,
    DeleteTopics,
    CreatePartitions,
    IncrementalAlterConfigs,
    AlterConfigs,
    AlterPartition,
    AlterPartitionReassignments,
    ElectLeaders,
    UnregisterBroker,
    UpdateFeatures,
    AssignReplicasToDirs,
);

/// The envelope that says no.
pub fn refused(error: model::ErrorCode) -> EnvelopeResponse {
    EnvelopeResponse { error_code: error.code(), ..Default::default() }
}

fn encode<R: WireRequest>(request: &R, extra: TaggedFields) -> Option<EnvelopeRequest> {
    let version = *R::VERSIONS.end();
    let header = RequestHeader { api_key: R::KEY.code(), api_version: version, ..Default::default() };
    let mut writer = Writer::new();
    header.encode(&mut writer).ok()?;
    request.encode(&mut writer, version).ok()?;
    let request_data = joined(writer);
    Some(EnvelopeRequest { request_data, unknown_tagged_fields: extra, ..Default::default() })
}

fn encode_body<M: Message>(response: &M) -> Option<Bytes> {
    let mut writer = Writer::new();
    response.encode(&mut writer, *M::VERSIONS.end()).ok()?;
    Some(joined(writer))
}

fn joined(writer: Writer) -> Bytes {
    let mut bytes = BytesMut::new();
    writer.finish().iter().for_each(|part| bytes.extend_from_slice(part));
    bytes.freeze()
}

fn decode<R: WireRequest>(reader: &mut Reader, version: i16) -> Result<R, String> {
    R::decode(reader, version).map_err(|error| format!("malformed {}: {error}", R::NAME))
}

fn decode_latest<M: Message>(reader: &mut Reader) -> Result<M, String> {
    M::decode(reader, *M::VERSIONS.end()).map_err(|error| format!("malformed {}: {error}", M::NAME))
}

fn extra(stop_was_clean: bool, unusable: &[(Uuid, PartitionId)]) -> TaggedFields {
    let unusable = named(unusable);
    let mut fields = TaggedFields::default();
    if let Ok(bytes) = controller::frame::seal(EXTRA_VERSION, &Extra { stop_was_clean, unusable }) {
        fields.insert(EXTRA, bytes.into());
    }
    fields
}

fn with_list(mut fields: TaggedFields, tag: u32, list: &[(Uuid, PartitionId)]) -> TaggedFields {
    if !list.is_empty()
        && let Ok(bytes) = controller::frame::seal(LIST_VERSION, &named(list))
    {
        fields.insert(tag, bytes.into());
    }
    fields
}

fn named(replicas: &[(Uuid, PartitionId)]) -> Named {
    replicas.iter().map(|(topic, partition)| (topic.0, *partition)).collect()
}

fn replicas(named: Named) -> Vec<(Uuid, PartitionId)> {
    named.into_iter().map(|(topic, partition)| (Uuid(topic), partition)).collect()
}

fn read_list(fields: &TaggedFields, tag: u32) -> Result<Vec<(Uuid, PartitionId)>, String> {
    let Some(bytes) = fields.get(tag) else { return Ok(Vec::new()) };
    let named = controller::frame::open(bytes).and_then(|frame| frame.payload());
    named.map(replicas).map_err(|error| error.to_string())
}

fn read_extra(fields: &TaggedFields) -> Result<Extra, String> {
    let Some(bytes) = fields.get(EXTRA) else { return Ok(Extra::default()) };
    controller::frame::open(bytes).and_then(|frame| frame.payload()).map_err(|error| error.to_string())
}

impl Extra {
    fn unusable(self) -> Vec<(Uuid, PartitionId)> {
        replicas(self.unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::messages::broker_registration::BrokerRegistrationRequest;

    #[test]
    fn a_registration_tells_of_each_kind_of_replica() {
        let (bad, lacking) = (vec![(Uuid([1; 16]), 2)], vec![(Uuid([3; 16]), 4), (Uuid([5; 16]), 6)]);
        let request = BrokerRegistrationRequest { broker_id: 7, ..Default::default() };
        let (unusable, unsynced) = (bad.clone(), lacking.clone());
        let sent = Request::RegisterBroker { request, stop_was_clean: true, unusable, unsynced };
        match open(&seal(&sent).expect("it may be sent")).expect("good bytes") {
            Request::RegisterBroker { request, stop_was_clean, unusable, unsynced } => {
                assert_eq!((request.broker_id, stop_was_clean), (7, true));
                assert_eq!((unusable, unsynced), (bad, lacking));
            }
            other => panic!("{other:?}"),
        }
    }
}
