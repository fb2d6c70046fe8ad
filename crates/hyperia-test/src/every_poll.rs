//! Polling by hand, and dropping a future at every point where it can be dropped.
use crate::CountingWaker;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// How many polls [`drop_at_every_poll`] allows before it calls a scenario endless.
const POLLS_MAX: usize = 1_000;

/// Polls `future` once with `waker`.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Drops a future at every point where it can be dropped; returns how many polls it takes to
/// complete, for the test to assert.
///
/// The scenario alternates: `step(&state, 0)`, first poll, `step(&state, 1)`, second poll, and so
/// on until the future is ready. `step` makes happen what the future waits for; its number is how
/// many polls there were. For every `k` below the number returned the scenario is run from the
/// start twice and the future dropped
///
/// - after `k` polls, before `step(_, k)`: nothing new happened, and
/// - after `k` polls and `step(_, k)`: it was woken, but never polled again;
///
/// each time followed by `after_drop(state, k)`, which asserts that nothing was lost. Whoever must
/// tell the two apart lets `step` note it in the state.
///
/// # Panics
/// If the future is not ready after 1,000 polls, or if a waker is still alive after `after_drop`.
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use std::future::poll_fn;
/// use std::rc::Rc;
/// use std::task::Poll;
///
/// let make = || {
///     let ready = Rc::new(Cell::new(false));
///     let seen = Rc::clone(&ready);
///     (ready, poll_fn(move |_| if seen.get() { Poll::Ready(()) } else { Poll::Pending }))
/// };
/// let polls = hyperia_test::drop_at_every_poll(make, |ready, k| ready.set(k == 1), |_, _| ());
/// assert_eq!(polls, 2);
/// ```
pub fn drop_at_every_poll<F, M, S>(
    mut make: M,
    mut step: impl FnMut(&S, usize),
    mut after_drop: impl FnMut(S, usize),
) -> usize
where
    F: Future,
    M: FnMut() -> (S, F),
{
    for polls in 0..POLLS_MAX {
        for stepped in [false, true] {
            let counting = CountingWaker::new();
            let (state, future) = make();
            let mut future = Box::pin(future);
            let waker = counting.waker();
            for k in 0..polls {
                step(&state, k);
                if poll_once(future.as_mut(), &waker).is_ready() {
                    return k + 1;
                }
            }
            if stepped {
                step(&state, polls);
            }
            drop(future);
            drop(waker);
            after_drop(state, polls);
            assert_eq!(
                counting.live(),
                0,
                "a waker outlived the future that was dropped after {polls} polls, and its state"
            );
        }
    }
    panic!("the future was not ready after {POLLS_MAX} polls");
}
