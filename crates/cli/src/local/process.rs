//! The processes of nodes.

use super::layout::Node;
use anyhow::{Context, bail};
use runtime::time::{Duration, Instant, sleep};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// How often is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Most stops take milliseconds.
const STOP_DEADLINE: Duration = Duration::from_secs(25);

/// The process of a node, known by its id only: it may be somebody else's child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(u32);

/// The process of a node that this program started.
#[derive(Debug)]
pub struct NodeProcess {
    /// Which node.
    pub node: Node,
    child: Child,
}

impl NodeProcess {
    /// Starts a node in a process group of its own, so that Ctrl-C at a terminal comes to this program only.
    ///
    /// # Errors
    /// The program or the files of the node cannot be used.
    pub fn start(node: &Node) -> anyhow::Result<NodeProcess> {
        let log = || -> io::Result<fs::File> { fs::File::options().create(true).append(true).open(node.log()) };
        let cannot = || format!("cannot write {}", node.log().display());
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command.arg("server").arg("--config").arg(node.properties()).current_dir(&node.directory).process_group(0);
        command.stdin(Stdio::null()).stdout(log().with_context(cannot)?).stderr(log().with_context(cannot)?);
        // What is meant for one server in this environment is not meant for all of them.
        let ours = |name: &str| name.starts_with("KAFKA_") || name == "CLUSTER_ID";
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        let child = command.spawn().with_context(|| format!("cannot start node {}", node.id))?;
        fs::write(node.pid_file(), format!("{}\n", child.id()))
            .with_context(|| format!("cannot write {}", node.pid_file().display()))?;
        Ok(NodeProcess { node: node.clone(), child })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        let _ = fs::remove_file(self.node.pid_file()); // a file that stays is found to be of no process
        Some(status)
    }

    /// Ends it as a crash would: kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
        let _ = fs::remove_file(self.node.pid_file());
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) {
        Pid(self.child.id()).ask_to_stop();
    }

    /// Waits until it has ended, or kills it; says whether it stopped by itself.
    pub async fn stopped(&mut self) -> bool {
        let deadline = Instant::now() + STOP_DEADLINE;
        while self.ended().is_none() {
            if Instant::now() >= deadline {
                self.kill();
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
        true
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        const BYTES: u64 = 2 << 10;
        const LINES: usize = 6;
        let read = || -> io::Result<Vec<u8>> {
            let mut log = fs::File::open(self.node.log())?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let text = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

/// How a process ended, in words.
pub fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "was stopped".to_owned(),
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

impl Pid {
    /// The process of a node that runs now, if there is one. An id alone may be anybody's by now.
    pub fn of(node: &Node) -> Option<Pid> {
        let pid = fs::read_to_string(node.pid_file()).ok()?.trim().parse().ok()?;
        command_line(pid)?.contains(&*node.properties().to_string_lossy()).then_some(Pid(pid))
    }

    /// Asks it to stop.
    pub fn ask_to_stop(self) {
        self.signal("TERM");
    }

    /// Waits until the process of `node` has ended, or kills it; says whether it stopped by itself.
    ///
    /// # Errors
    /// It cannot be ended.
    pub async fn stopped(self, node: &Node) -> anyhow::Result<bool> {
        let deadline = Instant::now() + STOP_DEADLINE;
        let mut was_asked_only = true;
        while Pid::of(node) == Some(self) {
            if Instant::now() >= deadline + LOOK_EVERY * 50 {
                bail!("process {} of node {} cannot be ended; does it belong to another user?", self.0, node.id);
            }
            if Instant::now() >= deadline {
                was_asked_only = false;
                self.signal("KILL");
            }
            sleep(LOOK_EVERY).await;
        }
        let _ = fs::remove_file(node.pid_file()); // a file that stays is found to be of no process
        Ok(was_asked_only)
    }

    fn signal(self, name: &str) {
        // The shell has kill built in, also where the program is not installed.
        let mut shell = Command::new("sh");
        shell.args(["-c", "kill -\"$0\" \"$1\"", name, &self.0.to_string()]).stderr(Stdio::null());
        let _ = shell.status(); // whether it helped is seen by the process's end
    }
}

/// How a process was called; none for one that has ended.
fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&line).replace('\0', " "));
    }
    let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
