//! The operating system's error numbers, so that simulated errors look like Linux's.

use std::io;

pub(super) const EIO: i32 = 5;
pub(super) const EBADF: i32 = 9;
pub(super) const ENOSPC: i32 = 28;

pub(super) fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
