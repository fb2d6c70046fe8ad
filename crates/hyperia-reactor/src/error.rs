//! Why a wait ended without readiness.

use core::fmt;
use std::io;

/// The reactor was dropped while something waited for it.
///
/// It is what the [`io::Error`] (of kind [`Other`](io::ErrorKind::Other)) of such a wait holds:
/// `error.get_ref().is_some_and(|inner| inner.is::<ReactorGone>())`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReactorGone;

impl fmt::Display for ReactorGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor of this descriptor was dropped")
    }
}

impl core::error::Error for ReactorGone {}

impl From<ReactorGone> for io::Error {
    fn from(gone: ReactorGone) -> Self {
        io::Error::other(gone)
    }
}
