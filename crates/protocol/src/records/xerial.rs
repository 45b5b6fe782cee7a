//! Snappy as Java's producers frame it: a header of 16 bytes, then blocks with a 4-byte length before each.

use super::compression::Compression;
use super::error::BatchError;

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// Version and lowest compatible version, both 1.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// How much goes into a block, as snappy-java has it.
const BLOCK_BYTES: usize = 32 * 1024;

/// Compresses `input` into the framing.
pub(super) fn compress(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len() / 2 + 16);
    output.extend_from_slice(MAGIC);
    output.extend_from_slice(&VERSIONS);
    let mut encoder = snap::raw::Encoder::new();
    for block in input.chunks(BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).expect("a block of 32 KiB can be compressed");
        output.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        output.extend_from_slice(&compressed);
    }
    output
}

/// Decompresses the framing, or bare Snappy.
pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
    let Some(mut blocks) = input.strip_prefix(MAGIC) else {
        let mut output = Vec::new();
        block(input, limit, &mut output)?;
        return Ok(output);
    };
    blocks = blocks.get(VERSIONS.len()..).ok_or_else(|| Compression::Snappy.undecodable("its header is cut short"))?;
    let mut output = Vec::new();
    while !blocks.is_empty() {
        let Some((length, rest)) = blocks.split_first_chunk::<4>() else {
            return Err(Compression::Snappy.undecodable("a block's length is cut short"));
        };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((compressed, rest)) = rest.split_at_checked(length) else {
            return Err(Compression::Snappy.undecodable("a block is cut short"));
        };
        block(compressed, limit, &mut output)?;
        blocks = rest;
    }
    Ok(output)
}

/// Snappy reaches at most a few ten times its input, so the announced length is also held against that.
fn block(compressed: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), BatchError> {
    let announced = snap::raw::decompress_len(compressed).map_err(|e| Compression::Snappy.undecodable(e))?;
    if announced > limit - output.len() {
        return Err(BatchError::OverLimit { limit });
    }
    if announced > compressed.len().saturating_mul(64) {
        return Err(Compression::Snappy.undecodable("a block announces more than it can hold"));
    }
    let start = output.len();
    if start == 0 {
        *output = vec![0; announced]; // zeroed by whoever gives the memory, mostly for nothing
    } else {
        output.resize(start + announced, 0);
    }
    let written = snap::raw::Decoder::new()
        .decompress(compressed, &mut output[start..])
        .map_err(|e| Compression::Snappy.undecodable(e))?;
    output.truncate(start + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_snappy_is_read_too() {
        let bare = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
        assert_eq!(decompress(&bare, 100), Ok(b"hello hello hello".to_vec()));
    }

    #[test]
    fn a_block_that_lies_about_its_length_takes_no_memory() {
        let lie = [0xff, 0xff, 0xff, 0x7f, 0];
        assert!(decompress(&lie, usize::MAX).is_err());
    }
}
