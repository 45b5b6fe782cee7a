//! Requests, responses and payloads. The first two bytes choose what the others are read as.
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

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mutations::Corpus;
use samples::Dice;

#[global_allocator]
static METER: meter::Meter = meter::Meter;

static CORPUS: LazyLock<Corpus> = LazyLock::new(|| Corpus::new(1));

fuzz_target!(|data: &[u8]| {
    let Some((choice, frame)) = data.split_first_chunk::<2>() else { return };
    let target = CORPUS.target(u16::from_be_bytes(*choice));
    let outcome = CORPUS.read(target, Bytes::copy_from_slice(frame), &mut Dice::new(0));
    outcome.check(format_args!("{target:?}"));
});
