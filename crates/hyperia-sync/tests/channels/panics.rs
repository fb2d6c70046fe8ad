//! Panics in what the user brings along: wakers and the drops of values; and wakers that come back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Poll, Wake, Waker};

use hyperia_sync::mpsc::{RecvError, TryRecvError, TrySendError};
use hyperia_test::{PanicOn, PanicWaker, poll_once};
use hyperia_wait::Block;

use super::Kind;

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

pub(crate) fn a_panic_in_the_wake_of_a_receiver_has_sent_the_value<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let panicking = PanicWaker::new(PanicOn::Wake);
    {
        let mut recv = pin!(K::recv(&mut receiver));
        assert!(poll_once(recv.as_mut(), &panicking.waker()).is_pending());
        assert!(panics(|| K::try_send(&mut sender, 1)));
        assert_eq!(poll_once(recv, Waker::noop()), Poll::Ready(Ok(1)));
    }
    // The end is told all the same.
    let mut recv = pin!(K::recv(&mut receiver));
    assert!(poll_once(recv.as_mut(), &panicking.waker()).is_pending());
    assert!(panics(|| K::close(&mut sender)));
    assert_eq!(poll_once(recv, Waker::noop()), Poll::Ready(Err(RecvError)));
    assert_eq!((panicking.panics(), panicking.live()), (2, 0));
}

pub(crate) fn a_panic_in_the_wake_of_a_sender_has_made_room<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let panicking = PanicWaker::new(PanicOn::Wake);
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    {
        let mut send = pin!(K::send(&mut sender, 2));
        assert!(poll_once(send.as_mut(), &panicking.waker()).is_pending());
        // Of the value that is received then, it is said that it is lost.
        assert!(panics(|| K::try_recv(&mut receiver)));
        assert_eq!(poll_once(send, Waker::noop()), Poll::Ready(Ok(())));
    }
    assert_eq!(K::try_recv(&mut receiver), Ok(2));
    assert_eq!(K::try_send(&mut sender, 3), Ok(()));
    {
        let mut send = pin!(K::send(&mut sender, 4));
        assert!(poll_once(send.as_mut(), &panicking.waker()).is_pending());
        // Many are not: they are in the vector before anybody is woken.
        let mut values = Vec::new();
        assert!(panics(|| K::try_recv_many(&mut receiver, &mut values, 9)));
        assert_eq!(values, [3]);
        assert_eq!(poll_once(send, Waker::noop()), Poll::Ready(Ok(())));
    }
    // The end of the receiver is told all the same.
    let mut send = pin!(K::send(&mut sender, 5));
    assert!(poll_once(send.as_mut(), &panicking.waker()).is_pending());
    assert!(panics(|| drop(receiver)));
    assert!(poll_once(send, Waker::noop()).map(|sent| sent.is_err()) == Poll::Ready(true));
    assert_eq!((panicking.panics(), panicking.live()), (3, 0));
}

pub(crate) fn a_panic_in_the_clone_of_a_waker_loses_nothing<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    {
        let mut recv = pin!(K::recv(&mut receiver));
        assert!(panics(|| poll_once(recv.as_mut(), &waker).is_ready()));
        assert_eq!(K::try_send(&mut sender, 1), Ok(()));
        assert_eq!(poll_once(recv, Waker::noop()), Poll::Ready(Ok(1)));
    }
    assert_eq!(K::try_send(&mut sender, 2), Ok(()));
    let mut send = pin!(K::send(&mut sender, 3));
    assert!(panics(|| poll_once(send.as_mut(), &waker).is_ready()));
    assert_eq!(K::try_recv(&mut receiver), Ok(2));
    assert_eq!(poll_once(send, Waker::noop()), Poll::Ready(Ok(())));
    assert_eq!(K::try_recv(&mut receiver), Ok(3));
}

pub(crate) fn a_panic_in_the_drop_of_a_waker_loses_nothing_of_others<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    // Given up while it waits.
    let mut recv = Box::pin(K::recv(&mut receiver));
    assert!(poll_once(recv.as_mut(), &waker).is_pending());
    assert!(panics(|| drop(recv)));
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    let mut send = Box::pin(K::send(&mut sender, 2));
    assert!(poll_once(send.as_mut(), &waker).is_pending());
    assert!(panics(|| drop(send)));
    assert_eq!(K::try_recv(&mut receiver), Ok(1));
    assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Empty));
    // Replaced by another.
    let mut recv = Box::pin(K::recv(&mut receiver));
    assert!(poll_once(recv.as_mut(), &waker).is_pending());
    assert!(panics(|| poll_once(recv.as_mut(), Waker::noop()).is_ready()));
    assert_eq!(K::try_send(&mut sender, 3), Ok(()));
    assert_eq!(poll_once(recv.as_mut(), Waker::noop()), Poll::Ready(Ok(3)));
    drop(recv);
    assert_eq!(K::try_send(&mut sender, 4), Ok(()));
    assert_eq!(K::recv(&mut receiver).block(), Ok(4));
    panicking.disarm();
    drop(waker);
    assert_eq!(panicking.live(), 0);
}

pub(crate) fn a_panic_in_the_drop_of_a_waker_that_is_woken_comes_out_of_the_send_that_is_done<
    K: Kind,
>() {
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    for is_many in [false, true] {
        let (mut sender, mut receiver) = K::bounded(2);
        let mut values = Vec::new();
        if is_many {
            let mut recv = Box::pin(K::recv_many(&mut receiver, &mut values, 9));
            assert!(poll_once(recv.as_mut(), &waker).is_pending());
            // The wake consumes the waker, and the panic comes out of the send, which is done.
            assert!(panics(|| K::try_send(&mut sender, 1)));
            assert_eq!(poll_once(recv.as_mut(), Waker::noop()), Poll::Ready(Ok(1)));
            drop(recv);
            assert_eq!(values, [1]);
        } else {
            let mut recv = Box::pin(K::recv(&mut receiver));
            assert!(poll_once(recv.as_mut(), &waker).is_pending());
            assert!(panics(|| K::try_send(&mut sender, 1)));
            assert_eq!(poll_once(recv.as_mut(), Waker::noop()), Poll::Ready(Ok(1)));
        }
    }
    panicking.disarm();
}

/// Counts its drops, and panics in those of odd numbers.
struct Bomb(usize, Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
        if self.0 % 2 == 1 && !std::thread::panicking() {
            // Without the panic hook and its report.
            resume_unwind(Box::new(()));
        }
    }
}

pub(crate) fn a_value_whose_drop_panics_leaves_the_others_to_be_dropped<K: Kind>() {
    for bombs in 1..=5 {
        let drops = Arc::new(AtomicUsize::new(0));
        let (mut sender, receiver) = K::bounded(8);
        for number in 0..bombs {
            let sent = K::try_send(&mut sender, Bomb(number, Arc::clone(&drops)));
            assert!(sent.is_ok());
        }
        assert_eq!(panics(|| drop(receiver)), bombs > 1);
        drop(sender);
        assert_eq!(drops.load(Relaxed), bombs);
        assert_eq!(Arc::strong_count(&drops), 1);
    }
    // In the future of a send that is dropped.
    let drops = Arc::new(AtomicUsize::new(0));
    let (mut sender, mut receiver) = K::bounded(1);
    assert!(K::try_send(&mut sender, Bomb(0, Arc::clone(&drops))).is_ok());
    let mut send = Box::pin(K::send(&mut sender, Bomb(1, Arc::clone(&drops))));
    assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
    assert!(panics(|| drop(send)));
    assert!(K::try_recv(&mut receiver).is_ok_and(|bomb| bomb.0 == 0));
    assert!(K::try_send(&mut sender, Bomb(2, Arc::clone(&drops))).is_ok());
    drop((sender, receiver));
    assert_eq!(drops.load(Relaxed), 3);
}

pub(crate) fn values_without_a_size_are_counted_and_dropped<K: Kind>() {
    thread_local! {
        static MINE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            MINE.set(MINE.get() + 1);
        }
    }
    for capacity in [1, 3] {
        MINE.set(0);
        let (mut sender, mut receiver) = K::bounded(capacity);
        for _ in 0..capacity {
            assert!(K::try_send(&mut sender, Nothing).is_ok());
        }
        let full = K::try_send(&mut sender, Nothing);
        assert!(matches!(full, Err(TrySendError::Full(_))));
        drop(full);
        let mut send = Box::pin(K::send(&mut sender, Nothing));
        assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
        assert_eq!(MINE.get(), 1);
        drop(send);
        assert_eq!(MINE.get(), 2);
        assert!(K::try_recv(&mut receiver).is_ok());
        assert_eq!(MINE.get(), 3);
        drop(receiver);
        assert_eq!(MINE.get(), 2 + capacity);
    }
}

/// Uses the other ends of two channels when it is woken.
struct Relay<K: Kind> {
    from: Mutex<Option<K::Receiver<usize>>>,
    to: Mutex<K::Sender<usize>>,
}

impl<K: Kind> Wake for Relay<K> {
    fn wake(self: Arc<Self>) {
        let mut from = self.from.lock().unwrap();
        let value = from.as_mut().map(|from| K::try_recv(from).unwrap());
        let value = value.unwrap_or(1_000);
        assert_eq!(K::try_send(&mut self.to.lock().unwrap(), value), Ok(()));
    }
}

pub(crate) fn a_waker_may_send_and_receive<K: Kind>() {
    let ((mut first, mut asked), (to, mut last)) = (K::bounded(1), K::bounded(1));
    let relay = Arc::new(Relay::<K> {
        from: Mutex::new(None),
        to: Mutex::new(to),
    });
    let waker = Waker::from(Arc::clone(&relay));
    // A receiver is woken, and its waker sends.
    {
        let mut recv = pin!(K::recv(&mut asked));
        assert!(poll_once(recv.as_mut(), &waker).is_pending());
        assert_eq!(K::try_send(&mut first, 1), Ok(()));
        assert_eq!(poll_once(recv, Waker::noop()), Poll::Ready(Ok(1)));
    }
    assert_eq!(K::try_recv(&mut last), Ok(1_000));
    // A sender is woken, and its waker receives, and sends that.
    let (mut second, seconds) = K::bounded(1);
    assert_eq!(K::try_send(&mut second, 7), Ok(()));
    *relay.from.lock().unwrap() = Some(seconds);
    assert_eq!(K::try_send(&mut first, 2), Ok(()));
    let mut send = pin!(K::send(&mut first, 3));
    assert!(poll_once(send.as_mut(), &waker).is_pending());
    assert_eq!(K::try_recv(&mut asked), Ok(2));
    assert_eq!(K::try_recv(&mut last), Ok(7));
    assert_eq!(poll_once(send, Waker::noop()), Poll::Ready(Ok(())));
}
