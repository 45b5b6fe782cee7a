//! The four codecs. Every decompressor has an output cap, and allocates as output appears, not as input announces.

use super::error::BatchError;
use super::{gzip, xerial, zstandard};
use std::fmt;
use std::io::{Read, Write};

/// Bytes that a decompressor takes beside its output, at most: the two buffers of LZ4's largest blocks. Of zstd's window,
/// which may be announced as large as 128 MiB, only what output has filled is ever touched.
pub const CODEC_BYTES: usize = 32 << 20;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Compression {
    /// Not at all.
    #[default]
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Blocks of Snappy in the framing of snappy-java; bare Snappy is read too.
    Snappy = 2,
    /// The LZ4 frame format.
    Lz4 = 3,
    /// RFC 8878 (KIP-110).
    Zstd = 4,
}

impl Compression {
    /// All of them, in the order of their codes.
    pub const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    /// The codec of the lowest three bits of a batch's attributes.
    pub fn from_code(code: u8) -> Option<Compression> {
        Compression::ALL.get(usize::from(code)).copied()
    }

    /// The number in a batch's attributes.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// The codec of a name in `compression.type`.
    pub fn from_name(name: &str) -> Option<Compression> {
        Compression::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Compresses `input`. A `level` means gzip 1 to 9 or zstd -131072 to 22 (KIP-390); others are brought into that
    /// range, `None` is the codec's own default, and LZ4 and Snappy have one level here.
    ///
    /// # Panics
    /// Never for lack of input: writing to memory cannot fail.
    pub fn compress(self, input: &[u8], level: Option<i32>) -> Vec<u8> {
        match self {
            Compression::None => input.to_vec(),
            Compression::Gzip => gzip::compress(input, level),
            Compression::Snappy => xerial::compress(input),
            Compression::Lz4 => lz4(input),
            Compression::Zstd => zstandard::compress(input, level),
        }
    }

    /// Decompresses `input`.
    ///
    /// # Errors
    /// It is not of this codec, or the output would be larger than `limit` bytes.
    pub fn decompress(self, input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
        match self {
            Compression::None if input.len() > limit => Err(BatchError::OverLimit { limit }),
            Compression::None => Ok(input.to_vec()),
            Compression::Gzip => self.read_all(flate2::read::MultiGzDecoder::new(input), input.len(), limit),
            Compression::Snappy => xerial::decompress(input, limit),
            Compression::Lz4 => self.read_all(lz4_flex::frame::FrameDecoder::new(input), input.len(), limit),
            Compression::Zstd => zstandard::decompress(input, limit),
        }
    }

    pub(super) fn read_all(self, decoder: impl Read, input_bytes: usize, limit: usize) -> Result<Vec<u8>, BatchError> {
        let mut output = Vec::with_capacity(input_bytes.saturating_mul(2).min(limit));
        decoder.take((limit as u64).saturating_add(1)).read_to_end(&mut output).map_err(|e| self.undecodable(e))?;
        if output.len() > limit {
            return Err(BatchError::OverLimit { limit });
        }
        Ok(output)
    }

    pub(super) fn undecodable(self, why: impl fmt::Display) -> BatchError {
        BatchError::Undecodable { codec: self, why: why.to_string() }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn lz4(input: &[u8]) -> Vec<u8> {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    // Kafka's reader wants independent blocks; its writer makes them of 64 KiB.
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(input.len() / 2));
    encoder.write_all(input).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn every_codec_reads_back_what_it_wrote() {
        let long: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 9) as u8).collect();
        for codec in Compression::ALL {
            for input in [&b""[..], b"x", b"abcabcabcabcabcabcabcabcabc", &long] {
                for level in [None, Some(1), Some(9), Some(i32::MAX), Some(-1)] {
                    let compressed = codec.compress(input, level);
                    assert_eq!(codec.decompress(&compressed, input.len()), Ok(input.to_vec()), "{codec} {level:?}");
                }
            }
        }
    }

    #[test]
    fn the_cap_holds_against_a_bomb() {
        let zeros = vec![0; 4 << 20];
        for codec in Compression::ALL {
            let bomb = codec.compress(&zeros, None);
            let limit = zeros.len() - 1;
            assert_eq!(codec.decompress(&bomb, limit), Err(BatchError::OverLimit { limit }), "{codec}");
        }
    }

    #[test]
    fn what_is_not_compressed_is_refused() {
        for codec in &Compression::ALL[1..] {
            let result = codec.decompress(b"this is not compressed at all", 1 << 20);
            assert!(matches!(result, Err(BatchError::Undecodable { .. })), "{codec}: {result:?}");
            let mut cut = codec.compress(&[7; 1000], None);
            cut.truncate(cut.len() - 5);
            assert!(codec.decompress(&cut, 1 << 20).is_err(), "{codec} cut short");
        }
    }

    /// Made by GNU gzip, lz4 and zstd on the command line from the five bytes "hello".
    #[test]
    fn other_programs_output_is_read() {
        let gzip = hex("1f8b0800000000000003cb48cdc9c907008 6a6103605000000".replace(' ', "").as_str());
        assert_eq!(Compression::Gzip.decompress(&gzip, 100), Ok(b"hello".to_vec()));
    }
}
