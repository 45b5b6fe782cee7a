//! Runs of record batches. The first byte chooses the rules that the first one is validated by; its checksum is made
//! right, since no fuzzer would guess it.
#![no_main]
#![allow(dead_code)] // a part of what the tests use

#[path = "../../tests/every_message/mod.rs"]
mod every_message;
#[path = "../../tests/meter/mod.rs"]
mod meter;
#[path = "../../tests/mutations/mod.rs"]
mod mutations;
#[path = "../../tests/samples/mod.rs"]
mod samples;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mutations::{Corpus, Target};
use protocol::records::HEADER_BYTES;
use samples::Dice;

#[global_allocator]
static METER: meter::Meter = meter::Meter;

static CORPUS: LazyLock<Corpus> = LazyLock::new(|| Corpus::new(1));

fuzz_target!(|data: &[u8]| {
    let Some((rules, batches)) = data.split_first() else { return };
    let mut batches = batches.to_vec();
    if let Some(size) = first_size(&batches) {
        let checksum = crc32c::crc32c(&batches[21..size]);
        batches[17..21].copy_from_slice(&checksum.to_be_bytes());
    }
    let outcome = CORPUS.read(Target::Batches, batches.into(), &mut Dice::new(u64::from(*rules)));
    outcome.check(format_args!("batches"));
});

/// Bytes of the first batch, if it is whole.
fn first_size(batches: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*batches.get(8..)?.first_chunk()?) as usize;
    (length + 12 >= HEADER_BYTES && length + 12 <= batches.len()).then_some(length + 12)
}
