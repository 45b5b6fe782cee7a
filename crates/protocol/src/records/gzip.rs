//! Gzip with a compressor that is kept: to make one anew clears more memory than a small batch has bytes.

use flate2::{Compress, Compression, FlushCompress, Status};
use std::cell::Cell;

/// Two to the power of this is the window, the largest of RFC 1951.
const WINDOW_BITS: u8 = 15;

thread_local! {
    /// The last one, and its level.
    static COMPRESSING: Cell<Option<(Compression, Compress)>> = const { Cell::new(None) };
}

/// One member of `input` (RFC 1952), at a level from 1 to 9: one below means the usual, one above 9.
pub fn compress(input: &[u8], level: Option<i32>) -> Vec<u8> {
    let level = match level {
        Some(level) if level > 0 => Compression::new(level.min(9) as u32),
        _ => Compression::default(),
    };
    let mut context = match COMPRESSING.take() {
        Some((same, mut context)) if same == level => {
            context.reset();
            context
        }
        _ => Compress::new_gzip(level, WINDOW_BITS),
    };
    let mut output = Vec::with_capacity(input.len() / 2 + 64);
    loop {
        let rest = &input[context.total_in() as usize..];
        match context.compress_vec(rest, &mut output, FlushCompress::Finish).expect("memory can be written") {
            Status::StreamEnd => break,
            Status::Ok | Status::BufError => output.reserve(rest.len() / 2 + 64),
        }
    }
    COMPRESSING.set(Some((level, context)));
    output
}
