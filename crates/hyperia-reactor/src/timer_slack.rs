//! How late the kernel may end a thread's waits.
use core::marker::PhantomData;
use core::time::Duration;
use libc::{PR_GET_TIMERSLACK, PR_SET_TIMERSLACK, SYS_prctl, c_long, c_ulong};
use std::io;

/// Sets how much later than asked the kernel may end waits of this thread, until it is dropped.
///
/// By default that is 50 microseconds, so that timers that are due close together cost one interrupt. It
/// is most of the lateness of a short sleep: with one nanosecond, a wait of 50 microseconds ends about
/// 20 microseconds late instead of about 70, on the machine where this was written. It is a property of the
/// thread, so it holds for whatever waits there, not for a reactor alone; and threads with a real-time
/// policy have none.
///
/// # Examples
/// ```
/// use hyperia_reactor::{Reactor, TimerSlack};
/// use std::time::{Duration, Instant};
///
/// let mut reactor = Reactor::new()?;
/// let exact = TimerSlack::set(Duration::from_nanos(1))?;
/// let begun = Instant::now();
/// reactor.poll(Some(Duration::from_micros(50)))?;
/// assert!(begun.elapsed() >= Duration::from_micros(50));
/// drop(exact); // as before
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it sets the slack back"]
pub struct TimerSlack {
    before: c_ulong,
    /// Bound to its thread.
    _thread: PhantomData<*const ()>,
}

impl TimerSlack {
    /// Sets the slack of this thread. The least is a nanosecond, which zero means, too; the longest are
    /// 292 years.
    ///
    /// # Errors
    /// If the kernel refuses, as it may under a seccomp filter.
    ///
    /// # Complexity
    /// Two system calls, and one when it is dropped.
    pub fn set(slack: Duration) -> io::Result<Self> {
        let before = prctl(PR_GET_TIMERSLACK, 0)?;
        // Zero would mean the default, and more could not be told from an error when it is asked for.
        let longest = c_long::MAX as c_ulong;
        let nanos =
            c_ulong::try_from(slack.as_nanos()).map_or(longest, |nanos| nanos.clamp(1, longest));
        prctl(PR_SET_TIMERSLACK, nanos)?;
        Ok(Self {
            before,
            _thread: PhantomData,
        })
    }

    /// The slack of this thread.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn current() -> io::Result<Duration> {
        prctl(PR_GET_TIMERSLACK, 0).map(Duration::from_nanos)
    }
}

impl Drop for TimerSlack {
    fn drop(&mut self) {
        // What was allowed a moment ago is; if not, waits of this thread end earlier than they need to,
        // which nobody can be told here.
        drop(prctl(PR_SET_TIMERSLACK, self.before));
    }
}

/// The call itself: libc's cuts the result to an `int`.
fn prctl(option: libc::c_int, argument: c_ulong) -> io::Result<c_ulong> {
    // SAFETY: both options take numbers and touch no memory of ours.
    let result = unsafe { libc::syscall(SYS_prctl, c_long::from(option), argument, 0, 0, 0) };
    match c_ulong::try_from(result) {
        Ok(value) => Ok(value),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
