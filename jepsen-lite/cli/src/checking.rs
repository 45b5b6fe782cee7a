//! `check` and `edn`: histories that are in files.

use crate::Ending;
use crate::command_line::Check;
use anyhow::Context;
use jepsen_lite::checker;
use jepsen_lite::history::{self, History};
use std::fs;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

/// Judges each file, and says what is wrong.
///
/// # Errors
/// A file is no history, or EDN cannot be written.
pub fn check(check: &Check) -> anyhow::Result<Ending> {
    let mut ending = Ending::Valid;
    for file in &check.files {
        let history = read(file)?;
        let verdict = checker::check(&history);
        print!("{}: {}", file.display(), checker::in_words(&history, &verdict));
        if check.edn {
            let path = file.with_extension("edn");
            save_edn(&history, &path)?;
        }
        match ending_of(&history, &verdict) {
            Ending::Broken => ending = Ending::Broken,
            Ending::Unknown if ending == Ending::Valid => ending = Ending::Unknown,
            _ => {}
        }
    }
    Ok(ending)
}

/// Writes a history as EDN to standard output.
///
/// # Errors
/// The file is no history, or nobody takes what is written.
pub fn write_edn(file: &Path) -> anyhow::Result<Ending> {
    let history = read(file)?;
    let mut output = BufWriter::new(io::stdout().lock());
    history::write_edn(&history, &mut output).and_then(|()| output.flush()).context("cannot write EDN")?;
    Ok(Ending::Valid)
}

/// Writes a history as EDN into a file.
///
/// # Errors
/// It cannot be written.
pub fn save_edn(history: &History, path: &Path) -> anyhow::Result<()> {
    save(path, |to| history::write_edn(history, to))
}

/// Writes a history as JSON lines into a file.
///
/// # Errors
/// It cannot be written.
pub fn save_history(history: &History, path: &Path) -> anyhow::Result<()> {
    save(path, |to| history::write(history, to))
}

fn save(path: &Path, write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>) -> anyhow::Result<()> {
    let written = fs::File::create(path).and_then(|file| {
        let mut to = BufWriter::new(file);
        write(&mut to).and_then(|()| to.flush())
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// What a verdict means for who asked.
pub fn ending_of(history: &History, verdict: &checker::Verdict) -> Ending {
    match (verdict.is_clean(), history.completed_operations()) {
        (false, _) => Ending::Broken,
        (true, 0) => Ending::Unknown,
        (true, _) => Ending::Valid,
    }
}

fn read(file: &Path) -> anyhow::Result<History> {
    let opened = fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    history::read(BufReader::new(opened)).with_context(|| format!("{} is no history", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: &str = r#"{"session":{"process":1,"idempotent":true,"may_resend":true}}
{"invoke":{"at":1,"process":0,"action":{"create_topic":{"topic":"t","partitions":1,"replicas":1,"configs":{"retention.ms":"-1"}}}}}
{"ok":{"at":2,"operation":0,"answer":{"created":{}}}}
{"invoke":{"at":3,"process":1,"action":{"produce":{"partition":"t-0","acks":"all","one_batch":true,"records":[[0,77,-1]]}}}}
{"ok":{"at":4,"operation":1,"answer":{"produced":{"base_offset":0}}}}
{"healed":{"at":5}}
{"invoke":{"at":6,"process":2,"action":{"scan":{"partition":"t-0"}}}}
"#;
    const SCANS: [(&str, Ending); 2] = [
        (r#"{"ok":{"at":7,"operation":2,"answer":{"scanned":{"log_start":0,"end":0,"records":[]}}}}"#, Ending::Broken),
        (
            r#"{"ok":{"at":7,"operation":2,"answer":{"scanned":{"log_start":0,"end":1,"records":[[0,0,77,-1,0]]}}}}"#,
            Ending::Valid,
        ),
    ];

    #[test]
    fn the_ending_tells_a_lost_record_from_a_kept_one_and_nothing_from_both() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("history.jsonl");
        for (scan, ending) in SCANS {
            fs::write(&path, format!("{LOST}{scan}\n")).expect("it can be written");
            assert_eq!(check(&Check { files: vec![path.clone()], edn: true }).expect("it is a history"), ending);
            let edn = fs::read_to_string(path.with_extension("edn")).expect("it was written");
            assert!(edn.contains(r#":f :send, :value [[:send "t-0" [0 0]]]"#), "{edn}");
        }
        fs::write(&path, "").expect("it can be written");
        assert_eq!(check(&Check { files: vec![path.clone()], edn: false }).expect("it is one"), Ending::Unknown);
        fs::write(&path, "no history\n").expect("it can be written");
        assert!(check(&Check { files: vec![path], edn: false }).is_err());
    }
}
