//! Waiting for signals.
use crate::signal::Signal;
use crate::sys;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream;
use futures_core::future::FusedFuture;
use futures_core::stream::FusedStream;
use hyperia_reactor::{Direction, Handle, Source};
use std::io;
use std::os::fd::OwnedFd;

/// The signals of a chosen set, as they come.
///
/// From [`new`](Self::new) on every one of them is seen, by each of any number of instances, whatever
/// thread it arrives in. As in the kernel, the same signal coming several times before it is received may
/// be received once; different ones are all received, in no particular order.
///
/// It has one waiter: the task that polled it last.
///
/// # What it does to the process
/// The first instance for a signal installs a handler for it, so that the signal's usual effect does not
/// happen; a handler that was there before is called as well. Interrupted system calls go on
/// (`SA_RESTART`). When the last instance for a signal is dropped, what was there before is put back:
/// Ctrl-C ends the process again. Only if somebody else has installed a handler over ours meanwhile, ours
/// stays, because theirs may call it; and for that signal later instances rely on theirs calling ours. An
/// eventfd, and the memory of the previous actions, stay for the life of the process.
///
/// Whoever else changes the same signal's handler at the very moment of the first `new` or the last drop
/// may undo it or be undone: the system has no way to exchange a handler on a condition.
///
/// After `fork`, parent and child share the eventfd: a signal of one may wake the other for nothing.
///
/// # Examples
/// ```
/// use hyperia_reactor::Reactor;
/// use hyperia_signal::{Signal, Signals};
///
/// let mut reactor = Reactor::new()?;
/// let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1, Signal::HANGUP])?;
/// # // SAFETY: no pointers are involved.
/// # unsafe { libc::raise(libc::SIGUSR1) };
/// # let _until_exit = std::thread::spawn(move || while reactor.poll(None).is_ok() {});
/// // Elsewhere: kill -USR1 ...
/// let signal = hyperia_wait::block_on(signals.recv())?;
/// assert_eq!(signal, Signal::USER1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Signals {
    source: Source<OwnedFd>,
    wanted: Wanted,
    /// The reactor was found to be gone.
    ended: bool,
}

/// What an instance waits for, and its part of the handlers. Dropping it gives that back.
struct Wanted {
    /// Each signal, once, with the count that was seen last.
    seen: Vec<(Signal, usize)>,
    /// Where the next look begins, so that no signal hides another.
    next: usize,
}

impl Wanted {
    fn new(signals: &[Signal]) -> io::Result<Self> {
        let mut wanted = Self {
            seen: Vec::with_capacity(signals.len()),
            next: 0,
        };
        for &signal in signals {
            if wanted.seen.iter().all(|&(known, _)| known != signal) {
                // The count first: what comes after the handler is there is new.
                let count = sys::count(signal);
                sys::install(signal)?;
                wanted.seen.push((signal, count));
            }
        }
        Ok(wanted)
    }

    /// A signal that came since it was last taken.
    fn take(&mut self) -> Option<Signal> {
        let len = self.seen.len();
        for _ in 0..len {
            let (signal, seen) = &mut self.seen[self.next];
            self.next = (self.next + 1) % len;
            let count = sys::count(*signal);
            if *seen != count {
                *seen = count;
                return Some(*signal);
            }
        }
        None
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        for &(signal, _) in &self.seen {
            sys::uninstall(signal);
        }
    }
}

impl Signals {
    /// Begins to watch for `signals`; those that came before do not count.
    ///
    /// # Errors
    /// `InvalidInput` for an empty set, a number that is no signal, SIGKILL and SIGSTOP, which cannot be
    /// caught, SIGABRT and the signals that report a fault of the interrupted code (SIGSEGV, SIGBUS, SIGFPE,
    /// SIGILL, SIGTRAP, SIGSYS); nothing was changed then. Otherwise what the system says, and
    /// `hyperia_reactor::ReactorGone`.
    pub fn new(handle: &Handle, signals: &[Signal]) -> io::Result<Self> {
        for signal in signals {
            signal.check()?;
        }
        if signals.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no signal to wait for",
            ));
        }
        let source = handle.register(sys::bell()?)?;
        let wanted = Wanted::new(signals)?;
        Ok(Self {
            source,
            wanted,
            ended: false,
        })
    }

    /// Waits for the next signal.
    ///
    /// # Errors
    /// `hyperia_reactor::ReactorGone`, if the reactor was dropped and nothing is left to receive.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the signal is taken when the future is ready, not before.
    pub fn recv(&mut self) -> Recv<'_> {
        Recv {
            signals: self,
            done: false,
        }
    }

    /// As [`recv`](Self::recv), for those who poll.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Signal>> {
        let wanted = &mut self.wanted;
        if let Some(signal) = wanted.take() {
            return Poll::Ready(Ok(signal));
        }
        // A look that finds nothing is an attempt that would block; a signal that comes after the look
        // writes to the eventfd, and so makes it ready anew.
        let look = |_: &OwnedFd| wanted.take().ok_or(io::ErrorKind::WouldBlock.into());
        self.source.poll_io(cx, Direction::Read, look)
    }
}

/// Ends when the reactor is gone.
impl Stream for Signals {
    type Item = Signal;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        let signal = ready!(self.poll_recv(cx)).ok();
        self.ended = signal.is_none();
        Poll::Ready(signal)
    }
}

impl FusedStream for Signals {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals: Vec<_> = self.wanted.seen.iter().map(|&(signal, _)| signal).collect();
        f.debug_tuple("Signals").field(&signals).finish()
    }
}

/// The future of [`Signals::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a> {
    signals: &'a mut Signals,
    done: bool,
}

impl Future for Recv<'_> {
    type Output = io::Result<Signal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.signals.poll_recv(cx));
        self.done = true;
        Poll::Ready(result)
    }
}

impl FusedFuture for Recv<'_> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

/// Waits for one Ctrl-C (SIGINT); watches from this call on, not from the first poll.
///
/// When the future is ready, or dropped, SIGINT does again what it did before, unless another
/// [`Signals`] watches it: a second Ctrl-C ends a program that takes too long to clean up.
///
/// # Examples
/// ```
/// use hyperia_reactor::Reactor;
///
/// let mut reactor = Reactor::new()?;
/// let interrupted = hyperia_signal::ctrl_c(&reactor.handle());
/// # // SAFETY: no pointers are involved.
/// # unsafe { libc::raise(libc::SIGINT) };
/// # let _until_exit = std::thread::spawn(move || while reactor.poll(None).is_ok() {});
/// hyperia_wait::block_on(interrupted)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn ctrl_c(handle: &Handle) -> CtrlC {
    CtrlC {
        state: Some(Signals::new(handle, &[Signal::INTERRUPT])),
    }
}

/// The future of [`ctrl_c`].
///
/// # Errors
/// Those of [`Signals::new`] and [`Signals::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CtrlC {
    /// `None` when it has been ready.
    state: Option<io::Result<Signals>>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = match self.state.take().expect("polled after it was ready") {
            Ok(mut signals) => match signals.poll_recv(cx) {
                Poll::Ready(result) => result.map(|_| ()),
                Poll::Pending => {
                    self.state = Some(Ok(signals));
                    return Poll::Pending;
                }
            },
            Err(error) => Err(error),
        };
        Poll::Ready(result)
    }
}

impl FusedFuture for CtrlC {
    fn is_terminated(&self) -> bool {
        self.state.is_none()
    }
}
