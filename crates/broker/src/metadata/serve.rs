//! The listener for controllers and brokers: connections of the quorum, and requests to the controller on this node.
//!
//! Requests of one connection are begun as they come and answered in order, so that one that waits for the quorum does
//! not keep the next from being decided.

use super::envelope;
use super::peers::{LIMIT, QUORUM_KEY};
use super::{AskError, Metadata, OfQuorum};
use crate::network::frames::FrameReader;
use crate::network::request_memory::RequestMemory;
use bytes::Bytes;
use model::{ErrorCode, mark};
use protocol::header::RequestHeader;
use protocol::messages::add_raft_voter::AddRaftVoterRequest;
use protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use protocol::messages::describe_quorum::DescribeQuorumRequest;
use protocol::messages::envelope::{EnvelopeRequest, EnvelopeResponse};
use protocol::messages::remove_raft_voter::RemoveRaftVoterRequest;
use protocol::wire::Reader;
use protocol::{ApiKey, Message, frame};
use runtime::io::AsyncWriteExt;
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use runtime::sync::{Semaphore, select, watch};
use runtime::time::{Duration, sleep};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Requests of one connection that are begun and not answered, at most.
const MAX_IN_FLIGHT: usize = 16;
/// Connections, at most: a cluster has far fewer nodes.
const MAX_CONNECTIONS: usize = 1000;
/// How long accepting rests after an error such as "too many open files".
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);
/// The APIs of this listener.
const SERVED: &[ApiKey] =
    &[ApiKey::ApiVersions, ApiKey::Envelope, ApiKey::DescribeQuorum, ApiKey::AddRaftVoter, ApiKey::RemoveRaftVoter];

type Answer = Pin<Box<dyn Future<Output = Option<Vec<Bytes>>> + Send>>;

/// Accepts until `stop` says so.
pub(crate) async fn serve_controller(metadata: Metadata, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let memory = RequestMemory::new(4 * LIMIT);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(REST_AFTER_ERROR).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            mark!("too many connections to a controller");
            continue;
        };
        let (metadata, memory, mut stop) = (metadata.clone(), memory.clone(), stop.clone());
        runtime::task::spawn("controller connection", async move {
            let _place = place;
            select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => {}
                () = serve(metadata, stream, memory) => {}
            }
        });
    }
}

async fn serve(metadata: Metadata, stream: TcpStream, memory: RequestMemory) {
    let (read, write) = stream.into_split();
    let mut frames = FrameReader::new(read, LIMIT, memory);
    let Ok(Some(first)) = frames.next().await else { return };
    if first.bytes.starts_with(&QUORUM_KEY.to_be_bytes()) {
        return metadata.peers.clone().serve(first.bytes, frames, write).await;
    }
    let mut requests = Requests { metadata, pending: VecDeque::new() };
    if let Err(why) = requests.run(first.bytes, frames, write).await {
        tracing::debug!("a connection to the controller ended: {why}");
    }
}

struct Requests {
    metadata: Metadata,
    pending: VecDeque<Answer>,
}

impl Requests {
    async fn run(
        &mut self,
        first: Bytes,
        mut frames: FrameReader<OwnedReadHalf>,
        mut write: OwnedWriteHalf,
    ) -> Result<(), String> {
        self.begin(first)?;
        loop {
            let full = self.pending.len() >= MAX_IN_FLIGHT;
            let answered = match self.pending.front_mut() {
                None => None,
                Some(answer) if full => Some(answer.as_mut().await),
                Some(answer) => select! {
                    biased;
                    answer = answer.as_mut() => Some(answer),
                    frame = frames.next() => match frame.map_err(|error| error.to_string())? {
                        Some(frame) => {
                            self.begin(frame.bytes)?;
                            continue;
                        }
                        None => return Ok(()),
                    }
                },
            };
            match answered {
                Some(parts) => {
                    self.pending.pop_front();
                    for part in parts.ok_or("an answer cannot be encoded")? {
                        write.write_all(&part).await.map_err(|error| error.to_string())?;
                    }
                }
                None => match frames.next().await.map_err(|error| error.to_string())? {
                    Some(frame) => self.begin(frame.bytes)?,
                    None => return Ok(()),
                },
            }
        }
    }

    fn begin(&mut self, frame: Bytes) -> Result<(), String> {
        let mut reader = Reader::new(frame);
        let header = RequestHeader::decode(&mut reader).map_err(|error| error.to_string())?;
        let answer: Answer = match ApiKey::from_code(header.api_key) {
            Some(ApiKey::ApiVersions) => {
                let response = api_versions(&header, &mut reader);
                Box::pin(async move { response })
            }
            Some(ApiKey::Envelope) => {
                let envelope = EnvelopeRequest::decode(&mut reader, header.api_version).map_err(|e| e.to_string())?;
                let metadata = self.metadata.clone();
                Box::pin(async move { encode(&header, ApiKey::Envelope, &forwarded(&metadata, &envelope).await) })
            }
            Some(ApiKey::DescribeQuorum) => self.of_quorum::<DescribeQuorumRequest>(header, &mut reader)?,
            Some(ApiKey::AddRaftVoter) => self.of_quorum::<AddRaftVoterRequest>(header, &mut reader)?,
            Some(ApiKey::RemoveRaftVoter) => self.of_quorum::<RemoveRaftVoterRequest>(header, &mut reader)?,
            _ => return Err(format!("API {} is not served to controllers", header.api_key)),
        };
        self.pending.push_back(answer);
        Ok(())
    }

    fn of_quorum<R: OfQuorum>(&self, header: RequestHeader, reader: &mut Reader) -> Result<Answer, String> {
        let request = R::decode(reader, header.api_version).map_err(|error| error.to_string())?;
        let metadata = self.metadata.clone();
        Ok(Box::pin(async move {
            let response = request.answer(&metadata).await;
            encode(&header, R::KEY, &response)
        }))
    }
}

async fn forwarded(metadata: &Metadata, sealed: &EnvelopeRequest) -> EnvelopeResponse {
    let request = match envelope::open(sealed) {
        Ok(request) => request,
        Err(why) => {
            tracing::warn!("a request of another node cannot be read: {why}");
            return envelope::refused(ErrorCode::InvalidRequest);
        }
    };
    match metadata.ask_here(request).await {
        Ok((reply, offset)) => envelope::seal_reply(&reply, offset),
        Err(AskError::NotController) => envelope::refused(ErrorCode::NotController),
        Err(AskError::Unknown) => envelope::refused(ErrorCode::RequestTimedOut),
    }
}

fn api_versions(header: &RequestHeader, reader: &mut Reader) -> Option<Vec<Bytes>> {
    let known = ApiVersionsRequest::decode(reader, header.api_version).is_ok();
    let api_keys = SERVED.iter().map(|key| ApiVersion {
        api_key: key.code(),
        min_version: *key.versions().start(),
        max_version: *key.versions().end(),
        ..Default::default()
    });
    let error = if known { ErrorCode::None } else { ErrorCode::UnsupportedVersion };
    let response = ApiVersionsResponse { error_code: error.code(), api_keys: api_keys.collect(), ..Default::default() };
    let version = if known { header.api_version } else { 0 };
    frame::encode_response(header.correlation_id, ApiKey::ApiVersions, version, &response).ok()
}

fn encode(header: &RequestHeader, key: ApiKey, response: &impl Message) -> Option<Vec<Bytes>> {
    frame::encode_response(header.correlation_id, key, header.api_version, response).ok()
}
