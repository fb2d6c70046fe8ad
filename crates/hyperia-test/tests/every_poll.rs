//! The dropper drops where it says.
use hyperia_test::drop_at_every_poll;
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Default)]
struct State {
    steps: Cell<usize>,
}

/// Ready once `steps` steps were made.
fn scenario(steps: usize) -> (Rc<State>, impl Future<Output = ()>) {
    let state = Rc::new(State::default());
    let seen = Rc::clone(&state);
    (
        state,
        poll_fn(move |_| {
            if seen.steps.get() > steps {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }),
    )
}

#[test]
fn every_point_is_visited_before_and_after_its_step() {
    let visited = RefCell::new(Vec::new());
    let polls = drop_at_every_poll(
        || scenario(2),
        |state, k| {
            assert_eq!(state.steps.get(), k);
            state.steps.set(k + 1);
        },
        |state, k| visited.borrow_mut().push((k, state.steps.get())),
    );
    assert_eq!(polls, 3);
    assert_eq!(
        visited.into_inner(),
        [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]
    );
}

#[test]
fn a_future_that_is_ready_at_once_takes_one_poll() {
    assert_eq!(
        drop_at_every_poll(|| ((), ready(())), |_, _| (), |_, _| ()),
        1
    );
}

#[test]
#[should_panic(expected = "not ready after")]
fn an_endless_future_is_reported() {
    drop_at_every_poll(|| ((), pending::<()>()), |_, _| (), |_, _| ());
}

#[test]
#[should_panic(expected = "a waker outlived the future")]
fn a_leaked_waker_is_reported() {
    thread_local!(static LEAK: RefCell<Option<Waker>> = const { RefCell::new(None) });
    let make = || {
        let future = poll_fn(|context| {
            LEAK.set(Some(context.waker().clone()));
            Poll::<()>::Pending
        });
        ((), future)
    };
    drop_at_every_poll(make, |_, _| (), |_, _| ());
}
