//! Remembers what a panic said, for the report.

use std::sync::Mutex;

// The harness lives outside of the simulated world: what is written here, no node reads.
static WORDS: Mutex<String> = Mutex::new(String::new());

/// Listens from now on; the usual message is still printed.
pub fn listen() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Ok(mut words) = WORDS.lock()
            && words.is_empty()
        {
            let at = panic.location().map_or(String::new(), |at| format!(" ({}:{})", at.file(), at.line()));
            let said = panic.payload_as_str().unwrap_or("a panic without words");
            *words = format!("{said}{at}");
        }
        usual(panic);
    }));
}

/// What the first panic said.
pub fn heard() -> String {
    WORDS.lock().map_or_else(|words| words.into_inner().clone(), |words| words.clone())
}
