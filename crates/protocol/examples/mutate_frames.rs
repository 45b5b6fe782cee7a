//! Reads spoiled frames: `cargo run --release -p protocol --example mutate_frames [FRAMES] [FIRST]`, ten million from
//! case 0 unless told otherwise. A panic or too much memory ends it with the number of the case, which is its seed.

#[path = "../tests/every_message/mod.rs"]
mod every_message;
#[path = "../tests/meter/mod.rs"]
mod meter;
#[path = "../tests/mutations/mod.rs"]
mod mutations;
#[path = "../tests/samples/mod.rs"]
mod samples;

use std::sync::atomic::{AtomicU64, Ordering};

use mutations::Corpus;

#[global_allocator]
static METER: meter::Meter = meter::Meter;

/// The case at hand, for the message of a panic.
static CASE: AtomicU64 = AtomicU64::new(0);

fn argument(index: usize, otherwise: u64) -> u64 {
    let given = std::env::args().nth(index).map(|text| text.replace('_', ""));
    given.map_or(otherwise, |text| text.parse().expect("arguments are numbers: FRAMES FIRST"))
}

fn main() {
    let (frames, first) = (argument(1, 10_000_000), argument(2, 0));
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("case {} fails, repeat it with arguments 1 {0}", CASE.load(Ordering::Relaxed));
        print(panic);
    }));
    let corpus = Corpus::new(8);
    let (mut accepted, mut bytes, mut peak, mut factor) = (0u64, 0u64, 0, 0.0f64);
    for case in first..first + frames {
        CASE.store(case, Ordering::Relaxed);
        let outcome = corpus.attack(case);
        accepted += u64::from(outcome.accepted);
        bytes += outcome.size as u64;
        peak = peak.max(outcome.peak);
        if outcome.allowed < mutations::CODEC_MEMORY && outcome.size > 200 {
            factor = factor.max(outcome.peak as f64 / outcome.size as f64);
        }
    }
    println!("{frames} frames of {} bytes on average, {accepted} accepted, 0 panics", bytes / frames.max(1));
    println!("{peak} bytes of memory at most, {factor:.1} for each byte of a frame where nothing is decompressed");
}
