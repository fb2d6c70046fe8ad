//! What the system does for the heavy fence.

#[cfg(all(target_os = "linux", not(miri)))]
mod membarrier;

#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use membarrier::{barrier, is_supported};

/// Elsewhere nobody has a seat.
#[cfg(any(not(target_os = "linux"), miri))]
pub(crate) fn is_supported() -> bool {
    false
}

#[cfg(any(not(target_os = "linux"), miri))]
pub(crate) fn barrier() {
    crate::primitive::fence_seq_cst();
}
