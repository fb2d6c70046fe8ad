//! What the three kinds of channel have in common, and the tests of it. Each kind lists those it passes.

pub(crate) mod model;
pub(crate) mod panics;
pub(crate) mod threads;
pub(crate) mod waits;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_core::{FusedFuture, Stream};
use hyperia_sync::mpsc::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};

/// A kind of channel; the names are those of the methods.
pub(crate) trait Kind: 'static {
    /// One end waits alone: its waker stands in a cell, and each poll makes an attempt.
    const SENDS_ALONE: bool;
    const RECEIVES_ALONE: bool;

    type Sender<T: Send + 'static>: Send + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;

    fn bounded<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// `None` if there is one alone.
    fn another_sender<T: Send + 'static>(sender: &Self::Sender<T>) -> Option<Self::Sender<T>>;
    fn another_receiver<T: Send + 'static>(
        receiver: &Self::Receiver<T>,
    ) -> Option<Self::Receiver<T>>;

    fn send<T: Send + 'static>(
        sender: &mut Self::Sender<T>,
        value: T,
    ) -> impl FusedFuture<Output = Result<(), SendError<T>>>;
    fn try_send<T: Send + 'static>(
        sender: &mut Self::Sender<T>,
        value: T,
    ) -> Result<(), TrySendError<T>>;
    fn send_timeout<T: Send + 'static>(
        sender: &mut Self::Sender<T>,
        value: T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>>;
    fn send_deadline<T: Send + 'static>(
        sender: &mut Self::Sender<T>,
        value: T,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<T>>;
    fn send_many<'a, T: Send + 'static>(
        sender: &'a mut Self::Sender<T>,
        values: &'a mut Vec<T>,
    ) -> impl FusedFuture<Output = Result<(), SendError<()>>>;
    fn try_send_many<T: Send + 'static>(
        sender: &mut Self::Sender<T>,
        values: &mut Vec<T>,
    ) -> Result<usize, TrySendError<()>>;
    /// Reserves room, has it until told, and sends then or gives it back. Where nothing is reserved, `None`.
    fn hold<T: Send + 'static>(
        sender: Shared<Self::Sender<T>>,
        hold: Rc<Hold<T>>,
    ) -> Option<Held<T>>;

    fn recv<T: Send + 'static>(
        receiver: &mut Self::Receiver<T>,
    ) -> impl FusedFuture<Output = Result<T, RecvError>>;
    fn try_recv<T: Send + 'static>(receiver: &mut Self::Receiver<T>) -> Result<T, TryRecvError>;
    fn recv_many<'a, T: Send + 'static>(
        receiver: &'a mut Self::Receiver<T>,
        values: &'a mut Vec<T>,
        limit: usize,
    ) -> impl FusedFuture<Output = Result<usize, RecvError>>;
    fn try_recv_many<T: Send + 'static>(
        receiver: &mut Self::Receiver<T>,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, TryRecvError>;
    fn stream<T: Send + 'static>(receiver: &mut Self::Receiver<T>) -> impl Stream<Item = T>;

    fn close<T: Send + 'static>(sender: &mut Self::Sender<T>) -> bool;
    fn is_closed<T: Send + 'static>(receiver: &Self::Receiver<T>) -> bool;
}

/// An end that is used by one future at a time.
pub(crate) type Shared<S> = Rc<RefCell<S>>;

/// What to do with room that is reserved.
pub(crate) struct Hold<T> {
    pub(crate) has_room: std::cell::Cell<bool>,
    pub(crate) order: RefCell<Order<T>>,
}

pub(crate) enum Order<T> {
    Keep,
    Send(T),
    GiveBack,
}

pub(crate) type Held<T> = std::pin::Pin<Box<dyn Future<Output = Result<(), SendError<Option<T>>>>>>;

/// The methods that the three kinds have under the same names.
#[macro_export]
macro_rules! kind_by_methods {
    ($kind:ident) => {
        type Sender<T: Send + 'static> = $kind::Sender<T>;
        type Receiver<T: Send + 'static> = $kind::Receiver<T>;

        fn bounded<T: Send + 'static>(capacity: usize) -> ($kind::Sender<T>, $kind::Receiver<T>) {
            $kind::bounded(capacity)
        }
        fn send<T: Send + 'static>(
            sender: &mut $kind::Sender<T>,
            value: T,
        ) -> impl FusedFuture<Output = Result<(), SendError<T>>> {
            sender.send(value)
        }
        fn try_send<T: Send + 'static>(
            sender: &mut $kind::Sender<T>,
            value: T,
        ) -> Result<(), TrySendError<T>> {
            sender.try_send(value)
        }
        fn send_timeout<T: Send + 'static>(
            sender: &mut $kind::Sender<T>,
            value: T,
            timeout: Duration,
        ) -> Result<(), SendTimeoutError<T>> {
            sender.send_timeout(value, timeout)
        }
        fn send_deadline<T: Send + 'static>(
            sender: &mut $kind::Sender<T>,
            value: T,
            deadline: Instant,
        ) -> Result<(), SendTimeoutError<T>> {
            sender.send_deadline(value, deadline)
        }
        fn send_many<'a, T: Send + 'static>(
            sender: &'a mut $kind::Sender<T>,
            values: &'a mut Vec<T>,
        ) -> impl FusedFuture<Output = Result<(), SendError<()>>> {
            sender.send_many(values)
        }
        fn try_send_many<T: Send + 'static>(
            sender: &mut $kind::Sender<T>,
            values: &mut Vec<T>,
        ) -> Result<usize, TrySendError<()>> {
            sender.try_send_many(values)
        }
        fn recv<T: Send + 'static>(
            receiver: &mut $kind::Receiver<T>,
        ) -> impl FusedFuture<Output = Result<T, RecvError>> {
            receiver.recv()
        }
        fn try_recv<T: Send + 'static>(
            receiver: &mut $kind::Receiver<T>,
        ) -> Result<T, TryRecvError> {
            receiver.try_recv()
        }
        fn recv_many<'a, T: Send + 'static>(
            receiver: &'a mut $kind::Receiver<T>,
            values: &'a mut Vec<T>,
            limit: usize,
        ) -> impl FusedFuture<Output = Result<usize, RecvError>> {
            receiver.recv_many(values, limit)
        }
        fn try_recv_many<T: Send + 'static>(
            receiver: &mut $kind::Receiver<T>,
            values: &mut Vec<T>,
            limit: usize,
        ) -> Result<usize, TryRecvError> {
            receiver.try_recv_many(values, limit)
        }
        fn close<T: Send + 'static>(sender: &mut $kind::Sender<T>) -> bool {
            sender.close()
        }
        fn is_closed<T: Send + 'static>(receiver: &$kind::Receiver<T>) -> bool {
            receiver.is_closed()
        }
    };
}

/// `Kind::hold` where there is a `reserve`.
#[macro_export]
macro_rules! hold_by_reserve {
    ($kind:ident $($mutable:tt)?) => {
        #[expect(
            clippy::await_holding_refcell_ref,
            reason = "one future at a time uses it"
        )]
        fn hold<T: Send + 'static>(
            sender: Shared<$kind::Sender<T>>,
            hold: std::rc::Rc<Hold<T>>,
        ) -> Option<Held<T>> {
            Some(Box::pin(async move {
                let $($mutable)? sender = sender.borrow_mut();
                let reserved = sender.reserve().await;
                let permit = reserved.map_err(|_| SendError(None))?;
                hold.has_room.set(true);
                std::future::poll_fn(|_| match *hold.order.borrow() {
                    Order::Keep => std::task::Poll::Pending,
                    Order::Send(_) | Order::GiveBack => std::task::Poll::Ready(()),
                })
                .await;
                match hold.order.replace(Order::Keep) {
                    Order::Send(value) => permit
                        .send(value)
                        .map_err(|error| SendError(Some(error.into_inner()))),
                    _ => Ok(drop(permit)),
                }
            }))
        }
    };
}

/// The tests of this folder that a kind passes.
#[macro_export]
macro_rules! channel_tests {
    ($kind:ty: $($module:ident { $($name:ident)+ })+) => {$($(
        #[test]
        fn $name() {
            $module::$name::<$kind>();
        }
    )+)+};
}

/// Knows of each value whether it was dropped.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<bool>>>);

impl Ledger {
    pub(crate) fn make(&self) -> Counted {
        let mut dropped = self.0.lock().unwrap();
        dropped.push(false);
        Counted {
            id: dropped.len() - 1,
            ledger: self.clone(),
        }
    }

    pub(crate) fn made(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn is_dropped(&self, id: usize) -> bool {
        self.0.lock().unwrap()[id]
    }

    pub(crate) fn live(&self) -> usize {
        let dropped = self.0.lock().unwrap();
        dropped.iter().filter(|dropped| !**dropped).count()
    }
}

/// A value whose drop is noted.
pub(crate) struct Counted {
    pub(crate) id: usize,
    ledger: Ledger,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let was_dropped = std::mem::replace(&mut self.ledger.0.lock().unwrap()[self.id], true);
        assert!(!was_dropped, "value {} was dropped twice", self.id);
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "value {}", self.id)
    }
}
