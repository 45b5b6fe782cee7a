//! Zstandard with contexts that are kept: to make one anew costs more than a small batch (a fifth of a simulated run).

use super::compression::Compression;
use super::error::BatchError;
use std::cell::Cell;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::{CCtx, CParameter, DCtx, ResetDirective, compress_bound};

/// A context above so many bytes is let go: a high level, or a frame that announces a large window, must not hold its
/// memory in every thread for ever.
const KEPT_BYTES: usize = 2 << 20;

thread_local! {
    static COMPRESSING: Cell<Option<CCtx<'static>>> = const { Cell::new(None) };
    static DECOMPRESSING: Cell<Option<DCtx<'static>>> = const { Cell::new(None) };
}

/// One frame of `input`; a level outside of -131072 to 22 is brought into that range.
pub fn compress(input: &[u8], level: Option<i32>) -> Vec<u8> {
    let mut context = COMPRESSING.take().unwrap_or_default();
    let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL).clamp(-131_072, 22);
    let mut output = Vec::with_capacity(compress_bound(input.len()));
    let done = context
        .reset(ResetDirective::SessionAndParameters)
        .and_then(|_| context.set_parameter(CParameter::CompressionLevel(level)))
        .and_then(|_| context.compress2(&mut output, input));
    done.expect("there is room for the output");
    if context.sizeof() <= KEPT_BYTES {
        COMPRESSING.set(Some(context));
    }
    output
}

/// All frames of `input`.
///
/// # Errors
/// They are no frames, or the output would be larger than `limit` bytes.
pub fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
    let mut context = DECOMPRESSING.take().unwrap_or_default();
    context.reset(ResetDirective::SessionAndParameters).expect("a context can be reset at any time");
    let output = Compression::Zstd.read_all(Decoder::with_context(input, &mut context), input.len(), limit)?;
    if context.sizeof() <= KEPT_BYTES {
        DECOMPRESSING.set(Some(context));
    }
    Ok(output)
}
