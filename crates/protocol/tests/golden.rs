//! Bytes of Apache Kafka itself: what it said on the wire, and batches that it built.

mod every_message;

#[path = "golden/batches.rs"]
mod batches;
#[path = "golden/frames.rs"]
mod frames;

/// The words of each line, comments left out.
fn lines(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect())
}

fn bytes(hexadecimal: &str) -> bytes::Bytes {
    let byte = |at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).expect("hexadecimal digits");
    (0..hexadecimal.len()).step_by(2).map(byte).collect()
}
