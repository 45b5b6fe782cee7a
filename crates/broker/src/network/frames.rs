//! Reading length-prefixed frames from a connection.

use super::request_memory::{RequestMemory, Reservation};
use bytes::{Buf, Bytes, BytesMut};
use runtime::io::{AsyncRead, AsyncReadExt};
use std::io;
use thiserror::Error;

/// What a connection without traffic keeps.
const IDLE_BUFFER: usize = 4 * 1024;

/// A request's bytes, without the length prefix, and the memory they hold of the budget.
#[derive(Debug)]
pub struct Frame {
    /// Header and body.
    pub bytes: Bytes,
    /// Given back when the request is answered.
    pub memory: Reservation,
}

/// Why no more frames can come.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The length is negative or above `socket.request.max.bytes`.
    #[error("{}", describe_length(*.0, *.1))]
    Length(i32, usize),
    /// The connection broke, or ended in the middle of a frame.
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn describe_length(length: i32, limit: usize) -> String {
    let first = length.to_be_bytes();
    if matches!(&first, b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"DELE" | b"PRI ") {
        return "an HTTP request came to the Kafka port: use a Kafka client here".to_owned();
    }
    if first[0] == 0x16 && first[1] == 3 {
        return "a TLS hello came to a plaintext port: set security.protocol=PLAINTEXT in the client".to_owned();
    }
    format!(
        "a frame claims {length} bytes, but 1 to {limit} are accepted: this is no Kafka client, or \
         socket.request.max.bytes is too small for it"
    )
}

/// Takes frames off one connection. The buffer grows as bytes arrive, never from the length prefix alone.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
    memory: RequestMemory,
    reservation: Reservation,
    limit: usize,
    largest_frame: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `stream` frames of at most `limit` bytes.
    pub fn new(stream: R, limit: usize, memory: RequestMemory) -> FrameReader<R> {
        let buffer = BytesMut::with_capacity(IDLE_BUFFER);
        FrameReader { stream, buffer, memory, reservation: Reservation::default(), limit, largest_frame: 0 }
    }

    /// The next frame; `None` when the peer closed between two frames. Safe to drop and call again.
    ///
    /// # Errors
    /// See [`FrameError`]; after one the connection is of no use.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            self.make_room().await;
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Whether a part of a frame has been received.
    pub fn is_inside_a_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(length) = self.announced()? else { return Ok(None) };
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.advance(4);
        let bytes = self.buffer.split_to(length).freeze();
        self.largest_frame = self.largest_frame.max(length);
        if length > IDLE_BUFFER {
            // What came with its end moves away, or it would hold the large buffer for as long as nothing follows.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(Frame { bytes, memory: std::mem::take(&mut self.reservation) }))
    }

    fn announced(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = i32::from_be_bytes(*prefix);
        match usize::try_from(length) {
            Ok(n) if n > 0 && n <= self.limit => Ok(Some(n)),
            _ => Err(FrameError::Length(length, self.limit)),
        }
    }

    /// Room for a frame whose length is known, as far as the peer has shown that it means it: by what has come of the
    /// frame, or by the largest frame that came before. Without that, room for small frames.
    async fn make_room(&mut self) {
        let received = self.buffer.len();
        let wanted = match self.announced().ok().flatten() {
            Some(length) => (4 + length).min((2 * received).max(self.largest_frame)),
            None => IDLE_BUFFER,
        };
        self.memory.grow(&mut self.reservation, wanted).await;
        if self.buffer.capacity() == received {
            self.buffer.reserve(wanted.saturating_sub(received).max(IDLE_BUFFER));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8], limit: usize) -> FrameReader<&[u8]> {
        FrameReader::new(bytes, limit, RequestMemory::new(1 << 20))
    }

    fn run<F: std::future::Future>(story: F) -> F::Output {
        runtime::task::run(1, story).expect("a runtime")
    }

    #[test]
    fn frames_come_one_by_one_and_then_the_end() {
        run(async {
            let mut frames = reader(b"\0\0\0\x02ab\0\0\0\x01c", 10);
            assert_eq!(frames.next().await.unwrap().unwrap().bytes, "ab");
            assert_eq!(frames.next().await.unwrap().unwrap().bytes, "c");
            assert!(frames.next().await.unwrap().is_none());
        });
    }

    #[test]
    fn a_large_frame_is_whole_however_the_buffer_grew() {
        run(async {
            let body: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
            let mut wire = 300_000u32.to_be_bytes().to_vec();
            wire.extend_from_slice(&body);
            let mut frames = reader(&wire, 1 << 20);
            assert_eq!(frames.next().await.unwrap().unwrap().bytes, body);
        });
    }

    #[test]
    fn lengths_out_of_bounds_end_the_connection_with_a_sentence() {
        run(async {
            for (wire, word) in [
                (&b"\xff\xff\xff\xff"[..], "no Kafka client"),
                (b"\0\0\0\0", "no Kafka client"),
                (b"\0\0\0\x0b01234567890", "socket.request.max.bytes"),
                (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
                (b"\x16\x03\x01\x02\x00\x01", "TLS"),
            ] {
                let error = reader(wire, 10).next().await.unwrap_err().to_string();
                assert!(error.contains(word), "{error}");
            }
        });
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error() {
        run(async {
            assert!(matches!(reader(b"\0\0\0\x02a", 10).next().await, Err(FrameError::Io(_))));
        });
    }
}
