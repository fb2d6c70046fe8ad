//! One registration: what is known about its descriptor, and who waits to know.
//!
//! A waiter puts its waker into its place (the cell or the queue of its direction), announces that in the
//! word, and is shown the word; an event changes the word and is shown the announcements. The word puts the two
//! in an order (`readiness`, invariant 3), so one of them sees the other.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use hyperia_wait::{Wait, WaitQueue, WakerCell};

use crate::error::ReactorGone;
use crate::panics::Panics;
use crate::readiness::{Direction, Place, Ready, ReadyWord, Seen, Wakes};

#[cfg(all(test, hyperia_loom))]
mod loom;

/// Who waits for one direction.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The one waiter of the `poll_*` functions.
    pub(crate) cell: WakerCell,
    /// The futures, any number.
    pub(crate) queue: WaitQueue,
}

/// One registration. Aligned so that no two share a cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) word: ReadyWord,
    /// Indexed by `Direction`.
    sides: [Side; 2],
    index: u32,
}

impl Slot {
    pub(crate) fn new(index: u32) -> Self {
        Self {
            word: ReadyWord::new(),
            sides: Default::default(),
            index,
        }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    #[inline]
    pub(crate) fn side(&self, direction: Direction) -> &Side {
        &self.sides[direction as usize]
    }

    /// What the events of the present owner carry.
    pub(crate) fn token(&self) -> u64 {
        u64::from(self.word.generation()) << 32 | u64::from(self.index)
    }

    /// Wakes whom an event concerns. Nothing is locked here, so wakers may do what they like.
    pub(crate) fn wake(&self, wakes: Wakes, panics: &mut Panics) {
        for direction in [Direction::Read, Direction::Write] {
            if wakes.contains(direction, Place::Cell) {
                panics.catch(|| self.side(direction).cell.wake());
            }
            if wakes.contains(direction, Place::Queue) {
                panics.catch(|| {
                    self.side(direction).queue.notify_all();
                });
            }
        }
    }

    /// Waits in the waker cell of `direction`, unless that is ready.
    #[inline]
    pub(crate) fn poll_cell(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Ready>> {
        match outcome(self.word.load(), direction) {
            Poll::Pending => self.poll_cell_wait(cx, direction),
            ready => ready,
        }
    }

    fn poll_cell_wait(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Ready>> {
        let cell = &self.side(direction).cell;
        cell.register(cx.waker());
        let outcome = outcome(self.word.announce(direction, Place::Cell), direction);
        if outcome.is_ready() {
            // No need to be woken; and after the reactor is gone nobody would ever take it out.
            drop(cell.take());
        }
        outcome
    }

    /// Waits in the queue of `direction`, unless that is ready. `wait` is the place in the queue.
    pub(crate) fn poll_queue<'a>(
        &'a self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut wait: Pin<&mut Option<Wait<'a>>>,
    ) -> Poll<io::Result<Ready>> {
        loop {
            match wait.as_mut().as_pin_mut() {
                // Not in the queue: perhaps it need not be.
                None => {
                    if let Poll::Ready(result) = outcome(self.word.load(), direction) {
                        return Poll::Ready(result);
                    }
                    wait.set(Some(self.side(direction).queue.wait()));
                }
                // In the queue, or about to be. First here, so that a notification is never left unseen.
                Some(waiting) => {
                    if waiting.poll(cx).is_ready() {
                        wait.set(None);
                        continue;
                    }
                    let outcome = outcome(self.word.announce(direction, Place::Queue), direction);
                    if outcome.is_ready() {
                        wait.set(None);
                    }
                    return outcome;
                }
            }
        }
    }
}

/// What a waiter makes of the word it saw.
#[inline]
fn outcome(seen: Seen, direction: Direction) -> Poll<io::Result<Ready>> {
    if let Some(ready) = seen.ready(direction) {
        Poll::Ready(Ok(ready))
    } else if seen.is_gone() {
        Poll::Ready(Err(ReactorGone.into()))
    } else {
        Poll::Pending
    }
}
