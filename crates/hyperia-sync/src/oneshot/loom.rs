//! Models of the oneshot channel. The end of a block is an exclusive access to all of it, and blocks and
//! values are counted: use after free, double free and leak are all found.
//!
//! Floors: the sides meet in one word, which each touches once to four times: from five to tens of ways.
//! Two, before and after, where one side only looks: the checker explores no more with that one spawned.

use alloc::sync::Arc;
use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Mutex;

use hyperia_test::{CountingWaker, model_roles};
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;

use super::{Receiver, Recv, RecvError, Sender, TryRecvError, channel};

std::thread_local! {
    /// Blocks alive. All threads of a model run on one thread.
    pub(super) static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// The value is seen only through the channel; what came before it, in `before`, too.
type Value = (Arc<()>, u32);

struct Shared {
    /// Each role takes its side out of its own lock, which is no part of the model.
    sender: Mutex<Option<Sender<Value>>>,
    recv: Mutex<Option<Recv<Value>>>,
    outcome: Mutex<Poll<Result<u32, RecvError>>>,
    sent: Mutex<Option<bool>>,
    before: AtomicBool,
    value: Arc<()>,
    /// The receiver's, its second one, and the sender's.
    wakers: [Arc<CountingWaker>; 3],
}

const FIRST: usize = 0;
const SECOND: usize = 1;
const SENDERS: usize = 2;

fn make() -> Shared {
    assert_eq!(LIVE.get(), 0, "a block was leaked");
    let (sender, receiver) = channel();
    Shared {
        sender: Mutex::new(Some(sender)),
        recv: Mutex::new(Some(receiver.recv())),
        outcome: Mutex::new(Poll::Pending),
        sent: Mutex::new(None),
        before: AtomicBool::new(false),
        value: Arc::new(()),
        wakers: [
            CountingWaker::new(),
            CountingWaker::new(),
            CountingWaker::new(),
        ],
    }
}

/// The receiver waits already.
fn make_waiting() -> Shared {
    let shared = make();
    poll(&shared, FIRST);
    shared
}

/// Both wait for each other's end.
fn make_both_waiting() -> Shared {
    let shared = make_waiting();
    assert!(!poll_disconnected(&shared, SENDERS));
    shared
}

fn poll(shared: &Shared, waker: usize) {
    let mut recv = shared.recv.lock().unwrap();
    if shared.outcome.lock().unwrap().is_ready() {
        return;
    }
    let recv = Pin::new(recv.as_mut().expect("not dropped"));
    if let Poll::Ready(output) = recv.poll(&mut Context::from_waker(&shared.wakers[waker].waker()))
    {
        if output.is_ok() {
            assert!(
                shared.before.load(Relaxed),
                "the value came without what was done before"
            );
        }
        *shared.outcome.lock().unwrap() = Poll::Ready(output.map(|(_, value)| value));
    }
}

/// Polls more often than it is woken, so that it comes while the sender is still at work.
fn poll_until_ready(shared: &Shared) {
    while shared.outcome.lock().unwrap().is_pending() {
        poll(shared, FIRST);
        loom::thread::yield_now();
    }
}

fn poll_disconnected(shared: &Shared, waker: usize) -> bool {
    let mut sender = shared.sender.lock().unwrap();
    let waker = shared.wakers[waker].waker();
    let ready = sender
        .as_mut()
        .unwrap()
        .poll_disconnected(&mut Context::from_waker(&waker))
        .is_ready();
    assert!(
        !ready || shared.before.load(Relaxed),
        "disconnected without what was done before"
    );
    ready
}

fn send(shared: &Shared) {
    let sender = shared.sender.lock().unwrap().take().unwrap();
    shared.before.store(true, Relaxed);
    let sent = match sender.send((shared.value.clone(), 7)) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.0.1, 7);
            false
        }
    };
    *shared.sent.lock().unwrap() = Some(sent);
}

fn drop_sender(shared: &Shared) {
    let sender = shared.sender.lock().unwrap().take();
    drop(sender);
}

fn drop_recv(shared: &Shared) {
    shared.before.store(true, Relaxed);
    let recv = shared.recv.lock().unwrap().take();
    drop(recv);
}

/// Ends what is left and looks for leaks.
fn nothing_is_left(shared: &Shared) {
    drop_sender(shared);
    drop_recv(shared);
    assert_eq!(LIVE.get(), 0, "a block was leaked, or freed twice");
    assert_eq!(
        Arc::strong_count(&shared.value),
        1,
        "a value was leaked, or dropped twice"
    );
    assert_eq!(
        shared
            .wakers
            .iter()
            .map(|waker| waker.live())
            .sum::<usize>(),
        0
    );
}

/// The receiver, if left waiting, with `waker`, was woken, and gets 7.
fn the_value_is_there(shared: &Shared, waker: usize) {
    if shared.outcome.lock().unwrap().is_pending() {
        assert_eq!(shared.wakers[waker].wakes(), 1, "nobody woke the receiver");
    }
    poll(shared, FIRST);
    assert_eq!(*shared.outcome.lock().unwrap(), Poll::Ready(Ok(7)));
    nothing_is_left(shared);
}

/// Catches a receiver that registers too late to be woken and too early to see, and a value that comes
/// without what was done before.
#[test]
fn a_value_arrives() {
    model_roles(
        "oneshot: poll | send",
        5,
        make,
        &[|shared| poll(shared, FIRST), send],
        |shared| {
            the_value_is_there(shared, FIRST);
        },
    );
}

/// Catches a block that the receiver, ready, frees while the sender still fetches its waker.
#[test]
fn a_waiting_receiver_gets_the_value_while_it_is_woken() {
    model_roles(
        "oneshot: poll again | send",
        5,
        make_waiting,
        &[poll_until_ready, send],
        |shared| the_value_is_there(shared, FIRST),
    );
}

/// Catches a change of wakers that the sender does not see, or sees half-way.
#[test]
fn a_poll_with_another_waker_is_the_one_that_is_woken() {
    model_roles(
        "oneshot: poll with another waker | send",
        10,
        make_waiting,
        &[|shared| poll(shared, SECOND), send],
        |shared| the_value_is_there(shared, SECOND),
    );
}

/// RUSTSEC-2026-0005: the receiver has been polled and is dropped, while the sender sends: it must not
/// say that it is gone before its waker is out of reach, nor free the block under the sender.
#[test]
fn rustsec_2026_0005_a_polled_receiver_may_go_while_the_value_comes() {
    model_roles(
        "oneshot: drop after poll | send",
        10,
        make_waiting,
        &[drop_recv, send],
        nothing_is_left,
    );
    model_roles(
        "oneshot: drop after poll | drop the sender",
        10,
        make_waiting,
        &[drop_recv, drop_sender],
        nothing_is_left,
    );
}

/// RUSTSEC-2021-0124, in the shape it has here: the receiver goes while the value comes, and exactly one
/// side has it then: both never touch it.
#[test]
fn rustsec_2021_0124_a_receiver_may_go_while_the_value_comes() {
    model_roles(
        "oneshot: drop | send",
        5,
        make,
        &[drop_recv, send],
        nothing_is_left,
    );
    model_roles(
        "oneshot: drop | drop the sender",
        5,
        make,
        &[drop_recv, drop_sender],
        nothing_is_left,
    );
}

/// Catches a value that `try_recv` sees before it is there, and one that it takes for a sender that went
/// without sending (flume issue 120).
#[test]
fn try_recv_sees_all_or_nothing() {
    model_roles(
        "oneshot: try_recv | send",
        2,
        make,
        &[
            |shared| {
                let recv = shared.recv.lock().unwrap().take().unwrap();
                let receiver: Receiver<Value> = recv.into_receiver().unwrap();
                match receiver.try_recv() {
                    Ok((_, value)) => {
                        assert!(shared.before.load(Relaxed));
                        *shared.outcome.lock().unwrap() = Poll::Ready(Ok(value));
                    }
                    Err(TryRecvError::Empty(receiver)) => {
                        *shared.recv.lock().unwrap() = Some(receiver.recv());
                    }
                    Err(TryRecvError::Disconnected) => panic!("the sender sends"),
                }
            },
            send,
        ],
        |shared| {
            poll(shared, FIRST);
            assert_eq!(*shared.outcome.lock().unwrap(), Poll::Ready(Ok(7)));
            nothing_is_left(shared);
        },
    );
}

/// Catches a sender that goes without a word and does not end the wait.
#[test]
fn a_sender_that_goes_ends_the_wait() {
    model_roles(
        "oneshot: poll | drop the sender",
        5,
        make,
        &[|shared| poll(shared, FIRST), drop_sender],
        |shared| {
            assert!(shared.outcome.lock().unwrap().is_ready() || shared.wakers[FIRST].wakes() == 1);
            poll(shared, FIRST);
            assert_eq!(*shared.outcome.lock().unwrap(), Poll::Ready(Err(RecvError)));
            nothing_is_left(shared);
        },
    );
}

/// Catches a sender that waits for the end of the receiver and is not told.
#[test]
fn a_receiver_that_goes_is_told_to_a_waiting_sender() {
    fn check(shared: &Shared) {
        let told = shared.sent.lock().unwrap().unwrap();
        assert!(told || shared.wakers[SENDERS].wakes() == 1);
        assert!(poll_disconnected(shared, FIRST));
        nothing_is_left(shared);
    }
    fn ask(shared: &Shared) {
        *shared.sent.lock().unwrap() = Some(poll_disconnected(shared, SENDERS));
    }
    model_roles(
        "oneshot: poll_disconnected | drop",
        5,
        make,
        &[ask, drop_recv],
        check,
    );
    model_roles(
        "oneshot: poll_disconnected | drop after poll",
        5,
        make_waiting,
        &[ask, drop_recv],
        check,
    );
    // With another waker than before.
    model_roles(
        "oneshot: poll_disconnected again | drop",
        5,
        || {
            let shared = make();
            assert!(!poll_disconnected(&shared, SECOND));
            shared
        },
        &[ask, drop_recv],
        check,
    );
}

/// Catches `is_disconnected` that does not carry what the receiver did before it went.
#[test]
fn is_disconnected_carries_the_receivers_writes() {
    model_roles(
        "oneshot: is_disconnected | drop",
        2,
        make,
        &[
            |shared| {
                let sender = shared.sender.lock().unwrap().take().unwrap();
                while !sender.is_disconnected() {
                    loom::thread::yield_now();
                }
                assert!(shared.before.load(Relaxed));
            },
            drop_recv,
        ],
        nothing_is_left,
    );
}

/// Catches a block that a side frees while the other one fetches its waker, whichever ends first, when
/// both wait for each other.
#[test]
fn both_sides_end_at_once() {
    model_roles(
        "oneshot: drop | send, both waiting",
        10,
        make_both_waiting,
        &[drop_recv, send],
        nothing_is_left,
    );
    model_roles(
        "oneshot: drop | drop the sender, both waiting",
        10,
        make_both_waiting,
        &[drop_recv, drop_sender],
        nothing_is_left,
    );
    model_roles(
        "oneshot: poll again | send, both waiting",
        10,
        make_both_waiting,
        &[poll_until_ready, send],
        |shared| the_value_is_there(shared, FIRST),
    );
}
