//! One connection, by hand. Answers come in the order of the requests, so nothing needs to be matched.

use bytes::{Bytes, BytesMut};
use protocol::Request;
use protocol::frame::{decode_response, encode_request};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use runtime::time::{Duration, timeout};
use std::collections::VecDeque;
use std::fmt;

/// A connection.
pub struct Wire {
    client_id: String,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    received: BytesMut,
    next_correlation_id: i32,
    awaited: VecDeque<i32>,
}

/// The connection is of no more use. What was sent on it may have arrived or not.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn failed(error: impl fmt::Display) -> Failure {
    Failure(error.to_string())
}

impl Wire {
    /// Connects. Has no deadline of its own.
    pub async fn connect(address: &str, client_id: &str) -> Result<Wire, Failure> {
        let (reader, writer) = TcpStream::connect(address).await.map_err(failed)?.into_split();
        let (received, awaited) = (BytesMut::new(), VecDeque::new());
        Ok(Wire { client_id: client_id.to_owned(), reader, writer, received, next_correlation_id: 0, awaited })
    }

    /// Sends a request that gets an answer.
    pub async fn send<R: Request>(&mut self, request: &R, version: i16) -> Result<(), Failure> {
        self.awaited.push_back(self.next_correlation_id);
        self.send_unanswered(request, version).await
    }

    /// Sends a request that gets none (Produce with acks=0).
    pub async fn send_unanswered<R: Request>(&mut self, request: &R, version: i16) -> Result<(), Failure> {
        let parts =
            encode_request(self.next_correlation_id, Some(&self.client_id), request, version).map_err(failed)?;
        self.next_correlation_id += 1;
        for part in parts {
            self.writer.write_all(&part).await.map_err(failed)?;
        }
        Ok(())
    }

    /// The next answer. Nothing is lost when the wait for it is given up and taken up again.
    pub async fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response, Failure> {
        let frame = self.frame().await?;
        let (correlation_id, response) = decode_response::<R>(frame, version)
            .unwrap_or_else(|error| panic!("the broker answered with what is no response: {error}"));
        let awaited = self.awaited.pop_front();
        let key = R::KEY;
        assert_eq!(Some(correlation_id), awaited, "answers come in the order of the requests: {key:?} {response:?}");
        Ok(response)
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        within: Duration,
    ) -> Result<R::Response, Failure> {
        let call = async {
            self.send(request, version).await?;
            self.receive::<R>(version).await
        };
        timeout(within, call).await.unwrap_or_else(|_| Err(Failure("timed out".into())))
    }

    async fn frame(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(prefix) = self.received.first_chunk::<4>() {
                let length = u32::from_be_bytes(*prefix) as usize;
                if self.received.len() >= 4 + length {
                    return Ok(self.received.split_to(4 + length).freeze().slice(4..));
                }
            }
            if self.reader.read_buf(&mut self.received).await.map_err(failed)? == 0 {
                return Err(Failure("the connection was closed".into()));
            }
        }
    }
}
