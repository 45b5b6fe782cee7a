//! `cargo sim report`: what happened in a run, as one page to look at or as lines in the terminal.
#![allow(clippy::disallowed_methods)] // outside of every simulated world

mod ladder;
mod page;
pub mod recording;
mod story;
mod words;

use crate::fleet::{Child, replay, run_each};
use clap::Args;
use recording::Recording;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use story::Story;

/// What to report, and how.
#[derive(Args, Clone)]
pub struct Options {
    /// A .repro file, which is played once more, or a .history.jsonl; a .recording.json beside that is read, too
    file: PathBuf,
    /// Print lines, one an event, in place of a page
    #[arg(long)]
    text: bool,
    /// With --text: at most so many lines, those nearest to the anomaly
    #[arg(long, default_value_t = 200)]
    lines: usize,
    /// Show this partition [default: those that the anomalies name]
    #[arg(long, value_name = "TOPIC-NUMBER")]
    partition: Option<String>,
    /// Where the page goes [default: the file's name with .html]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave what the run recorded in this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Play it as with --blind
    #[arg(long)]
    blind: bool,
}

/// Makes the report: 0 when it is there, 2 when it cannot be made.
pub fn run(options: &Options) -> ExitCode {
    match told(options).and_then(|story| write(options, &story)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", options.file.display());
            ExitCode::from(2)
        }
    }
}

fn write(options: &Options, story: &Story) -> Result<(), String> {
    if options.text {
        ladder::short(story, options.lines).iter().for_each(|line| println!("{line}"));
        return Ok(());
    }
    let file = options.output.clone().unwrap_or_else(|| options.file.with_extension("html"));
    let page = page::of(story);
    std::fs::write(&file, &page).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    println!("{}: {} KiB. {}", file.display(), page.len() / 1024, story.headline());
    Ok(())
}

/// What there is to tell, of a run that is over or is played now.
fn told(options: &Options) -> Result<Story, String> {
    let is_history = options.file.extension().is_some_and(|extension| extension == "jsonl");
    if is_history { read(&options.file, &beside(&options.file), options) } else { played(options) }
}

/// Plays a `.repro` file, and reads what that leaves behind.
fn played(options: &Options) -> Result<Story, String> {
    let repro = replay::read(&options.file)?;
    let own = std::env::temp_dir().join(format!("sim-report-{}", std::process::id()));
    let directory = options.out.clone().unwrap_or_else(|| own.clone());
    let mut arguments = replay::arguments(&repro, &[]);
    arguments.extend(["--repro".to_owned(), options.file.display().to_string(), "--record".to_owned()]);
    arguments.extend(["--out".to_owned(), directory.display().to_string()]);
    arguments.extend(options.blind.then(|| "--blind".to_owned()));
    let mut last_words = String::new();
    run_each(std::iter::once(Child { seed: repro.plan.seed, arguments }), 1, |ended| {
        last_words = ended.stderr;
        true
    });
    let history = directory.join(format!("seed-{}.history.jsonl", repro.plan.seed));
    let story = read(&history, &beside(&history), options).map_err(|why| format!("{why}; the run said: {last_words}"));
    if options.out.is_none() {
        let _ = std::fs::remove_dir_all(&own); // only of use until here
    }
    story
}

/// The recording that belongs to a history.
fn beside(history: &Path) -> PathBuf {
    let name = history.file_name().unwrap_or_default().to_string_lossy().into_owned();
    history.with_file_name(name.replace(".history.jsonl", ".recording.json"))
}

fn read(history: &Path, recording: &Path, options: &Options) -> Result<Story, String> {
    let open =
        |path: &Path| File::open(path).map(BufReader::new).map_err(|error| format!("{}: {error}", path.display()));
    let history = jepsen_lite::history::read(open(history)?).map_err(|error| error.to_string())?;
    let recording = match std::fs::read_to_string(recording) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", recording.display()))?,
        Err(_) => Recording::default(), // what clients saw can be shown without
    };
    Ok(Story::new(history, recording, options.partition.as_deref()))
}
