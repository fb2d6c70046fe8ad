//! The errors of a oneshot channel, in std's shape.

use core::error::Error;
use core::fmt;

use super::Receiver;

/// The receiver is gone; the value comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// The sender is gone and has sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why there is no value now.
pub enum TryRecvError<T> {
    /// Nothing was sent yet; the receiver comes back.
    Empty(Receiver<T>),
    /// The sender is gone and has sent nothing.
    Disconnected,
}

/// Why there was no value in time.
pub enum RecvTimeoutError<T> {
    /// Nothing was sent in time; the receiver comes back.
    Timeout(Receiver<T>),
    /// The sender is gone and has sent nothing.
    Disconnected,
}

const DISCONNECTED: &str = "the sender is gone and has sent nothing";

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver is gone")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DISCONNECTED)
    }
}

impl<T> fmt::Debug for TryRecvError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty(_) => "Empty(..)",
            Self::Disconnected => "Disconnected",
        })
    }
}

impl<T> fmt::Display for TryRecvError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty(_) => "nothing was sent yet",
            Self::Disconnected => DISCONNECTED,
        })
    }
}

impl<T> fmt::Debug for RecvTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Disconnected => "Disconnected",
        })
    }
}

impl<T> fmt::Display for RecvTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "nothing was sent in time",
            Self::Disconnected => DISCONNECTED,
        })
    }
}

impl<T> Error for SendError<T> {}
impl Error for RecvError {}
impl<T> Error for TryRecvError<T> {}
impl<T> Error for RecvTimeoutError<T> {}
