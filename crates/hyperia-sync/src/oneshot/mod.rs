//! A channel for one value.
//!
//! `channel()` makes the two sides; [`Sender::send`] never waits, [`Receiver::recv`] is a future. Names and
//! signatures are those of `std::sync::oneshot`, and where waiting ends without a value the receiver comes
//! back.
//!
//! # Cancel safety
//! Dropping a [`Recv`] or a [`Receiver`] drops the value if it was sent already; otherwise `send` gives it
//! back. Its waker is dropped with it. [`Recv::into_receiver`] gives up waiting only.
//!
//! # Cost
//! | | allocations | locked instructions |
//! |---|---|---|
//! | `channel` | 1: 40 bytes and the value | 0 |
//! | `send` before anybody waits; then `recv` | 0 | 1; 0 |
//! | `recv` that has to wait; `send` to it; its last poll | 0 | 1; 2; 0 (1 if it comes before `send` is through) |
//! | giving up after waiting | 0 | 2 |
//!
//! Each side is one pointer. The last side frees the block, without a count.

mod channel;
mod error;
#[cfg(all(test, hyperia_loom))]
mod loom;

use core::fmt;
use core::future::{Future, IntoFuture};
use core::mem::{self, ManuallyDrop};
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};
#[cfg(feature = "std")]
use core::time::Duration;
#[cfg(feature = "std")]
use std::time::Instant;

use futures_core::FusedFuture;

use self::channel::{Channel, End, Rx, Side, Tx, VALUE};
pub use self::error::{RecvError, RecvTimeoutError, SendError, TryRecvError};

/// Creates a channel for one value.
///
/// # Examples
///
/// ```
/// use hyperia_sync::oneshot;
/// use hyperia_wait::Block;
///
/// let (sender, receiver) = oneshot::channel();
/// std::thread::scope(|scope| {
///     scope.spawn(|| sender.send(1).unwrap());
///     assert_eq!(receiver.recv().block(), Ok(1));
/// });
/// ```
///
/// A sender takes no values that live shorter than what the receiver expects:
///
/// ```compile_fail
/// use hyperia_sync::oneshot;
/// let (sender, receiver) = oneshot::channel::<&'static str>();
/// let short = String::from("short");
/// let sender: oneshot::Sender<&str> = sender;
/// sender.send(&short).unwrap();
/// drop(short);
/// receiver.try_recv().unwrap();
/// ```
///
/// ```
/// use hyperia_sync::oneshot;
/// let short = String::from("short");
/// let (sender, receiver) = oneshot::channel::<&str>();
/// sender.send(&short).unwrap();
/// receiver.try_recv().unwrap();
/// drop(short);
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Channel::new();
    (Sender { channel }, Receiver { channel })
}

/// The side that sends. Dropping it without sending ends the wait of the receiver.
pub struct Sender<T> {
    /// Invariant in `T`, through the cells inside. Alive until both sides have ended.
    channel: NonNull<Channel<T>>,
}

/// The side that receives. Dropping it lets [`Sender::send`] fail.
pub struct Receiver<T> {
    /// As in `Sender`.
    channel: NonNull<Channel<T>>,
}

// SAFETY: a sender puts at most one `T` in, for a receiver that may be on another thread, and shares the
// rest of the block through atomics by the rules in `channel`.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: `&Sender` only reads the state, which is atomic.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as for `Sender`; a receiver takes the `T` out on its own thread.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: `&Receiver` does nothing.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Sender<T> {
    /// Sends the value. Never waits.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver is gone. `Ok` means that it was there; it may still
    /// drop the value unseen.
    ///
    /// # Panics
    ///
    /// If the receiver's waker does; the value was sent then.
    #[inline]
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: this side has not ended, so the block is alive.
        if unsafe { this.channel.as_ref() }.is_registered::<Tx>() {
            // SAFETY: the sender ends here, once.
            unsafe { send_registered(this.channel, value) }
        } else {
            // SAFETY: the sender ends here, once, without a waker registered.
            unsafe { send(this.channel, value) }
        }
    }

    /// Returns whether the receiver is gone, so that nobody would get the value.
    pub fn is_disconnected(&self) -> bool {
        // SAFETY: this side has not ended, so the block is alive.
        Tx::is_alone(unsafe { self.channel.as_ref() }.state())
    }

    /// Waits until the receiver is gone: for senders whose work is in vain then.
    ///
    /// There is one waker, that of the last poll. As a future:
    /// `poll_fn(|cx| sender.poll_disconnected(cx)).await`.
    pub fn poll_disconnected(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: this side has not ended, so the block is alive.
        match unsafe { self.channel.as_ref() }.register::<Tx>(cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        }
    }
}

/// Puts the value in and ends the sender.
///
/// # Safety
///
/// The sender of `channel` is the caller's to end, and has no waker registered.
#[inline]
unsafe fn send<T>(channel: NonNull<Channel<T>>, value: T) -> Result<(), SendError<T>> {
    // SAFETY: the sender has not ended, so the block is alive, and this is the one value.
    unsafe { channel.as_ref().put(value) };
    // SAFETY: the sender ends here, once, without a waker registered.
    match unsafe { channel::end::<Tx, T>(channel, VALUE) } {
        End::First(waker) => {
            if let Some(waker) = waker {
                waker.wake();
            }
            Ok(())
        }
        End::Last(_) => {
            // SAFETY: the receiver had ended before, so the value put in above is this side's to move out, and
            // the block this side's alone to free.
            let value = unsafe {
                let value = channel.as_ref().take();
                channel::free(channel);
                value
            };
            Err(SendError(value))
        }
    }
}

/// As [`send`], of a sender whose own waker, from `poll_disconnected`, is registered.
///
/// # Safety
///
/// The sender of `channel` is the caller's to end.
#[cold]
unsafe fn send_registered<T>(channel: NonNull<Channel<T>>, value: T) -> Result<(), SendError<T>> {
    // SAFETY: this side has not ended, so the block is alive.
    match unsafe { channel.as_ref() }.unregister::<Tx>() {
        // Its drop, which is user code, comes when all else is done.
        Ok(_own) => {
            // SAFETY: the sender ends here, once, and its waker was taken back.
            unsafe { send(channel, value) }
        }
        Err(state) => {
            // SAFETY: the sender ends here, once, and `state` was read with Acquire.
            unsafe { channel::leave::<Tx, T>(channel, state) };
            Err(SendError(value))
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: this side has not ended, so the block is alive.
        match unsafe { self.channel.as_ref() }.unregister::<Tx>() {
            Ok(_own) => {
                // SAFETY: the sender ends here, once, without a waker registered.
                match unsafe { channel::end::<Tx, T>(self.channel, 0) } {
                    End::First(waker) => {
                        if let Some(waker) = waker {
                            waker.wake();
                        }
                    }
                    // SAFETY: the block is this side's alone.
                    End::Last(_) => unsafe { channel::free(self.channel) },
                }
            }
            // SAFETY: the sender ends here, once, and `state` was read with Acquire.
            Err(state) => unsafe { channel::leave::<Tx, T>(self.channel, state) },
        }
    }
}

impl<T> Receiver<T> {
    /// Waits for the value.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the sender goes without sending.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the receiver, and the value if it was sent already.
    /// [`Recv::into_receiver`] gives up waiting and keeps both.
    pub fn recv(self) -> Recv<T> {
        Recv {
            receiver: Some(self),
        }
    }

    /// Takes the value if it was sent already.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] with the receiver if not, [`TryRecvError::Disconnected`] if the sender is
    /// gone without sending.
    pub fn try_recv(self) -> Result<T, TryRecvError<T>> {
        // SAFETY: this side has not ended, so the block is alive.
        let state = unsafe { self.channel.as_ref() }.state();
        if Rx::is_alone(state) {
            self.finish(state)
                .map_err(|RecvError| TryRecvError::Disconnected)
        } else {
            Err(TryRecvError::Empty(self))
        }
    }

    /// Waits for the value with this thread, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] with the receiver if nothing was sent in time,
    /// [`RecvTimeoutError::Disconnected`] if the sender goes without sending.
    ///
    /// # Panics
    ///
    /// In debug builds on a thread that drives an event loop.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn recv_timeout(self, timeout: Duration) -> Result<T, RecvTimeoutError<T>> {
        self.recv()
            .block_with(|recv| hyperia_wait::Block::block_timeout(recv, timeout))
    }

    /// Waits for the value with this thread, until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    ///
    /// # Panics
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn recv_deadline(self, deadline: Instant) -> Result<T, RecvTimeoutError<T>> {
        self.recv()
            .block_with(|recv| hyperia_wait::Block::block_deadline(recv, deadline))
    }

    /// Ends the receiver, which has found in `state` that the sender has ended.
    fn finish(self, state: u32) -> Result<T, RecvError> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the receiver ends here, once, and `state` was read with Acquire.
        unsafe { finish(this.channel, state) }
    }
}

/// Takes the value, if there is one, and ends the receiver.
///
/// # Safety
///
/// The receiver of `channel` is the caller's to end, or has ended last; the block is not touched again.
/// `state` was read with Acquire, or by ending, and says that the sender has ended.
unsafe fn finish<T>(channel: NonNull<Channel<T>>, state: u32) -> Result<T, RecvError> {
    // SAFETY: the block is alive until `leave`. The value, if VALUE says that it is there, is the
    // receiver's to move out, once: here.
    let value = (state & VALUE != 0).then(|| unsafe { channel.as_ref().take() });
    // SAFETY: passed on from the caller. After ending last no waker is registered, and `leave` frees.
    unsafe { channel::leave::<Rx, T>(channel, state) };
    value.ok_or(RecvError)
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // This side's waker: dropped at the very end, because its drop is user code that may panic.
        let _own;
        // SAFETY: this side has not ended, so the block is alive.
        let state = match unsafe { self.channel.as_ref() }.unregister::<Rx>() {
            Ok(own) => {
                _own = own;
                // SAFETY: the receiver ends here, once, without a waker registered.
                match unsafe { channel::end::<Rx, T>(self.channel, 0) } {
                    End::First(None) => return,
                    End::First(Some(waker)) => return waker.wake(),
                    End::Last(state) => state,
                }
            }
            Err(state) => state,
        };
        // SAFETY: the sender has ended, as `state` says, and this side ends here or has just ended last.
        drop(unsafe { finish(self.channel, state) });
    }
}

impl<T> IntoFuture for Receiver<T> {
    type Output = Result<T, RecvError>;
    type IntoFuture = Recv<T>;

    fn into_future(self) -> Recv<T> {
        self.recv()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless polled"]
pub struct Recv<T> {
    /// `None` once the output was returned.
    receiver: Option<Receiver<T>>,
}

impl<T> Recv<T> {
    /// Gives up waiting and hands the receiver back; `None` if the output was returned already.
    ///
    /// # Panics
    ///
    /// If the drop of the waker does that was waiting; the receiver, and the value if it was sent, is dropped then.
    pub fn into_receiver(self) -> Option<Receiver<T>> {
        let receiver = self.receiver?;
        // SAFETY: this side has not ended, so the block is alive. If the other one has, nobody waits any more.
        drop(unsafe { receiver.channel.as_ref() }.unregister::<Rx>());
        Some(receiver)
    }

    #[cfg(feature = "std")]
    #[track_caller]
    fn block_with<E>(
        mut self,
        block: impl FnOnce(&mut Self) -> Result<Result<T, RecvError>, E>,
    ) -> Result<T, RecvTimeoutError<T>> {
        match (block(&mut self), self.into_receiver()) {
            (Ok(Ok(value)), _) => Ok(value),
            (Err(_), Some(receiver)) => Err(RecvTimeoutError::Timeout(receiver)),
            // Without a receiver left it was ready.
            (Ok(Err(RecvError)), _) | (Err(_), None) => Err(RecvTimeoutError::Disconnected),
        }
    }
}

impl<T> Future for Recv<T> {
    type Output = Result<T, RecvError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let receiver = self
            .receiver
            .as_ref()
            .expect("`Recv` polled again after it was ready");
        // SAFETY: this side has not ended, so the block is alive.
        match unsafe { receiver.channel.as_ref() }.register::<Rx>(cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(state) => {
                let channel = receiver.channel;
                mem::forget(self.receiver.take());
                // SAFETY: the receiver ends here, once: its drop was forgotten. `state` was read with Acquire.
                Poll::Ready(unsafe { finish(channel, state) })
            }
        }
    }
}

impl<T> FusedFuture for Recv<T> {
    fn is_terminated(&self) -> bool {
        self.receiver.is_none()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_disconnected", &self.is_disconnected())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Recv<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
