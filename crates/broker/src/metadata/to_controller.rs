//! The way of a request to the controller, wherever it is.

use super::envelope;
use super::status::QuorumStatus;
use super::{AskError, Command};
use client::{ClientConfig, Connection};
use controller::{Reply, Request};
use model::{ErrorCode, Offset, mark};
use protocol::Request as WireRequest;
use protocol::messages::envelope::EnvelopeResponse;
use runtime::sync::{Mutex, mpsc, oneshot, select, watch};
use runtime::time::{Duration, Instant, sleep, timeout_at};
use std::sync::Arc;

/// Rest before the controller is looked for again.
const REST: Duration = Duration::from_millis(20);

/// Asks the controller, here or over the network.
#[derive(Debug)]
pub(super) struct ToController {
    mailbox: mpsc::Sender<Command>,
    status: watch::Receiver<Arc<QuorumStatus>>,
    /// The connection to the last controller, with its address.
    connection: Mutex<Option<(String, Connection)>>,
    config: ClientConfig,
}

/// What became of one attempt.
enum Attempt {
    Done(Reply, Offset),
    /// It was not done: another node may do it.
    NotDone,
    /// Nobody knows whether it was done.
    Unknown,
}

impl ToController {
    pub fn new(
        mailbox: mpsc::Sender<Command>,
        status: watch::Receiver<Arc<QuorumStatus>>,
        request_timeout: Duration,
    ) -> ToController {
        let config = ClientConfig {
            client_id: "broker".to_owned(),
            request_timeout,
            connect_timeout: request_timeout.min(Duration::from_secs(2)),
            ..ClientConfig::default()
        };
        ToController { mailbox, status, connection: Mutex::new(None), config }
    }

    /// Asks until somebody decides, until `deadline` at most.
    ///
    /// # Errors
    /// `NotController` when nobody decided; `Unknown` when it may have been decided.
    pub async fn ask(&self, request: Request, deadline: Instant) -> Result<(Reply, Offset), AskError> {
        loop {
            let attempt = match timeout_at(deadline, self.attempt(&request, deadline)).await {
                Ok(attempt) => attempt,
                Err(_) => return Err(AskError::Unknown),
            };
            match attempt {
                Attempt::Done(reply, offset) => return Ok((reply, offset)),
                Attempt::Unknown => return Err(AskError::Unknown),
                Attempt::NotDone if Instant::now() >= deadline => return Err(AskError::NotController),
                Attempt::NotDone => sleep(REST).await,
            }
        }
    }

    async fn attempt(&self, request: &Request, deadline: Instant) -> Attempt {
        let status = self.status.borrow().clone();
        if status.leads {
            return self.ask_here(request.clone()).await;
        }
        let Some(address) = status.leader_address() else { return Attempt::NotDone };
        let Some(sealed) = envelope::seal(request) else { return Attempt::NotDone };
        let connection = match self.connect(address).await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!("{error}");
                return Attempt::NotDone;
            }
        };
        let answered = select! {
            biased;
            answered = timeout_at(deadline, connection.call(&sealed)) => Some(answered),
            () = self.another_leads(address) => None,
        };
        let answered = match answered {
            Some(Ok(answered)) => Some(answered),
            Some(Err(_)) => {
                // The path may swallow all that is sent, and nobody else would find out for minutes.
                mark!("the controller did not answer in time");
                connection.close("the controller did not answer in time");
                return Attempt::Unknown;
            }
            None => None,
        };
        match answered {
            Some(Ok(answer)) => read(request, &answer),
            Some(Err(error)) if error.may_have_happened() => Attempt::Unknown,
            Some(Err(_)) => Attempt::NotDone,
            None => {
                mark!("the controller moved while it was asked");
                connection.close("another node is the controller");
                Attempt::Unknown
            }
        }
    }

    /// Completes when the node at `address` is not known to lead any more: it may never answer.
    async fn another_leads(&self, address: &str) {
        let mut status = self.status.clone();
        let _ = status.wait_for(|status| status.leads || status.leader_address() != Some(address)).await;
    }

    /// Asks the leader of the quorum over the network, once.
    ///
    /// # Errors
    /// `NotController` when none is known or reached; `Unknown` when it may have done it.
    pub async fn call<R: WireRequest>(&self, request: &R, deadline: Instant) -> Result<R::Response, AskError> {
        let status = self.status.borrow().clone();
        let address = status.leader_address().ok_or(AskError::NotController)?;
        let connection = timeout_at(deadline, self.connect(address)).await;
        let connection = connection.map_err(|_| AskError::NotController)?.map_err(|_| AskError::NotController)?;
        match timeout_at(deadline, connection.call(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if !error.may_have_happened() => Err(AskError::NotController),
            Ok(Err(_)) | Err(_) => Err(AskError::Unknown),
        }
    }

    async fn ask_here(&self, request: Request) -> Attempt {
        match ask_mailbox(&self.mailbox, request).await {
            Ok((reply, offset)) => Attempt::Done(reply, offset),
            Err(AskError::NotController) => Attempt::NotDone,
            Err(AskError::Unknown) => Attempt::Unknown,
        }
    }

    async fn connect(&self, address: &str) -> client::Result<Connection> {
        let mut known = self.connection.lock().await;
        match &*known {
            Some((to, connection)) if to == address && !connection.is_closed() => Ok(connection.clone()),
            _ => {
                let connection = Connection::connect(address, &self.config).await?;
                *known = Some((address.to_owned(), connection.clone()));
                Ok(connection)
            }
        }
    }
}

fn read(request: &Request, answer: &EnvelopeResponse) -> Attempt {
    match ErrorCode::from_wire(answer.error_code) {
        ErrorCode::None => match envelope::open_reply(request, answer) {
            Ok((reply, offset)) => Attempt::Done(reply, offset),
            Err(why) => {
                tracing::warn!("the controller's answer cannot be read: {why}");
                Attempt::Unknown
            }
        },
        ErrorCode::NotController => Attempt::NotDone,
        ErrorCode::RequestTimedOut => Attempt::Unknown,
        error => Attempt::Done(Reply::Rejected(error), 0),
    }
}

/// Asks the controller on this node alone.
///
/// # Errors
/// `NotController` when another node must be asked.
pub(super) async fn ask_mailbox(
    mailbox: &mpsc::Sender<Command>,
    request: Request,
) -> Result<(Reply, Offset), AskError> {
    let (reply, answer) = oneshot::channel();
    let command = Command::Ask(Box::new(request), reply);
    mailbox.send(command).await.map_err(|_| AskError::NotController)?;
    answer.await.unwrap_or(Err(AskError::Unknown))
}
