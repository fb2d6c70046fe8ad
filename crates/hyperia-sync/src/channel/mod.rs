//! What the channels have in common: their errors, and how one waits for room or for a value.

mod error;
mod line;

pub use self::error::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub(crate) use self::line::Line;
