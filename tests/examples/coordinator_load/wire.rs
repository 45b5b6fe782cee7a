//! One connection to a broker, as cheap as can be: who sends a request writes it to the socket and reads the answer
//! there. The client's own connections pipeline, limit and time requests; that costs as much as serving them does.

use bytes::{Buf, BytesMut};
use protocol::Request;
use protocol::frame::{decode_response, encode_request};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

/// Room for the answers of most requests.
const ROOM: usize = 1024;

/// A connection with one request under way at most.
pub struct Wire {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    received: BytesMut,
    correlation_id: i32,
}

impl Wire {
    /// Connects to `host:port`.
    ///
    /// # Panics
    /// When it cannot be reached; so do the others when the connection ends.
    pub async fn connect(address: &str) -> Wire {
        let stream = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
        let (reader, writer) = stream.into_split();
        Wire { reader, writer, received: BytesMut::new(), correlation_id: 0 }
    }

    /// Sends a request and waits for its answer.
    pub async fn ask<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version).await;
        self.answer::<R>(version).await
    }

    /// Sends a request.
    pub async fn send<R: Request>(&mut self, request: &R, version: i16) {
        self.correlation_id += 1;
        let frame = encode_request(self.correlation_id, Some("coordinator-load"), request, version);
        for segment in frame.expect("it can be written in this version") {
            self.writer.write_all(&segment).await.expect("the broker takes requests");
        }
    }

    /// Waits for the answer to the request that was sent.
    pub async fn answer<R: Request>(&mut self, version: i16) -> R::Response {
        let length = loop {
            if let Some(prefix) = self.received.first_chunk::<4>() {
                let length = usize::try_from(i32::from_be_bytes(*prefix)).expect("a length");
                if self.received.len() >= 4 + length {
                    break length;
                }
                self.received.reserve(4 + length - self.received.len());
            } else {
                self.received.reserve(ROOM);
            }
            let count = self.reader.read_buf(&mut self.received).await.expect("the broker answers");
            assert!(count > 0, "the broker has closed the connection");
        };
        self.received.advance(4);
        let frame = self.received.split_to(length).freeze();
        let (correlation_id, response) = decode_response::<R>(frame, version).expect("an answer that can be read");
        assert_eq!(correlation_id, self.correlation_id, "answers come in order");
        response
    }
}
