//! What users of `oneshot` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_core::FusedFuture;
use hyperia_sync::oneshot::{
    Receiver, Recv, RecvError, RecvTimeoutError, SendError, Sender, TryRecvError, channel,
};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn waiting<T>() -> (Sender<T>, Recv<T>, Arc<CountingWaker>) {
    let (sender, receiver) = channel();
    let (mut recv, counting) = (receiver.recv(), CountingWaker::new());
    assert!(poll_once(Pin::new(&mut recv), &counting.waker()).is_pending());
    (sender, recv, counting)
}

/// A receiver whose sender is gone.
fn abandoned() -> Receiver<u8> {
    channel().1
}

#[test]
fn a_value_sent_before_is_received() {
    let (sender, receiver) = channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.recv().block(), Ok(1));
}

#[test]
fn a_value_sent_later_wakes_the_receiver() {
    let (sender, mut recv, counting) = waiting();
    sender.send(2).unwrap();
    assert_eq!((counting.wakes(), counting.live()), (1, 0));
    assert_eq!(
        poll_once(Pin::new(&mut recv), Waker::noop()),
        Poll::Ready(Ok(2))
    );
}

#[test]
fn a_receiver_is_a_future_to_be() {
    let (sender, receiver) = channel();
    sender.send(3).unwrap();
    assert_eq!(block_on(receiver), Ok(3));
    assert_eq!(block_on(async { abandoned().await }), Err(RecvError));
}

#[test]
fn a_thread_sends_to_a_thread() {
    for value in 0..500 {
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            scope.spawn(move || sender.send(value).unwrap());
            assert_eq!(receiver.recv().block(), Ok(value));
        });
    }
}

#[test]
fn dropping_the_sender_ends_the_wait() {
    let (sender, mut recv, counting) = waiting::<u8>();
    drop(sender);
    assert_eq!(counting.wakes(), 1);
    assert_eq!(
        poll_once(Pin::new(&mut recv), Waker::noop()),
        Poll::Ready(Err(RecvError))
    );

    let (sender, receiver) = channel::<u8>();
    drop(sender);
    assert_eq!(receiver.recv().block(), Err(RecvError));
}

#[test]
fn send_to_nobody_hands_the_value_back() {
    let (sender, receiver) = channel();
    drop(receiver);
    assert!(sender.is_disconnected());
    assert_eq!(
        sender.send(String::from("back")),
        Err(SendError(String::from("back")))
    );

    let (sender, recv, _) = waiting();
    drop(recv);
    assert_eq!(sender.send(4), Err(SendError(4)));
}

#[test]
fn try_recv_hands_the_receiver_back() {
    let (sender, receiver) = channel();
    let Err(TryRecvError::Empty(receiver)) = receiver.try_recv() else {
        panic!("nothing was sent");
    };
    sender.send(5).unwrap();
    assert!(matches!(receiver.try_recv(), Ok(5)));
    assert!(matches!(
        abandoned().try_recv(),
        Err(TryRecvError::Disconnected)
    ));
}

#[test]
fn try_recv_after_waiting_works() {
    let (sender, recv, counting) = waiting();
    let receiver = recv.into_receiver().unwrap();
    let Err(TryRecvError::Empty(receiver)) = receiver.try_recv() else {
        panic!("nothing was sent");
    };
    sender.send(5).unwrap();
    assert!(matches!(receiver.try_recv(), Ok(5)));
    assert_eq!(counting.live(), 0);
}

#[test]
fn a_timeout_hands_the_receiver_back() {
    let (sender, receiver) = channel();
    let Err(RecvTimeoutError::Timeout(receiver)) = receiver.recv_timeout(Duration::ZERO) else {
        panic!("nothing was sent");
    };
    let Err(RecvTimeoutError::Timeout(receiver)) = receiver.recv_deadline(Instant::now()) else {
        panic!("nothing was sent");
    };
    sender.send(6).unwrap();
    assert!(matches!(receiver.recv_timeout(Duration::ZERO), Ok(6)));

    let (sender, receiver) = channel::<u8>();
    drop(sender);
    assert!(matches!(
        receiver.recv_timeout(Duration::MAX),
        Err(RecvTimeoutError::Disconnected)
    ));
}

#[test]
fn a_value_in_time_ends_a_long_timeout() {
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        scope.spawn(move || sender.send(7).unwrap());
        assert!(matches!(
            receiver.recv_timeout(Duration::from_secs(3600)),
            Ok(7)
        ));
    });
}

#[test]
fn a_poll_with_another_waker_wakes_the_new_one() {
    let (sender, mut recv, old) = waiting();
    let new = CountingWaker::new();
    assert!(poll_once(Pin::new(&mut recv), &new.waker()).is_pending());
    assert_eq!(old.live(), 0);
    sender.send(8).unwrap();
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
    assert_eq!(
        poll_once(Pin::new(&mut recv), Waker::noop()),
        Poll::Ready(Ok(8))
    );
}

#[test]
fn polls_with_the_same_waker_clone_once() {
    let (_sender, receiver) = channel::<u8>();
    let (mut recv, counting) = (receiver.recv(), CountingWaker::new());
    let waker = counting.waker();
    for _ in 0..5 {
        assert!(poll_once(Pin::new(&mut recv), &waker).is_pending());
    }
    assert_eq!(counting.clones(), 1);
}

#[test]
fn a_cancelled_receiver_drops_its_waker_at_once() {
    let (sender, recv, counting) = waiting::<u8>();
    drop(recv);
    assert_eq!((counting.wakes(), counting.live()), (0, 0));
    drop(sender);
}

#[test]
fn the_sender_learns_when_the_receiver_goes() {
    let (mut sender, receiver) = channel::<u8>();
    let [old, new] = [CountingWaker::new(), CountingWaker::new()];
    assert!(
        sender
            .poll_disconnected(&mut Context::from_waker(&old.waker()))
            .is_pending()
    );
    assert!(
        sender
            .poll_disconnected(&mut Context::from_waker(&new.waker()))
            .is_pending()
    );
    assert!(!sender.is_disconnected());
    drop(receiver);
    assert_eq!(
        (old.wakes(), new.wakes(), old.live() + new.live()),
        (0, 1, 0)
    );
    for _ in 0..2 {
        assert!(
            sender
                .poll_disconnected(&mut Context::from_waker(Waker::noop()))
                .is_ready()
        );
    }
    assert_eq!(sender.send(9), Err(SendError(9)));
}

#[test]
fn a_sender_that_waited_may_send_all_the_same() {
    let (mut sender, receiver) = channel();
    let counting = CountingWaker::new();
    assert!(
        sender
            .poll_disconnected(&mut Context::from_waker(&counting.waker()))
            .is_pending()
    );
    sender.send(10).unwrap();
    assert_eq!(counting.live(), 0);
    assert_eq!(receiver.recv().block(), Ok(10));
    assert_eq!(counting.wakes(), 0);
}

/// RUSTSEC-2026-0005, one thread's worth of it: polled, dropped, then the sender goes on.
#[test]
fn rustsec_2026_0005_the_sender_goes_on_after_a_polled_receiver_went() {
    let (sender, recv, _) = waiting::<String>();
    drop(recv);
    drop(sender);
    let (sender, recv, _) = waiting();
    drop(recv);
    assert!(sender.send(String::from("late")).is_err());
}

#[test]
fn what_was_sent_is_dropped_once_whoever_ends_last() {
    let value = Rc::new(());
    let alone = |value: &Rc<()>| assert_eq!(Rc::strong_count(value), 1);
    // Received.
    let (sender, receiver) = channel();
    sender.send(value.clone()).unwrap();
    drop(receiver.recv().block());
    alone(&value);
    // Sent, never received: by the receiver, by its future, by its future after waiting.
    let (sender, receiver) = channel();
    sender.send(value.clone()).unwrap();
    drop(receiver);
    alone(&value);
    let (sender, receiver) = channel();
    sender.send(value.clone()).unwrap();
    drop(receiver.recv());
    alone(&value);
    let (sender, recv, _) = waiting();
    sender.send(value.clone()).unwrap();
    drop(recv);
    alone(&value);
    // Handed back.
    let (sender, receiver) = channel();
    drop(receiver);
    drop(sender.send(value.clone()));
    alone(&value);
}

#[test]
fn a_value_that_panics_when_dropped_leaks_nothing_else() {
    struct Bomb(Rc<Cell<usize>>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            // Without the panic hook, which allocates for its report.
            resume_unwind(Box::new(()));
        }
    }
    let drops = Rc::new(Cell::new(0));
    let ((), counts) = alloc::count(|| {
        let (sender, receiver) = channel();
        assert!(sender.send(Bomb(drops.clone())).is_ok());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    });
    assert_eq!(drops.get(), 1);
    assert_eq!(counts.allocations, counts.deallocations);
}

#[test]
fn one_allocation_and_it_comes_back() {
    let (counts, wakers) = (CountingWaker::new(), Waker::noop());
    let waker = counts.waker();
    type Case = fn(Sender<u64>, Receiver<u64>, &Waker);
    let cases: [Case; 6] = [
        |sender, receiver, _| {
            sender.send(1).unwrap();
            receiver.try_recv().unwrap();
        },
        |sender, receiver, waker| {
            let mut recv = receiver.recv();
            assert!(poll_once(Pin::new(&mut recv), waker).is_pending());
            sender.send(1).unwrap();
            assert!(poll_once(Pin::new(&mut recv), waker).is_ready());
        },
        |sender, receiver, _| {
            drop(sender);
            drop(receiver);
        },
        |sender, receiver, _| {
            drop(receiver);
            drop(sender);
        },
        |sender, receiver, _| {
            drop(receiver);
            assert!(sender.send(1).is_err());
        },
        |mut sender, receiver, waker| {
            let mut recv = receiver.recv();
            assert!(poll_once(Pin::new(&mut recv), waker).is_pending());
            assert!(
                sender
                    .poll_disconnected(&mut Context::from_waker(waker))
                    .is_pending()
            );
            drop(recv);
            drop(sender);
        },
    ];
    for case in cases {
        let ((), counts) = alloc::count(|| {
            let (sender, receiver) = channel();
            case(sender, receiver, &waker);
        });
        assert_eq!((counts.allocations, counts.deallocations), (1, 1));
        assert_eq!(counts.bytes, 48);
    }
    assert!(!wakers.will_wake(&waker));
    assert_eq!(counts.live(), 1, "the test's own");
}

#[test]
fn a_recv_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let (sender, receiver) = channel();
            (Cell::new(Some(sender)), receiver.recv())
        },
        |sender, k| {
            if k == 2 {
                assert!(sender.take().unwrap().send(k).is_ok());
            }
        },
        |sender, _| {
            // If nothing was sent yet, the sender gets its value back.
            if let Some(sender) = sender.take() {
                assert_eq!(sender.send(1), Err(SendError(1)));
            }
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_race_that_is_lost_loses_no_value() {
    use hyperia_wait::{Either, race};
    let ((slow, first), (fast, second)) = (channel(), channel());
    fast.send(1).unwrap();
    let Either::Right((Ok(1), loser)) = block_on(race(first.recv(), second.recv())) else {
        panic!("only the second was sent");
    };
    slow.send(2).unwrap();
    assert_eq!(loser.block(), Ok(2));
}

#[test]
fn it_is_terminated_after_the_output() {
    let (sender, mut recv, _) = waiting();
    sender.send(1).unwrap();
    assert!(!recv.is_terminated());
    assert!(poll_once(Pin::new(&mut recv), Waker::noop()).is_ready());
    assert!(recv.is_terminated());
    let again = AssertUnwindSafe(|| poll_once(Pin::new(&mut recv), Waker::noop()).is_ready());
    assert!(catch_unwind(again).is_err());
    assert!(recv.into_receiver().is_none());
}

#[test]
fn a_panic_in_the_clone_of_a_waker_loses_nothing() {
    let (sender, receiver) = channel();
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    let mut recv = receiver.into_future();
    let mut polled = || {
        catch_unwind(AssertUnwindSafe(|| {
            poll_once(Pin::new(&mut recv), &waker).is_ready()
        }))
    };
    assert!(polled().is_err());
    sender.send(1).unwrap();
    assert_eq!(polled().ok(), Some(true));
}

#[test]
fn a_panic_in_wake_has_sent_the_value() {
    let (sender, receiver) = channel();
    let panicking = PanicWaker::new(PanicOn::Wake);
    let mut recv = receiver.recv();
    assert!(poll_once(Pin::new(&mut recv), &panicking.waker()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(1))).is_err());
    assert_eq!(
        poll_once(Pin::new(&mut recv), Waker::noop()),
        Poll::Ready(Ok(1))
    );
    assert_eq!(panicking.live(), 0);
}

#[test]
fn a_panic_in_the_drop_of_a_waker_loses_nothing() {
    let (sender, receiver) = channel();
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    let mut recv = receiver.recv();
    assert!(poll_once(Pin::new(&mut recv), &waker).is_pending());
    let other = AssertUnwindSafe(|| poll_once(Pin::new(&mut recv), Waker::noop()).is_ready());
    assert!(catch_unwind(other).is_err());
    sender.send(1).unwrap();
    assert_eq!(
        poll_once(Pin::new(&mut recv), Waker::noop()),
        Poll::Ready(Ok(1))
    );
    // At the end of a receiver.
    let (sender, receiver) = channel::<u8>();
    let mut recv = receiver.recv();
    assert!(poll_once(Pin::new(&mut recv), &waker).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(recv))).is_err());
    assert_eq!(sender.send(1), Err(SendError(1)));
    panicking.disarm();
}

#[test]
fn any_value_will_do() {
    fn through<T: PartialEq + std::fmt::Debug + Clone>(value: T) {
        let (sender, receiver) = channel();
        assert!(sender.send(value.clone()).is_ok());
        assert_eq!(receiver.recv().block(), Ok(value));
    }
    through(());
    through(std::num::NonZeroU8::MIN);
    through([7_u64; 100]);
    through("borrowed");
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(64))]
    struct Aligned(u8);
    through(Aligned(1));
}

#[test]
fn errors_say_what_happened() {
    let (_sender, receiver) = channel::<Rc<()>>();
    let empty = receiver.try_recv().unwrap_err();
    assert_eq!(
        format!("{empty:?}: {empty}"),
        "Empty(..): nothing was sent yet"
    );
    let gone = "the sender is gone and has sent nothing";
    let disconnected = TryRecvError::<()>::Disconnected;
    assert_eq!(
        format!("{disconnected:?}: {disconnected}"),
        format!("Disconnected: {gone}")
    );
    let (_sender, receiver) = channel::<Rc<()>>();
    let late = receiver.recv_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(
        format!("{late:?}: {late}"),
        "Timeout(..): nothing was sent in time"
    );
    let disconnected = RecvTimeoutError::<()>::Disconnected;
    assert_eq!(
        format!("{disconnected:?}: {disconnected}"),
        format!("Disconnected: {gone}")
    );
    assert_eq!(RecvError.to_string(), gone);
    let back = SendError(Cell::new(1));
    assert_eq!(
        format!("{back:?}: {back}"),
        "SendError { .. }: the receiver is gone"
    );
    let (sender, receiver) = channel::<u8>();
    assert_eq!(
        format!("{sender:?}"),
        "Sender { is_disconnected: false, .. }"
    );
    assert_eq!(format!("{receiver:?}"), "Receiver { .. }");
    assert_eq!(
        format!("{:?}", receiver.recv()),
        "Recv { is_terminated: false, .. }"
    );
}

#[test]
fn a_recv_is_a_plain_future() {
    fn is_future<F: Future<Output = Result<u8, RecvError>> + FusedFuture + Unpin>(_: &F) {}
    is_future(&abandoned().recv());
}

#[test]
fn a_receiver_that_gives_up_waiting_leaves_no_waker_behind() {
    let (sender, receiver) = channel();
    let task = CountingWaker::new();
    let mut recv = receiver.recv();
    assert!(poll_once(Pin::new(&mut recv), &task.waker()).is_pending());
    let receiver = recv.into_receiver().unwrap();
    assert_eq!(task.live(), 0);
    sender.send(8).unwrap();
    assert_eq!(task.wakes(), 0);
    assert_eq!(receiver.try_recv().unwrap(), 8);
}
