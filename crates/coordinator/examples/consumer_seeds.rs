//! Runs seeds of random consumer groups: `consumer_seeds FIRST COUNT [PLANTED BUG]`. With `--cfg thalweg_planted` a bug
//! can be planted, and how often each marked branch was reached is counted.
#![allow(clippy::disallowed_methods)] // a program

#[allow(dead_code)] // the stories use the rest of it
#[path = "../tests/consumer/cluster/mod.rs"]
mod cluster;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (first, count) = (number(0).unwrap_or(1), number(1).unwrap_or(1000));
    #[cfg(thalweg_planted)]
    if let Some(bug) = arguments.get(2) {
        model::marks::plant(bug);
    }
    let mut failed = 0;
    let (mut events, mut handed_over) = (0, 0);
    for seed in first..first + count {
        match cluster::play(seed) {
            Ok(outcome) => {
                events += outcome.events;
                handed_over += outcome.handed_over;
            }
            Err(violation) => {
                failed += 1;
                if failed <= 3 {
                    let what: String = violation.what.chars().take(200).collect();
                    println!("seed {seed}: {}: {what}", violation.invariant);
                }
            }
        }
    }
    println!("{failed} of {count} seeds failed; {events} events, {handed_over} partitions handed over");
    #[cfg(thalweg_planted)]
    for (name, times) in model::marks::counts() {
        println!("{times:>12}  {name}");
    }
}
