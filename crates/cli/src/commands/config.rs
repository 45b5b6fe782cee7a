//! `thalweg config`.

use clap::{Args, Subcommand};
use std::io::Write;

/// Look at configuration keys.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  thalweg config reference > reference.md")]
pub struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every key with its type, default and meaning, as Markdown.
    #[command(after_help = "Example:\n  thalweg config reference | less")]
    Reference,
}

/// Prints what was asked for.
pub fn run(config: &Config) -> anyhow::Result<()> {
    match config.what {
        What::Reference => {
            std::io::stdout().write_all(model::config::reference_page().as_bytes())?;
            Ok(())
        }
    }
}
