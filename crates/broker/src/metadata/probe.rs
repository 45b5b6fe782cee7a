//! Positive evidence that a process is gone.

use runtime::net::TcpStream;
use runtime::time::{Duration, sleep, timeout};
use std::io::ErrorKind;

/// Between the two refusals.
const BETWEEN: Duration = Duration::from_millis(50);
/// A connect that takes longer says nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether `address` refuses connections, twice in a row: nobody listens there.
pub async fn is_refused(address: &str) -> bool {
    if !refuses(address).await {
        return false;
    }
    sleep(BETWEEN).await;
    refuses(address).await
}

async fn refuses(address: &str) -> bool {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Err(error)) => error.kind() == ErrorKind::ConnectionRefused,
        Ok(Ok(_)) | Err(_) => false,
    }
}
