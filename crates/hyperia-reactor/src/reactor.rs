//! The thread that waits for all.

use core::task::Waker;
use core::time::Duration;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::handle::{BELL, Handle, Shared};
use crate::panics::Panics;
use crate::readiness::Report;
use crate::slots::parse_token;
use crate::sys::epoll::{Event, Events};

/// Waits for events of all registered descriptors, and wakes the tasks that wait for them.
///
/// Whoever owns it polls it: nothing happens between two calls of [`poll`](Self::poll), on no other thread
/// either. Sources are made with its [`Handle`].
///
/// # Dropping
/// A reactor may be dropped before its sources. Waits then end with [`ReactorGone`](crate::ReactorGone), as
/// do later ones that would have to wait; attempts that need not wait still work. Nothing hangs, and memory
/// is freed when the last source, handle or waker is.
///
/// # Limits
/// After `fork` a child process shares the kernel's side of the reactor with its parent; neither may then
/// register, and the child may not poll, nor drop a source: that would end the parent's registration. (A child
/// that ends by `exec` or `_exit` drops nothing.) All descriptors made here are closed by `exec`.
///
/// # Examples
/// ```
/// use hyperia_reactor::Reactor;
/// use std::time::Duration;
///
/// let mut reactor = Reactor::new()?;
/// let waker = reactor.waker();
/// std::thread::spawn(move || waker.wake());
///
/// // Ends when the other thread wakes it.
/// assert_eq!(reactor.poll(None)?, 0);
/// assert_eq!(reactor.poll(Some(Duration::ZERO))?, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Reactor {
    shared: Arc<Shared>,
    events: Events,
}

impl Reactor {
    /// Creates a reactor without registrations.
    ///
    /// # Errors
    /// If the process is out of descriptors or memory; it needs two descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared::new()?),
            events: Events::new(),
        })
    }

    /// A handle for registering descriptors.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// A waker that ends the present or next [`poll`](Self::poll), from any thread.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.shared))
    }

    /// Waits for events and wakes the tasks that wait for them; returns how many descriptors had one.
    ///
    /// Returns as soon as there is an event, after a wake-up (one since the last poll returned counts),
    /// and after `timeout` at the latest (`None`: never; zero: at once). It may also return early, with 0:
    /// when a signal arrives, or for a wake-up that was already taken note of. Wakers are called on this
    /// thread, with no lock held.
    ///
    /// The timeout is good to the nanosecond as far as the kernel allows; by default a thread's timers
    /// may be 50 µs late (`PR_SET_TIMERSLACK`).
    ///
    /// # Errors
    /// Those of `epoll_wait(2)` except `EINTR`; none is expected.
    ///
    /// # Panics
    /// If a waker panics. The others have been woken then, and the reactor may be used further.
    pub fn poll(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let may_wait = timeout != Some(Duration::ZERO) && self.shared.wakeup.fall_asleep();
        let timeout = if may_wait {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let waited = self.events.wait(&self.shared.epoll, timeout);
        self.shared.wakeup.rise();
        waited?;

        let mut panics = Panics::default();
        let delivered = self
            .events
            .iter()
            .filter(|&event| self.deliver(event, &mut panics))
            .count();
        panics.resume();
        Ok(delivered)
    }

    /// Notes and announces one event. False: it concerns no registration, or one that has ended.
    #[inline]
    fn deliver(&self, event: Event, panics: &mut Panics) -> bool {
        if event.token == BELL {
            return false;
        }
        let (generation, index) = parse_token(event.token);
        let Some(slot) = self.shared.slots.get(index) else {
            return false;
        };
        let Some(wakes) = slot
            .word
            .deliver(generation, Report::from_epoll(event.flags))
        else {
            return false;
        };
        if !wakes.is_empty() {
            slot.wake(wakes, panics);
        }
        true
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let mut panics = Panics::default();
        self.shared.slots.close(&mut panics);
        panics.resume();
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").finish_non_exhaustive()
    }
}
