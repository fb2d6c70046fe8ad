//! One thread is stopped in the middle of an operation; do the others go on? The "Progress" of the headers,
//! measured, beside tokio, async-lock, waitgroup and kanal. (The crate `oneshot` 0.2.1 is not among them: where a receiver is
//! polled with another waker while a value is sent, its sender calls a waker that is gone, and the process with it.)
//! The table is shown by
//! ```text
//! cargo test -p hyperia-sync --test progress -- --show-output
//! ```
//! and with `--release` as it is in earnest: without optimization the critical sections are longer.
//!
//! To go on is to return from a poll or a call, be it with `Pending` or `None` because the one who stands still has
//! what was asked for. "Stood still" counts rounds, each one stop at a random moment; zero proves nothing where
//! nothing is claimed. See `hyperia_test::progress` for how it is measured.
//!
//! The blocks of the channels come from an allocator without locks: what is seen is the channel.
#![cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]

use std::pin::{Pin, pin};
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::AcqRel;
use std::task::Waker;

use hyperia_sync::{
    AutoResetEvent, ManualResetEvent, Mutex, Permit, Semaphore, SemaphoreAcquire, WaitGroup, mpmc,
    mpsc, oneshot, spsc,
};
use hyperia_test::progress::heap::ThreadHeap;
use hyperia_test::progress::{Claim, Table};
use hyperia_test::{CountingWaker, poll_once};

#[global_allocator]
static HEAP: ThreadHeap = ThreadHeap;

/// More than anybody here takes at once.
const PERMITS: usize = 64;

#[test]
fn others_go_on_where_the_headers_say_so() {
    let mut table = Table::new();
    auto_reset_event(&mut table);
    manual_reset_event(&mut table);
    manual_reset_event_with_waiters(&mut table);
    semaphore(&mut table);
    semaphore_with_waiters(&mut table);
    mutex(&mut table);
    wait_group(&mut table);
    wait_group_with_waiters(&mut table);
    oneshot_channel(&mut table);
    spsc_channel(&mut table);
    mpsc_channel(&mut table);
    mpsc_channel_with_waiters(&mut table);
    mpmc_channel(&mut table);
    mpmc_channel_with_waiters(&mut table);
    tokio_notify(&mut table);
    tokio_semaphore(&mut table);
    tokio_mutex(&mut table);
    tokio_oneshot(&mut table);
    async_lock(&mut table);
    peer_wait_group(&mut table);
    tokio_mpsc(&mut table);
    kanal_channel(&mut table);
    table.finish();
}

/// Begins to wait, if there is something to wait for, and gives up.
fn give_up<F: Future>(future: F) {
    drop(poll_once(pin!(future), Waker::noop()));
}

/// A wait that has begun, and the waker that it has: not `noop`, which does not always know itself again.
fn begun<F: Future>(future: F) -> (Pin<Box<F>>, Waker) {
    let (mut future, waker) = (Box::pin(future), CountingWaker::new().waker());
    assert!(poll_once(future.as_mut(), &waker).is_pending());
    (future, waker)
}

fn auto_reset_event(table: &mut Table) {
    const TYPE: &str = "AutoResetEvent";
    let event = &AutoResetEvent::new();

    table.row(TYPE, "set, try_wait, reset", Claim::LockFree, || {
        event.set();
        event.try_wait();
        event.set();
        event.reset();
    });
    event.reset();
    table.row(TYPE, "wait, set, pass", Claim::Blocks, || {
        event.reset();
        let mut wait = pin!(event.wait());
        if poll_once(wait.as_mut(), Waker::noop()).is_pending() {
            event.set();
            // Unless the other thread's got it: then it leaves.
            let _ = poll_once(wait, Waker::noop());
        }
    });
    event.reset();
    let leave = || give_up(event.wait());
    table.row(TYPE, "wait, give up", Claim::Blocks, leave);
    table.row_of_two(
        TYPE,
        "set; stopped in wait, give up",
        Claim::Blocks,
        leave,
        || event.set(),
    );
    event.reset();
    let (mut wait, waker) = begun(event.wait());
    table.row_of_two(
        TYPE,
        "poll again, try_wait; stopped in wait, give up",
        Claim::WaitFree,
        leave,
        || {
            assert!(poll_once(wait.as_mut(), &waker).is_pending());
            assert!(!event.try_wait());
        },
    );
}

fn manual_reset_event(table: &mut Table) {
    const TYPE: &str = "ManualResetEvent";
    let event = &ManualResetEvent::new(true);

    table.row(
        TYPE,
        "set while set, wait while set, is_set",
        Claim::WaitFree,
        || {
            event.set();
            assert!(poll_once(pin!(event.wait()), Waker::noop()).is_ready());
            assert!(event.is_set());
        },
    );
    let toggle = || {
        event.set();
        event.reset();
    };
    table.row(TYPE, "set, reset", Claim::Blocks, toggle);
    table.row_of_two(
        TYPE,
        "reset, is_set; stopped in set, reset",
        Claim::WaitFree,
        toggle,
        || _ = event.reset() || event.is_set(),
    );
}

fn manual_reset_event_with_waiters(table: &mut Table) {
    const TYPE: &str = "ManualResetEvent";
    let event = &ManualResetEvent::new(false);
    let leave = || give_up(event.wait());

    table.row(TYPE, "wait, set, pass, reset", Claim::Blocks, || {
        let mut wait = pin!(event.wait());
        if poll_once(wait.as_mut(), Waker::noop()).is_pending() {
            event.set();
            assert!(poll_once(wait, Waker::noop()).is_ready());
        }
        event.reset();
    });
    event.reset();
    table.row(TYPE, "wait, give up", Claim::Blocks, leave);
    table.row_of_two(
        TYPE,
        "set, reset; stopped in wait, give up",
        Claim::Blocks,
        leave,
        || {
            event.set();
            event.reset();
        },
    );
    let (mut wait, waker) = begun(event.wait());
    table.row_of_two(
        TYPE,
        "poll again, reset; stopped in wait, give up",
        Claim::WaitFree,
        leave,
        || {
            assert!(poll_once(wait.as_mut(), &waker).is_pending());
            assert!(!event.reset());
        },
    );
}

fn semaphore(table: &mut Table) {
    const TYPE: &str = "Semaphore";
    let semaphore = &Semaphore::new(PERMITS);
    let try_acquire = || drop(semaphore.try_acquire());
    let too_many = || give_up(semaphore.acquire_many(PERMITS + 1));

    table.row(TYPE, "try_acquire, give back", Claim::LockFree, try_acquire);
    table.row(TYPE, "acquire, give back", Claim::LockFree, || {
        assert!(poll_once(pin!(semaphore.acquire()), Waker::noop()).is_ready());
    });
    table.row_of_two(
        TYPE,
        "try_acquire, give back; stopped in acquire that waits, give up",
        Claim::Blocks,
        too_many,
        try_acquire,
    );
    let (mut acquire, waker) = begun(semaphore.acquire_many(PERMITS + 1));
    table.row_of_two(
        TYPE,
        "poll again, available_permits; stopped in acquire that waits, give up",
        Claim::WaitFree,
        too_many,
        || {
            assert!(poll_once(acquire.as_mut(), &waker).is_pending());
            assert_eq!(semaphore.available_permits(), PERMITS);
        },
    );
}

fn semaphore_with_waiters(table: &mut Table) {
    let forget = |acquire: Pin<&mut SemaphoreAcquire<'_>>| {
        poll_once(acquire, Waker::noop()).map(Permit::forget)
    };
    let hand_over = |semaphore: &Semaphore| {
        let mut acquire = pin!(semaphore.acquire());
        if forget(acquire.as_mut()).is_pending() {
            semaphore.add_permits(1);
            // Or the other thread's got it: then it leaves.
            let _ = forget(acquire);
        }
    };
    let (barging, strict) = (Semaphore::new(0), Semaphore::with_overtakes_max(0, 0));
    table.row(
        "Semaphore",
        "acquire that waits, add_permits, take",
        Claim::Blocks,
        || hand_over(&barging),
    );
    table.row(
        "Semaphore, strict",
        "acquire that waits, add_permits, take",
        Claim::Blocks,
        || hand_over(&strict),
    );
    let empty = Semaphore::new(0);
    table.row(
        "Semaphore",
        "acquire that waits, give up",
        Claim::Blocks,
        || give_up(empty.acquire()),
    );
}

fn mutex(table: &mut Table) {
    const TYPE: &str = "Mutex";
    let mutex = Mutex::new(());

    table.row(TYPE, "try_lock, unlock", Claim::LockFree, || {
        drop(mutex.try_lock());
    });
    table.row(
        TYPE,
        "lock, unlock, or give up if it is locked",
        Claim::Blocks,
        || give_up(mutex.lock()),
    );
    table.row_of_two(
        TYPE,
        "is_locked; stopped in lock, unlock",
        Claim::WaitFree,
        || give_up(mutex.lock()),
        || _ = mutex.is_locked(),
    );
}

fn wait_group(table: &mut Table) {
    const TYPE: &str = "WaitGroup";
    let group = &WaitGroup::new();

    table.row(
        TYPE,
        "token, clone, tokens, drop of both, nobody waits",
        Claim::WaitFree,
        || {
            let token = group.token();
            let clone = token.clone();
            assert!(group.tokens() >= 2);
            drop((token, clone));
        },
    );
    table.row(TYPE, "wait without tokens", Claim::WaitFree, || {
        assert!(poll_once(pin!(group.wait()), Waker::noop()).is_ready());
    });
    table.row(
        TYPE,
        "wait, drop the last token, pass",
        Claim::Blocks,
        || {
            let token = group.token();
            let mut wait = pin!(group.wait());
            let _ = poll_once(wait.as_mut(), Waker::noop());
            drop(token);
            // Unless the other thread has a token: then it leaves.
            let _ = poll_once(wait, Waker::noop());
        },
    );
    table.row_of_two(
        TYPE,
        "token, drop the last one; stopped in wait, give up",
        Claim::Blocks,
        || {
            let _token = group.token();
            give_up(group.wait());
        },
        || drop(group.token()),
    );
}

fn wait_group_with_waiters(table: &mut Table) {
    const TYPE: &str = "WaitGroup";
    let group = &WaitGroup::new();
    let _token = group.token();
    let leave = || give_up(group.wait());

    table.row(TYPE, "wait, give up", Claim::Blocks, leave);
    let (mut wait, waker) = begun(group.wait());
    table.row_of_two(
        TYPE,
        "token, clone, drop of both, poll again; stopped in wait, give up",
        Claim::WaitFree,
        leave,
        || {
            let token = group.token();
            drop((token.clone(), token));
            assert!(poll_once(wait.as_mut(), &waker).is_pending());
        },
    );
}

/// Holds a value at most, which goes from one thread to the other.
struct Mailbox<T>(AtomicPtr<T>);

impl<T> Mailbox<T> {
    /// Returns what was in it.
    fn swap(&self, value: Option<T>) -> Option<T> {
        let new = value.map_or(ptr::null_mut(), |value| Box::into_raw(Box::new(value)));
        // ORDERING: Release of the new value to who swaps it out; Acquire of the old one.
        let old = self.0.swap(new, AcqRel);
        // SAFETY: what is not null came from a box, and was swapped out by this call alone.
        (!old.is_null()).then(|| *unsafe { Box::from_raw(old) })
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        drop(self.swap(None));
    }
}

/// Rows for a channel for one value. The receiving thread makes them and posts the senders.
///
/// `poll` returns whether the receiver is ready.
fn exchange<S: Send, R: Send>(
    table: &mut Table,
    kind: &'static str,
    claim: Claim,
    channel: impl Fn() -> (S, R) + Send + Sync,
    send: impl Fn(S) + Send + Sync,
    poll: impl Fn(&mut R, &Waker) -> bool + Send + Sync,
) {
    let mailbox = &Mailbox(AtomicPtr::new(ptr::null_mut()));
    let counting = [CountingWaker::new(), CountingWaker::new()];
    let wakers = &counting.each_ref().map(CountingWaker::waker);
    // Dropping a sender that was not fetched is part of it.
    let post = || {
        let (sender, receiver) = channel();
        drop(mailbox.swap(Some(sender)));
        receiver
    };
    let send = || {
        if let Some(sender) = mailbox.swap(None) {
            send(sender);
        }
    };
    let (poll, post) = (&poll, &post);
    let take = || {
        let (mut receiver, mut polls) = (None, 0);
        move || {
            polls += 1;
            // Another one each time, so that it registers each time.
            if poll(receiver.get_or_insert_with(post), &wakers[polls % 2]) {
                receiver = None;
            }
        }
    };
    let leave = || _ = poll(&mut post(), &wakers[0]);

    table.row_of_two(
        kind,
        "recv, another waker each poll; stopped in send",
        claim,
        send,
        take(),
    );
    table.row_of_two(
        kind,
        "send; stopped in recv, another waker each poll",
        claim,
        take(),
        send,
    );
    table.row_of_two(kind, "recv, give up; stopped in send", claim, send, leave);
    table.row_of_two(kind, "send; stopped in recv, give up", claim, leave, send);
}

fn oneshot_channel(table: &mut Table) {
    exchange(
        table,
        "oneshot",
        Claim::LockFree,
        || {
            let (sender, receiver) = oneshot::channel();
            (sender, receiver.recv())
        },
        |sender| _ = sender.send(1_u64),
        |recv, waker| poll_once(Pin::new(recv), waker).is_ready(),
    );
}

fn spsc_channel(table: &mut Table) {
    const TYPE: &str = "spsc";
    let (mut sender, mut receiver) = spsc::bounded(1);

    table.row_of_two(
        TYPE,
        "try_send; stopped in try_recv",
        Claim::WaitFree,
        || _ = receiver.try_recv(),
        || _ = sender.try_send(1_u64),
    );
    table.row_of_two(
        TYPE,
        "try_recv; stopped in try_send",
        Claim::WaitFree,
        || _ = sender.try_send(1),
        || _ = receiver.try_recv(),
    );
    table.row_of_two(
        TYPE,
        "recv, give up; stopped in send, give up",
        Claim::WaitFree,
        || give_up(sender.send(1)),
        || give_up(receiver.recv()),
    );
    table.row_of_two(
        TYPE,
        "send, give up; stopped in recv, give up",
        Claim::WaitFree,
        || give_up(receiver.recv()),
        || give_up(sender.send(1)),
    );
}

fn mpsc_channel(table: &mut Table) {
    const TYPE: &str = "mpsc";
    let (sender, mut receiver) = mpsc::bounded(64);

    table.row_of_two(
        TYPE,
        "try_send, reserve; stopped in try_send",
        Claim::NonBlocking,
        || _ = sender.try_send(1_u64),
        || {
            // Full, soon, as nothing is taken out; below it is not.
            let _ = sender.try_send(1);
            drop(sender.try_reserve());
        },
    );
    table.row_of_two(
        TYPE,
        "try_send; stopped in recv, give up",
        Claim::LockFree,
        || give_up(receiver.recv()),
        || _ = sender.try_send(1),
    );
    table.row_of_two(
        TYPE,
        "recv, give up; stopped in try_send",
        Claim::NonBlocking,
        || _ = sender.try_send(1),
        || give_up(receiver.recv()),
    );
    let (sender, mut receiver) = mpsc::unbounded();
    table.row_of_two(
        "mpsc, unbounded",
        "try_send, recv, give up; stopped in try_send",
        Claim::NonBlocking,
        || {
            let _ = sender.try_send(1_u64);
        },
        || {
            let _ = sender.try_send(1);
            give_up(receiver.recv());
            give_up(receiver.recv());
        },
    );
}

fn mpsc_channel_with_waiters(table: &mut Table) {
    const TYPE: &str = "mpsc";
    let (sender, mut receiver) = mpsc::bounded(1);
    let send = || give_up(sender.send(1_u64));

    send();
    table.row(TYPE, "send that waits, give up", Claim::Blocks, send);
    table.row_of_two(
        TYPE,
        "try_recv; stopped in send that waits, give up",
        Claim::Blocks,
        send,
        || _ = receiver.try_recv(),
    );
}

fn mpmc_channel(table: &mut Table) {
    let (sender, receiver) = mpmc::bounded(64);
    table.row("mpmc", "try_send, try_recv", Claim::NonBlocking, || {
        let _ = sender.try_send(1_u64);
        let _ = receiver.try_recv();
    });
    table.row_of_two(
        "mpmc",
        "try_recv; stopped in try_send",
        Claim::NonBlocking,
        || _ = sender.try_send(1),
        || _ = receiver.try_recv(),
    );
    let (sender, receiver) = mpmc::unbounded();
    table.row(
        "mpmc, unbounded",
        "try_send, try_recv",
        Claim::NonBlocking,
        || {
            let _ = sender.try_send(1_u64);
            let _ = receiver.try_recv();
        },
    );
}

fn mpmc_channel_with_waiters(table: &mut Table) {
    const TYPE: &str = "mpmc";
    let (sender, receiver) = mpmc::bounded(1);
    let recv = || give_up(receiver.recv());

    table.row(TYPE, "recv that waits, give up", Claim::Blocks, recv);
    table.row_of_two(
        TYPE,
        "recv, give up; stopped in try_send",
        Claim::Blocks,
        || _ = sender.try_send(1_u64),
        recv,
    );
    let _ = sender.try_send(1);
    table.row(TYPE, "send that waits, give up", Claim::Blocks, || {
        give_up(sender.send(1));
    });
}

fn tokio_mpsc(table: &mut Table) {
    const TYPE: &str = "tokio mpsc";
    let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
    table.row_of_two(
        TYPE,
        "try_send; stopped in recv, give up",
        Claim::Peer,
        || give_up(receiver.recv()),
        || _ = sender.try_send(1_u64),
    );
    table.row_of_two(
        TYPE,
        "recv, give up; stopped in try_send",
        Claim::Peer,
        || _ = sender.try_send(1),
        || give_up(receiver.recv()),
    );
    while sender.try_send(1).is_ok() {}
    table.row(TYPE, "send that waits, give up", Claim::Peer, || {
        give_up(sender.send(1));
    });
}

fn kanal_channel(table: &mut Table) {
    const TYPE: &str = "kanal";
    let (sender, receiver) = kanal::bounded_async(64);
    table.row(TYPE, "try_send, try_recv", Claim::Peer, || {
        let _ = sender.try_send(1_u64);
        let _ = receiver.try_recv();
    });
    table.row_of_two(
        TYPE,
        "recv, give up; stopped in try_send",
        Claim::Peer,
        || _ = sender.try_send(1),
        || give_up(receiver.recv()),
    );
}

fn tokio_notify(table: &mut Table) {
    const TYPE: &str = "tokio Notify";
    let notify = &tokio::sync::Notify::new();

    table.row(TYPE, "notify_one, take", Claim::Peer, || {
        notify.notify_one();
        give_up(notify.notified());
    });
    give_up(notify.notified());
    table.row(TYPE, "wait, give up", Claim::Peer, || {
        give_up(notify.notified());
    });
}

fn tokio_semaphore(table: &mut Table) {
    const TYPE: &str = "tokio Semaphore";
    let semaphore = &tokio::sync::Semaphore::new(PERMITS);

    table.row(TYPE, "try_acquire, give back", Claim::Peer, || {
        drop(semaphore.try_acquire());
    });
    semaphore.forget_permits(PERMITS);
    table.row(TYPE, "acquire that waits, give up", Claim::Peer, || {
        give_up(semaphore.acquire());
    });
}

fn tokio_mutex(table: &mut Table) {
    const TYPE: &str = "tokio Mutex";
    let mutex = tokio::sync::Mutex::new(());

    table.row(TYPE, "try_lock, unlock", Claim::Peer, || {
        drop(mutex.try_lock());
    });
    table.row(
        TYPE,
        "lock, unlock, or give up if it is locked",
        Claim::Peer,
        || give_up(mutex.lock()),
    );
}

fn tokio_oneshot(table: &mut Table) {
    exchange(
        table,
        "tokio oneshot",
        Claim::Peer,
        tokio::sync::oneshot::channel,
        |sender| _ = sender.send(1_u64),
        |receiver, waker| poll_once(Pin::new(receiver), waker).is_ready(),
    );
}

fn async_lock(table: &mut Table) {
    let semaphore = async_lock::Semaphore::new(PERMITS);
    table.row(
        "async-lock Semaphore",
        "try_acquire, give back",
        Claim::Peer,
        || drop(semaphore.try_acquire()),
    );
    let empty = async_lock::Semaphore::new(0);
    table.row(
        "async-lock Semaphore",
        "acquire that waits, give up",
        Claim::Peer,
        || give_up(empty.acquire()),
    );
    let mutex = async_lock::Mutex::new(());
    table.row("async-lock Mutex", "try_lock, unlock", Claim::Peer, || {
        drop(mutex.try_lock());
    });
    table.row(
        "async-lock Mutex",
        "lock, unlock, or give up if it is locked",
        Claim::Peer,
        || give_up(mutex.lock()),
    );
}

fn peer_wait_group(table: &mut Table) {
    let group = waitgroup::WaitGroup::new();
    table.row(
        "waitgroup",
        "worker, clone, drop of both",
        Claim::Peer,
        || {
            let worker = group.worker();
            drop((worker.clone(), worker));
        },
    );
}
