//! One try at a system call, what it says about readiness, and the futures that try until it is done.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use hyperia_reactor::{Direction, Readiness, Ready, Source};

/// The registered socket.
pub(crate) type Socket = Source<OwnedFd>;

/// The descriptor, for a system call that does not outlive the borrow. (`AsFd` of the source itself would
/// count as lending it out.)
#[inline]
pub(crate) fn fd(socket: &Socket) -> BorrowedFd<'_> {
    socket.get_ref().as_fd()
}

/// Tries to move up to `wanted` bytes, and notes what the result says about readiness. `ready` was
/// obtained before.
#[inline]
pub(crate) fn transfer(
    socket: &Socket,
    ready: Ready,
    wanted: usize,
    call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
) -> io::Result<usize> {
    let result = call(fd(socket));
    match &result {
        // On a stream that is the end of what there is, or of what there is room for, for now.
        Ok(done) if 0 < *done && *done < wanted => socket.drained(ready),
        Ok(_) => {}
        Err(error) => {
            if error.kind() == io::ErrorKind::WouldBlock {
                socket.clear(ready);
            }
        }
    }
    result
}

/// Tries once if `direction` is ready, and says `WouldBlock` otherwise.
#[inline]
pub(crate) fn try_transfer(
    socket: &Socket,
    direction: Direction,
    wanted: usize,
    call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
) -> io::Result<usize> {
    match socket.ready(direction) {
        Some(ready) => transfer(socket, ready, wanted, call),
        None => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Tries whenever `direction` is ready, until there is a result.
#[inline]
pub(crate) fn poll_transfer(
    socket: &Socket,
    cx: &mut Context<'_>,
    direction: Direction,
    wanted: usize,
    mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        let ready = ready!(socket.poll_ready(cx, direction))?;
        match transfer(socket, ready, wanted, &mut call) {
            Err(error) if is_retry(&error) => {}
            done => return Poll::Ready(done),
        }
    }
}

/// Nothing happened, and it is not the caller's business.
#[inline]
pub(crate) fn is_retry(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// What a future of this crate does each time its direction is ready.
pub(crate) trait Operation {
    const DIRECTION: Direction;
    type Output;

    /// Tries once. `None`: nothing to report yet, look at the readiness again.
    fn attempt(&mut self, socket: &Socket, ready: Ready) -> Option<io::Result<Self::Output>>;
}

/// Repeats an operation's attempts, waiting for readiness in between.
pub(crate) struct Repeat<'a, O> {
    socket: &'a Socket,
    operation: O,
    is_done: bool,
    /// Set while this waits; pinned, since it is in the queue of the source then.
    wait: Option<Readiness<'a>>,
}

impl<'a, O: Operation + Unpin> Repeat<'a, O> {
    pub(crate) fn new(socket: &'a Socket, operation: O) -> Self {
        Self {
            socket,
            operation,
            is_done: false,
            wait: None,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(crate) fn operation(&self) -> &O {
        &self.operation
    }

    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<O::Output>> {
        // SAFETY: `wait` is the one field that is pinned. It is handed out pinned only (next line), there
        // is no `Drop` that could move it, and `Repeat` is `Unpin` only if `Readiness` is. Nothing else
        // is moved out here.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut wait = unsafe { Pin::new_unchecked(&mut this.wait) };
        assert!(!this.is_done, "polled after it was ready");
        loop {
            let ready = match wait.as_mut().as_pin_mut() {
                Some(waiting) => {
                    let ready = ready!(waiting.poll(cx));
                    wait.set(None);
                    ready
                }
                None => match this.socket.ready(O::DIRECTION) {
                    Some(ready) => Ok(ready),
                    None => {
                        wait.set(Some(this.socket.readiness(O::DIRECTION)));
                        continue;
                    }
                },
            };
            let result = match ready {
                Ok(ready) => match this.operation.attempt(this.socket, ready) {
                    Some(result) => result,
                    None => continue,
                },
                Err(gone) => Err(gone),
            };
            this.is_done = true;
            return Poll::Ready(result);
        }
    }
}

/// Defines a public future over `Repeat`.
macro_rules! repeat_future {
    ($(#[$doc:meta])* $name:ident, $operation:ty, $output:ty) => {
        $(#[$doc])*
        #[must_use = "futures do nothing unless polled"]
        pub struct $name<'a> {
            repeat: $crate::attempt::Repeat<'a, $operation>,
        }

        impl<'a> $name<'a> {
            pub(super) fn new(socket: &'a $crate::attempt::Socket, operation: $operation) -> Self {
                Self { repeat: $crate::attempt::Repeat::new(socket, operation) }
            }
        }

        impl ::core::future::Future for $name<'_> {
            type Output = ::std::io::Result<$output>;

            #[inline]
            fn poll(
                self: ::core::pin::Pin<&mut Self>,
                cx: &mut ::core::task::Context<'_>,
            ) -> ::core::task::Poll<Self::Output> {
                // SAFETY: `repeat` is the only field, so it is pinned exactly when this is; there is no
                // `Drop` and no other access to it through a pinned reference.
                unsafe { self.map_unchecked_mut(|this| &mut this.repeat) }.poll(cx)
            }
        }

        impl ::futures_core::FusedFuture for $name<'_> {
            fn is_terminated(&self) -> bool {
                self.repeat.is_done()
            }
        }

        impl ::core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("is_done", &self.repeat.is_done())
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use repeat_future;
