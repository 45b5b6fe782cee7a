//! Frames from someone who means harm: nothing panics, and memory stays a small multiple of what came.

mod every_message;
mod meter;
mod mutations;
mod samples;

use bytes::Bytes;
use every_message::kinds;
use meter::{Meter, peak_of};
use mutations::{CODEC_MEMORY, Corpus, DECOMPRESSED_LIMIT, MEMORY_BASE, MEMORY_FACTOR};
use protocol::Reader;
use protocol::records::{CODEC_BYTES, Compression};

#[global_allocator]
static METER: Meter = Meter;

/// Frames for each of the two tests that run at the same time.
const FRAMES: u64 = 1_000_000;

fn attack(cases: std::ops::Range<u64>) {
    let corpus = Corpus::new(32);
    let outcomes = cases.clone().map(|case| corpus.attack(case));
    let accepted = outcomes.filter(|outcome| outcome.accepted).count() as u64;
    let all = cases.end - cases.start;
    assert!(
        accepted > all / 20 && accepted < all * 19 / 20,
        "{accepted} of {all}: they are spoiled too much or little"
    );
}

#[test]
fn a_million_mutated_frames_do_no_harm() {
    attack(0..FRAMES);
}

#[test]
fn another_million_mutated_frames_do_no_harm() {
    attack(FRAMES..2 * FRAMES);
}

#[test]
fn the_densest_messages_take_bounded_memory() {
    for kind in kinds() {
        for version in kind.versions.clone() {
            for tags in [false, true] {
                for message in samples::densest::messages(kind.table, kind.layout(version), 500, tags) {
                    let bytes = Bytes::from(message);
                    let (result, peak) = peak_of(|| kind.decode_whole(&bytes, version).map(drop));
                    let allowed = MEMORY_FACTOR * bytes.len() + MEMORY_BASE;
                    assert_eq!(result, Ok(()), "{} v{version}", kind.name);
                    assert!(peak <= allowed, "{} v{version}: {peak} bytes for {}", kind.name, bytes.len());
                }
            }
        }
    }
}

/// An array of two billion in a frame of a few bytes.
#[test]
fn announced_sizes_take_no_memory() {
    for kind in kinds() {
        for version in kind.versions.clone() {
            for lie in [&b"\x7f\xff\xff\xff"[..], b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\x0f", b"\x7f\xff"] {
                for zeros in 0..24 {
                    let bytes = Bytes::from([&[0; 24][..zeros], lie, &[0; 8]].concat());
                    let mut reader = Reader::new(bytes);
                    let (_, peak) = peak_of(|| (kind.decode)(&mut reader, version).map(drop));
                    assert!(peak <= MEMORY_BASE, "{} v{version} after {zeros}: {peak} bytes", kind.name);
                }
            }
        }
    }
}

#[test]
fn a_bomb_takes_no_more_than_its_cap() {
    let zeros = vec![0; 64 << 20];
    for codec in &Compression::ALL[1..] {
        let bomb = codec.compress(&zeros, None);
        let (result, peak) = peak_of(|| codec.decompress(&bomb, DECOMPRESSED_LIMIT).map(drop));
        assert!(result.is_err() && peak <= CODEC_MEMORY + bomb.len(), "{codec}: {peak} bytes");
    }
}

/// An LZ4 frame announces blocks of four MiB, or of eight in the old form, and then has none.
#[test]
fn announced_blocks_take_what_the_codec_says() {
    let linked = b"\x04\x22\x4d\x18\x40\x70\xdf\x01\0\0\0\0";
    let legacy = b"\x02\x21\x4c\x18\x01\0\0\0\0";
    for frame in [&linked[..], &legacy[..]] {
        let (_, peak) = peak_of(|| Compression::Lz4.decompress(frame, DECOMPRESSED_LIMIT).map(drop));
        assert!(peak > 4 << 20 && peak <= CODEC_BYTES, "{peak} bytes");
    }
}
