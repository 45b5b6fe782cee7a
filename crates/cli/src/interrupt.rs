//! Ctrl-C and SIGTERM while a command works: the first asks it to end well, the second ends it at once.

use runtime::sync::watch;

/// Tells when the command is to end.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Takes over the signals of this process.
    pub fn listen() -> Interrupt {
        let (asked, told) = watch::channel(false);
        runtime::task::spawn("signals", async move {
            if runtime::process::stop_signal().await.is_err() {
                return; // the system ends the process itself then
            }
            let _ = asked.send(true); // the command may be at its end
            if runtime::process::stop_signal().await.is_ok() {
                end_now();
            }
        });
        Interrupt(told)
    }

    /// Whether the command is to end.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the command is to end.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending().await
        }
    }
}

#[allow(clippy::disallowed_methods)] // this is the program; it may hang in a write to a pipe that nobody reads
fn end_now() {
    std::process::exit(1);
}
