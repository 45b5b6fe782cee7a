//! How a command ends: the exit code, and what is said on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

/// What was asked for makes no sense. The program ends with 2 and not with 1.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Something is wrong with what was looked at, and was told. The program ends with 10.
#[derive(Debug)]
pub struct Unhealthy;

impl std::fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unhealthy")
    }
}

impl std::error::Error for Unhealthy {}

/// Says what went wrong, and with which code the program ends: 0 well, 1 failed, 2 wrong usage, 10 unhealthy.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<Unhealthy>() => ExitCode::from(10),
        Err(error) => {
            say(&in_words(&error));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Tells people something, each line under the program's name. Nobody may be listening any more: that is no failure.
pub fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(stderr, "thalweg: {line}"); // as said
    }
}

/// The error and its causes, each said once: some name their cause in their own words.
fn in_words(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// Whoever read our output has had enough, as in `thalweg consume … | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: impl Into<anyhow::Error>) -> String {
        format!("{:?}", exit_code(Err(error.into())))
    }

    #[test]
    fn a_cause_that_was_named_already_is_not_said_again() {
        let error = anyhow::anyhow!("no space").context("cannot write: no space").context("cannot start");
        assert_eq!(in_words(&error), "cannot start: cannot write: no space");
    }

    #[test]
    fn the_code_tells_a_failure_from_wrong_usage_and_a_closed_pipe_is_neither() {
        assert_eq!(code(Usage("--set needs a value".to_owned())), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(anyhow::anyhow!("the disk is full")), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(io::Error::from(io::ErrorKind::BrokenPipe)), format!("{:?}", ExitCode::SUCCESS));
    }
}
