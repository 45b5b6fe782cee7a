//! One connection to one broker: requests go out in the order they are started, answers come back in that order.

mod link;
mod versions;

pub use versions::Versions;

use crate::config::ClientConfig;
use crate::error::{ClientError, Result};
use bytes::Bytes;
use link::{Failure, Link, Outgoing};
use protocol::frame::{decode_response, encode_request};
use protocol::{ApiKey, Request};
use runtime::net::TcpStream;
use runtime::sync::{mpsc, oneshot};
use runtime::task;
use runtime::time::{Duration, Instant, timeout, timeout_at};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// A connection whose API versions are known. A clone is the same connection; it is closed when the last one is
/// dropped, when a request is not answered in time, and when the broker breaks the protocol.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: String,
    client_id: String,
    request_timeout: Duration,
    next_correlation_id: AtomicI32,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    link: Arc<Link>,
    versions: std::sync::OnceLock<Versions>,
}

impl Connection {
    /// Connects to `address` (`host:port`) and asks which API versions the broker serves.
    ///
    /// # Errors
    /// [`ClientError::Connect`] when it does not come about within the configured time.
    pub async fn connect(address: &str, config: &ClientConfig) -> Result<Connection> {
        let failed = |why: String| ClientError::Connect { address: address.to_owned(), why };
        let deadline = Instant::now() + config.connect_timeout;
        let overdue = || failed(format!("it took more than {:?}", config.connect_timeout));
        let stream = timeout_at(deadline, TcpStream::connect(address)).await.map_err(|_| overdue())?;
        let connection = Connection::over(stream.map_err(|e| failed(e.to_string()))?, address, config);
        let versions = timeout_at(deadline, versions::negotiate(&connection)).await.map_err(|_| overdue())?;
        let versions = versions.map_err(|error| failed(error.to_string()))?;
        connection.0.versions.set(versions).expect("negotiated once");
        Ok(connection)
    }

    fn over(stream: TcpStream, address: &str, config: &ClientConfig) -> Connection {
        let (outgoing, requests) = mpsc::unbounded_channel();
        let link = Arc::new(Link::default());
        let driven = link.clone();
        let limit = config.max_response_bytes;
        task::spawn("client connection", async move { driven.drive(stream, requests, limit).await });
        Connection(Arc::new(Shared {
            address: address.to_owned(),
            client_id: config.client_id.clone(),
            request_timeout: config.request_timeout,
            next_correlation_id: AtomicI32::new(0),
            outgoing,
            link,
            versions: std::sync::OnceLock::new(),
        }))
    }

    /// Asks in the newest version that both sides know and waits for the answer.
    ///
    /// # Errors
    /// No common version, or no answer. An error inside the answer is the caller's to find.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response> {
        let version = self.version_of::<R>(i16::MAX)?;
        self.start(request, version)?.wait().await
    }

    /// Sends the request now, behind those started before, and gives the answer to wait for. Nothing limits how many
    /// are under way: callers do.
    ///
    /// # Errors
    /// The request cannot be written in this version. A closed connection shows in the answer.
    pub fn start<R: Request>(&self, request: &R, version: i16) -> Result<Answer<R>> {
        self.start_within(request, version, self.0.request_timeout)
    }

    /// The same for a request that the broker may take more or less time for than for others.
    pub(crate) fn start_within<R: Request>(&self, request: &R, version: i16, within: Duration) -> Result<Answer<R>> {
        let reply = self.submit(request, version, true)?;
        let deadline = Instant::now() + within;
        Ok(Answer { connection: self.clone(), reply, version, deadline, within, of: PhantomData })
    }

    /// Sends a request that the broker never answers (Produce with `acks=0`) now, behind those started before. The
    /// future is done when it is written.
    ///
    /// # Errors
    /// The request cannot be written in this version. A closed connection shows in the future.
    pub fn start_unanswered<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<impl Future<Output = Result<()>> + Send + use<R>> {
        let reply = self.submit(request, version, false)?;
        let connection = self.clone();
        let within = self.0.request_timeout;
        Ok(async move {
            match timeout(within, reply).await {
                Ok(reply) => connection.received(reply).map(drop),
                Err(_) => Err(connection.overdue(R::KEY, within)),
            }
        })
    }

    fn submit<R: Request>(&self, request: &R, version: i16, answered: bool) -> Result<Reply> {
        let correlation_id = self.0.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let segments = encode_request(correlation_id, Some(&self.0.client_id), request, version)
            .map_err(|e| ClientError::Unwritable { api: R::KEY.name(), version, why: e.to_string() })?;
        let (sender, reply) = oneshot::channel();
        // A refused hand-over drops the sender, which the receiver sees.
        let _ = self.0.outgoing.send(Outgoing { correlation_id, segments, answered, reply: sender });
        Ok(reply)
    }

    fn received(
        &self,
        reply: std::result::Result<std::result::Result<Bytes, Failure>, oneshot::error::RecvError>,
    ) -> Result<Bytes> {
        let address = self.0.address.clone();
        match reply {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(Failure::Lost)) => Err(ClientError::Lost { address, why: self.0.link.why() }),
            Ok(Err(Failure::NotSent)) | Err(_) => Err(ClientError::NotSent { address, why: self.0.link.why() }),
        }
    }

    fn overdue(&self, api: ApiKey, within: Duration) -> ClientError {
        self.close(&format!("{} was not answered within {within:?}", api.name()));
        ClientError::NoAnswer { address: self.0.address.clone(), api: api.name(), within }
    }

    /// The newest version of `R` that both sides know, `highest` at most.
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] when there is none.
    pub fn version_of<R: Request>(&self, highest: i16) -> Result<i16> {
        let versions = self.0.versions.get().expect("negotiated before the connection is given out");
        versions
            .common(R::KEY, highest)
            .ok_or_else(|| ClientError::Unsupported { address: self.0.address.clone(), api: R::KEY.name() })
    }

    /// Where it leads: `host:port`.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Whether it has ended. A connection that is not closed may still turn out to be.
    pub fn is_closed(&self) -> bool {
        self.0.link.has_ended()
    }

    /// How many answers are awaited.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.link.awaited().0
    }

    /// Whether an answer has been awaited for so long that the broker may hang.
    pub(crate) fn is_stalled(&self) -> bool {
        self.0.link.awaited().1.is_some_and(|since| since.elapsed() >= STALLED_AFTER)
    }

    /// Ends it; what is under way is lost.
    pub fn close(&self, why: &str) {
        self.0.link.end(why);
    }
}

/// A broker that has not answered for this long is not asked what others can answer, too.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(1);

type Reply = oneshot::Receiver<std::result::Result<Bytes, Failure>>;

/// The answer to a started request. Dropping it does not take the request back.
#[derive(Debug)]
#[must_use = "an answer that nobody waits for is thrown away"]
pub struct Answer<R> {
    connection: Connection,
    reply: Reply,
    version: i16,
    deadline: Instant,
    within: Duration,
    of: PhantomData<fn() -> R>,
}

impl<R: Request> Answer<R> {
    /// Waits for the answer, for the time that it may take at most; after that the connection is of no use.
    ///
    /// # Errors
    /// See [`ClientError::may_have_happened`].
    pub async fn wait(self) -> Result<R::Response> {
        let frame = match timeout_at(self.deadline, self.reply).await {
            Ok(reply) => self.connection.received(reply)?,
            Err(_) => return Err(self.connection.overdue(R::KEY, self.within)),
        };
        match decode_response::<R>(frame, self.version) {
            Ok((_, response)) => Ok(response),
            Err(error) => {
                let why = error.to_string();
                self.connection.close(&format!("{} was answered with what cannot be read: {why}", R::KEY.name()));
                let address = self.connection.0.address.clone();
                Err(ClientError::Malformed { address, api: R::KEY.name(), why })
            }
        }
    }
}
