//! A server process: started, waited for, asked to stop, killed.

use crate::binary;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a start may take before the test fails. Recovery on a machine that is busy with compiling is slow.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a process may take to end once it should.
const END_LIMIT: Duration = Duration::from_secs(30);

/// A server that is ready. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    process: Process,
    address: String,
    took: Duration,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// How long that took from when it was asked, or from its start.
    pub took: Duration,
    /// All that it wrote to standard error.
    pub log: String,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1 with its data in `data`, and waits until it is ready. `settings` are
    /// `key=value`, as for `--set`.
    ///
    /// # Panics
    /// When it ends instead, or is not ready within a minute.
    pub fn start(data: &Path, settings: &[&str]) -> Server {
        Server::start_on(0, data, settings)
    }

    /// The same on a given port, so that clients of its predecessor find it.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_on(port: u16, data: &Path, settings: &[&str]) -> Server {
        let began = Instant::now();
        let mut process = Process::spawn(port, data, settings);
        match process.ready.recv_timeout(START_LIMIT) {
            Ok(address) => Server { address, took: began.elapsed(), process },
            Err(RecvTimeoutError::Disconnected) => {
                let ended = process.wait(began);
                panic!("the server ended with {} instead of being ready:\n{}", ended.status, ended.log)
            }
            Err(RecvTimeoutError::Timeout) => {
                panic!("the server is not ready after {START_LIMIT:?}:\n{}", process.log())
            }
        }
    }

    /// Starts one node of a cluster, and does not wait: it is not ready before a majority is. `settings` say all.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn begin(address: &str, data: &Path, settings: &[&str]) -> Server {
        let process = Process::spawn(0, data, settings);
        Server { address: address.to_owned(), took: Duration::ZERO, process }
    }

    /// Waits until a server that was begun is ready.
    ///
    /// # Panics
    /// When it ends instead, or is not ready within a minute.
    pub fn wait_until_ready(&mut self) {
        if let Err(error) = self.process.ready.recv_timeout(START_LIMIT) {
            panic!("the server is not ready ({error}):\n{}", self.log());
        }
    }

    /// Stops it for a while, as a machine that stalls: SIGSTOP, later SIGCONT.
    ///
    /// # Panics
    /// When it is gone.
    pub fn pause(&self, life: Duration) {
        self.signal("-STOP");
        thread::sleep(life);
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.child.id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status().expect("kill runs");
        assert!(sent.success(), "the server is gone already:\n{}", self.log());
    }

    /// Where it listens, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The port it listens on.
    ///
    /// # Panics
    /// Never: the address was read from the ready line.
    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address ends with a port")
    }

    /// From the start of the process until it said that it is ready.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Processor time that its threads have used.
    ///
    /// # Panics
    /// When the kernel does not tell, or the process is gone.
    pub fn processor_time(&self) -> Duration {
        let nanoseconds = |text: &str| text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        Duration::from_nanos(self.of_threads("schedstat", nanoseconds).values().sum())
    }

    /// How many times each of its threads has gone to rest, by the thread's id.
    ///
    /// # Panics
    /// When the kernel does not tell, or the process is gone.
    pub fn rests(&self) -> BTreeMap<String, u64> {
        let count = |text: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        self.of_threads("status", count)
    }

    /// A number that the kernel tells of each thread in the file with this name.
    fn of_threads(&self, file: &str, number: impl Fn(&str) -> u64) -> BTreeMap<String, u64> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.child.id())).expect("the process runs");
        let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
            let thread = thread.expect("the process runs");
            let text = std::fs::read_to_string(thread.path().join(file)).unwrap_or_default(); // it may have ended
            (thread.file_name().to_string_lossy().into_owned(), number(&text))
        };
        threads.map(of_thread).collect()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When it does not end in 30 seconds.
    pub fn stop(mut self) -> Ended {
        let began = Instant::now();
        self.signal("-TERM");
        self.process.wait(began)
    }

    /// Kills it with SIGKILL.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub fn kill(mut self) {
        let early = self.process.child.try_wait().expect("a child can be asked");
        assert!(early.is_none(), "the server ended by itself with {early:?}:\n{}", self.log());
        self.process.child.kill().expect("a child can be killed");
        self.process.wait(Instant::now());
    }
}

/// Starts a server that should not become one, and waits for its end.
///
/// # Panics
/// When it becomes ready.
pub fn refused(data: &Path, settings: &[&str]) -> Ended {
    let began = Instant::now();
    let mut process = Process::spawn(0, data, settings);
    match process.ready.recv_timeout(START_LIMIT) {
        Err(RecvTimeoutError::Disconnected) => process.wait(began),
        Ok(address) => panic!("the server started, on {address}:\n{}", process.log()),
        Err(RecvTimeoutError::Timeout) => panic!("the server neither starts nor ends:\n{}", process.log()),
    }
}

/// Starts a server and kills it with SIGKILL after `life`, wherever it is by then.
///
/// # Panics
/// When it ended by itself.
pub fn start_and_kill(port: u16, data: &Path, settings: &[&str], life: Duration) {
    let mut process = Process::spawn(port, data, settings);
    thread::sleep(life);
    let early = process.child.try_wait().expect("a child can be asked");
    assert!(early.is_none(), "the server ended by itself with {early:?}:\n{}", process.log());
    process.child.kill().expect("a child can be killed");
    process.wait(Instant::now());
}

#[derive(Debug)]
struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    /// The address that it is ready on; closed when it writes no more.
    ready: mpsc::Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    fn spawn(port: u16, data: &Path, settings: &[&str]) -> Process {
        let mut command = Command::new(binary::thalweg());
        command.args(["server", "--set", "node.id=1", "--set", &format!("listeners=PLAINTEXT://127.0.0.1:{port}")]);
        command.args(["--set", &format!("log.dirs={}", data.display())]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the server can be run");
        let (log, (told, ready)) = (Arc::default(), mpsc::channel());
        let stderr = child.stderr.take().expect("it is a pipe");
        let reader = thread::spawn({
            let log = Arc::clone(&log);
            move || follow(stderr, &log, &told)
        });
        Process { child, log, ready, reader: Some(reader) }
    }

    fn log(&self) -> String {
        self.log.lock().expect("no panic inside").clone()
    }

    fn wait(&mut self, began: Instant) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(began.elapsed() < END_LIMIT, "the server does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        };
        let took = began.elapsed();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading a pipe does not panic");
        }
        Ended { status, took, log: self.log() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

fn follow(stderr: ChildStderr, log: &Mutex<String>, told: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        {
            let mut log = log.lock().expect("no panic inside");
            log.push_str(&line);
            log.push('\n');
        }
        if let Some(address) = address_of(&line) {
            let _ = told.send(address.to_owned()); // a server that was to be refused has nobody listening
        }
    }
}

/// The first address in a line like `thalweg: ready in 36 ms on 127.0.0.1:9092, 0 topics`.
fn address_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("ready in ")?;
    let (_, addresses) = rest.split_once(" on ")?;
    addresses.split([',', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::address_of;

    #[test]
    fn the_ready_line_names_the_address() {
        assert_eq!(address_of("thalweg: ready in 36 ms on 127.0.0.1:39539, 0 topics"), Some("127.0.0.1:39539"));
        assert_eq!(address_of("thalweg: opened x, ready in 3 ms on 127.0.0.1:1 and [::1]:1"), Some("127.0.0.1:1"));
        assert_eq!(address_of("thalweg: stopping"), None);
    }
}
