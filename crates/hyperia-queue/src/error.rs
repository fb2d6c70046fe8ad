//! Why a push or a pop did not happen.

use core::error::Error;
use core::fmt;

/// Why a value was not pushed; it is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// There is no room. Unbounded queues never say so.
    Full(T),
    /// The queue is closed, for good.
    Closed(T),
}

impl<T> PushError<T> {
    /// The value that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }

    /// Whether the queue is closed: no later push can succeed.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// Whether there was no room: a later push may succeed.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl PushError<()> {
    /// The same, with the value.
    pub(crate) fn with<T>(self, value: T) -> PushError<T> {
        match self {
            Self::Full(()) => PushError::Full(value),
            Self::Closed(()) => PushError::Closed(value),
        }
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "pushing into a full queue",
            Self::Closed(_) => "pushing into a closed queue",
        })
    }
}

impl<T> Error for PushError<T> {}

/// Why no value was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopError {
    /// There is nothing to pop yet.
    Empty,
    /// The queue is closed, and everything that was pushed before has been popped: nothing will
    /// come.
    Closed,
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "popping from an empty queue",
            Self::Closed => "popping from an empty and closed queue",
        })
    }
}

impl Error for PopError {}
