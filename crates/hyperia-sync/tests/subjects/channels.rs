//! The channels for several values: waits for one, and for room.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use hyperia_sync::{mpmc, mpsc, spsc};
use hyperia_test::{forever, poll_once};

use super::{Slot, Subject, give_up};

/// The end that waits, for one wait.
struct Once<T> {
    end: UnsafeCell<T>,
    is_borrowed: AtomicBool,
}

// SAFETY: it is reached from where it was borrowed, which happens once.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    fn new(end: T) -> Self {
        Self {
            end: UnsafeCell::new(end),
            is_borrowed: AtomicBool::new(false),
        }
    }

    #[expect(clippy::mut_from_ref, reason = "once")]
    fn borrow(&'static self) -> &'static mut T {
        // ORDERING: Relaxed, a flag: one swap finds `false`, and nothing was done before.
        assert!(!self.is_borrowed.swap(true, Relaxed), "one wait");
        // SAFETY: nobody has borrowed it before, nor will.
        unsafe { &mut *self.end.get() }
    }
}

/// The other end while it is used; goes back into its slot, also in a panic.
struct Lent<'a, T> {
    slot: &'a Slot<T>,
    end: Option<T>,
}

impl<'a, T> Lent<'a, T> {
    /// `None` while it is used by a caller of the waker that asks.
    fn take(slot: &'a Slot<T>) -> Option<Self> {
        let end = Some(slot.put(None)?);
        Some(Self { slot, end })
    }
}

impl<T> Deref for Lent<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.end.as_ref().expect("until it is dropped")
    }
}

impl<T> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.end.as_mut().expect("until it is dropped")
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        self.slot.put(self.end.take());
    }
}

fn slot<T>(value: T) -> Slot<T> {
    let slot = Slot::default();
    slot.put(Some(value));
    slot
}

/// A wait for a value.
pub(crate) struct SpscRecv {
    sender: Slot<spsc::Sender<u8>>,
    receiver: Once<spsc::Receiver<u8>>,
}

impl Subject for SpscRecv {
    type Wait = spsc::Recv<'static, u8>;
    const KEEPS_WAKER: bool = false;

    fn new() -> &'static Self {
        let (sender, receiver) = spsc::bounded(1);
        forever(Self {
            sender: slot(sender),
            receiver: Once::new(receiver),
        })
    }

    fn wait(&'static self) -> Self::Wait {
        self.receiver.borrow().recv()
    }

    fn wake(&'static self) {
        let mut sender = Lent::take(&self.sender).expect("nobody sends");
        assert_eq!(sender.try_send(7), Ok(()));
    }

    fn end(&'static self, output: Result<u8, spsc::RecvError>) {
        assert_eq!(output, Ok(7));
    }

    fn touch(&'static self) {
        if let Some(mut sender) = Lent::take(&self.sender) {
            give_up(sender.reserve());
            assert!(!sender.is_closed() && sender.len() <= 1);
        }
    }
}

/// A wait for room, with a value.
pub(crate) struct SpscSend(SpscRoom);

/// A wait for room.
pub(crate) struct SpscReserve(SpscRoom);

/// A full channel.
struct SpscRoom {
    sender: Once<spsc::Sender<u8>>,
    receiver: Slot<spsc::Receiver<u8>>,
}

impl SpscRoom {
    fn new() -> Self {
        let (mut sender, receiver) = spsc::bounded(1);
        assert_eq!(sender.try_send(7), Ok(()));
        Self {
            sender: Once::new(sender),
            receiver: slot(receiver),
        }
    }

    fn make_room(&self) {
        let mut receiver = Lent::take(&self.receiver).expect("nobody receives");
        assert_eq!(receiver.try_recv(), Ok(7));
    }

    fn touch(&self) {
        if let Some(receiver) = Lent::take(&self.receiver) {
            assert!(!receiver.is_closed() && receiver.len() <= 1);
        }
    }
}

impl Subject for SpscSend {
    type Wait = spsc::SendFuture<'static, u8>;
    const KEEPS_WAKER: bool = false;

    fn new() -> &'static Self {
        forever(Self(SpscRoom::new()))
    }

    fn wait(&'static self) -> Self::Wait {
        self.0.sender.borrow().send(7)
    }

    fn wake(&'static self) {
        self.0.make_room();
    }

    fn end(&'static self, output: Result<(), spsc::SendError<u8>>) {
        assert_eq!(output, Ok(()));
    }

    fn touch(&'static self) {
        self.0.touch();
    }
}

impl Subject for SpscReserve {
    type Wait = spsc::Reserve<'static, u8>;
    const KEEPS_WAKER: bool = false;

    fn new() -> &'static Self {
        forever(Self(SpscRoom::new()))
    }

    fn wait(&'static self) -> Self::Wait {
        self.0.sender.borrow().reserve()
    }

    fn wake(&'static self) {
        self.0.make_room();
    }

    fn end(&'static self, output: Result<spsc::Permit<'static, u8>, spsc::SendError<()>>) {
        let permit = output.expect("it is open");
        assert_eq!(permit.send(7), Ok(()));
    }

    fn touch(&'static self) {
        self.0.touch();
    }
}

/// A wait for a value.
pub(crate) struct MpscRecv {
    sender: mpsc::Sender<u8>,
    receiver: Once<mpsc::Receiver<u8>>,
}

impl Subject for MpscRecv {
    type Wait = mpsc::Recv<'static, u8>;
    const KEEPS_WAKER: bool = false;

    fn new() -> &'static Self {
        let (sender, receiver) = mpsc::bounded(1);
        forever(Self {
            sender,
            receiver: Once::new(receiver),
        })
    }

    fn wait(&'static self) -> Self::Wait {
        self.receiver.borrow().recv()
    }

    fn wake(&'static self) {
        assert_eq!(self.sender.try_send(7), Ok(()));
    }

    fn end(&'static self, output: Result<u8, mpsc::RecvError>) {
        assert_eq!(output, Ok(7));
    }

    fn touch(&'static self) {
        give_up(self.sender.reserve());
        drop(self.sender.clone());
        assert!(!self.sender.is_closed());
    }
}

/// Waits for room, with a value.
pub(crate) struct MpscSend(MpscRoom);

/// Waits for room.
pub(crate) struct MpscReserve(MpscRoom);

/// A full channel.
struct MpscRoom {
    sender: mpsc::Sender<u8>,
    receiver: Slot<mpsc::Receiver<u8>>,
}

impl MpscRoom {
    fn new() -> Self {
        let (sender, receiver) = mpsc::bounded(1);
        assert_eq!(sender.try_send(7), Ok(()));
        Self {
            sender,
            receiver: slot(receiver),
        }
    }

    fn make_room(&self) {
        let mut receiver = Lent::take(&self.receiver).expect("nobody receives");
        assert_eq!(receiver.try_recv(), Ok(7));
    }

    fn touch(&self) {
        give_up(self.sender.reserve());
        drop(self.sender.try_reserve());
        drop(self.sender.clone());
    }
}

impl Subject for MpscSend {
    type Wait = mpsc::SendFuture<'static, u8>;

    fn new() -> &'static Self {
        forever(Self(MpscRoom::new()))
    }

    fn wait(&'static self) -> Self::Wait {
        self.0.sender.send(7)
    }

    fn wake(&'static self) {
        self.0.make_room();
    }

    fn end(&'static self, output: Result<(), mpsc::SendError<u8>>) {
        assert_eq!(output, Ok(()));
    }

    fn touch(&'static self) {
        self.0.touch();
    }
}

impl Subject for MpscReserve {
    type Wait = mpsc::Reserve<'static, u8>;

    fn new() -> &'static Self {
        forever(Self(MpscRoom::new()))
    }

    fn wait(&'static self) -> Self::Wait {
        self.0.sender.reserve()
    }

    fn wake(&'static self) {
        self.0.make_room();
    }

    fn end(&'static self, output: Result<mpsc::Permit<'static, u8>, mpsc::SendError<()>>) {
        let permit = output.expect("it is open");
        assert_eq!(permit.send(7), Ok(()));
    }

    fn touch(&'static self) {
        self.0.touch();
    }
}

/// Waits for a value.
pub(crate) struct MpmcRecv {
    sender: mpmc::Sender<u8>,
    receiver: mpmc::Receiver<u8>,
}

impl Subject for MpmcRecv {
    type Wait = mpmc::Recv<'static, u8>;

    fn new() -> &'static Self {
        let (sender, receiver) = mpmc::bounded(1);
        forever(Self { sender, receiver })
    }

    fn wait(&'static self) -> Self::Wait {
        self.receiver.recv()
    }

    fn wake(&'static self) {
        assert_eq!(self.sender.try_send(7), Ok(()));
    }

    fn end(&'static self, output: Result<u8, mpmc::RecvError>) {
        assert_eq!(output, Ok(7));
    }

    fn touch(&'static self) {
        if let Poll::Ready(value) = poll_once(pin!(self.receiver.recv()), Waker::noop()) {
            assert_eq!(self.sender.try_send(value.expect("it is open")), Ok(()));
        }
        drop(self.receiver.clone());
    }
}

/// Waits for room, with a value, in a full channel.
pub(crate) struct MpmcSend(MpmcRecv);

impl Subject for MpmcSend {
    type Wait = mpmc::SendFuture<'static, u8>;

    fn new() -> &'static Self {
        let (sender, receiver) = mpmc::bounded(1);
        assert_eq!(sender.try_send(7), Ok(()));
        forever(Self(MpmcRecv { sender, receiver }))
    }

    fn wait(&'static self) -> Self::Wait {
        self.0.sender.send(7)
    }

    fn wake(&'static self) {
        assert_eq!(self.0.receiver.try_recv(), Ok(7));
    }

    fn end(&'static self, output: Result<(), mpmc::SendError<u8>>) {
        assert_eq!(output, Ok(()));
    }

    fn touch(&'static self) {
        if poll_once(pin!(self.0.sender.send(7)), Waker::noop()).is_ready() {
            assert_eq!(self.0.receiver.try_recv(), Ok(7));
        }
        drop(self.0.sender.clone());
    }
}
