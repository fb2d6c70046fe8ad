//! What the system does for the heavy fence.

#[cfg(all(feature = "std", target_os = "linux", not(any(miri, hyperia_loom))))]
#[path = "sys/membarrier.rs"]
mod kind;

/// Where nobody has a seat, and in models, where a light fence is a full one.
#[cfg(not(all(feature = "std", target_os = "linux", not(any(miri, hyperia_loom)))))]
mod kind {
    pub(crate) use crate::primitive::fence_seq_cst as barrier;

    /// Elsewhere nobody has a seat.
    #[cfg(all(feature = "std", not(hyperia_loom)))]
    pub(crate) fn is_supported() -> bool {
        false
    }
}

pub(crate) use kind::*;
