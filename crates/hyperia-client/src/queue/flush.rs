//! Who waits for all messages accepted so far.
//!
//! Messages are accepted in epochs. A flush closes the present epoch (unless it is empty) and waits until it and all
//! before it have no message left. Without a flush there is one epoch, and a batch settled costs one subtraction.

use core::task::Waker;
use std::collections::VecDeque;

use super::slab::Slab;
use crate::FlushError;

#[derive(Debug)]
pub(super) struct Flushes {
    /// The number of the oldest epoch; those up to the present one follow it. Wraps.
    oldest: u32,
    /// Messages without a verdict in the closed epochs, oldest first.
    closed: VecDeque<u64>,
    /// The same of the present epoch.
    present: u64,
    waiters: Slab<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    /// The last epoch it waits for.
    epoch: u32,
    failed: FlushError,
    waker: Option<Waker>,
}

const NO_FAILURES: FlushError = FlushError {
    unsent: 0,
    unknown: 0,
};

/// Verdicts of messages of one epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) epoch: u32,
    pub(crate) messages: u64,
    pub(crate) unsent: u64,
    pub(crate) unknown: u64,
}

impl Flushes {
    pub(super) const fn new() -> Self {
        Self {
            oldest: 0,
            closed: VecDeque::new(),
            present: 0,
            waiters: Slab::new(),
        }
    }

    fn present_epoch(&self) -> u32 {
        // At most as many epochs are open as there are messages: far below 2^31.
        self.oldest.wrapping_add(self.closed.len() as u32)
    }

    /// Counts an accepted message; returns its epoch.
    pub(super) fn accept(&mut self) -> u32 {
        self.present += 1;
        self.present_epoch()
    }

    /// Begins to wait. `None` if there is nothing to wait for.
    pub(super) fn begin(&mut self, waker: Waker) -> Result<u32, Waker> {
        if self.present > 0 {
            self.closed.push_back(core::mem::take(&mut self.present));
        }
        if self.closed.is_empty() {
            return Err(waker);
        }
        let epoch = self.present_epoch().wrapping_sub(1);
        Ok(self.waiters.insert(Waiter {
            epoch,
            failed: NO_FAILURES,
            waker: Some(waker),
        }))
    }

    /// The result if it is there; otherwise sets who is to be woken. Returns a waker to be dropped outside the lock.
    pub(super) fn poll(
        &mut self,
        key: u32,
        waker: Waker,
    ) -> (Option<Result<(), FlushError>>, Option<Waker>) {
        let oldest = self.oldest;
        let Some(waiter) = self.waiters.get_mut(key) else {
            return (Some(Ok(())), Some(waker));
        };
        if !is_over(waiter.epoch, oldest) {
            return (None, waiter.waker.replace(waker));
        }
        let failed = waiter.failed;
        self.waiters.remove(key);
        let result = if failed == NO_FAILURES {
            Ok(())
        } else {
            Err(failed)
        };
        (Some(result), Some(waker))
    }

    pub(super) fn remove(&mut self, key: u32) -> Option<Waker> {
        self.waiters.remove(key)?.waker
    }

    /// Counts verdicts; who has nothing left to wait for is to be woken.
    pub(super) fn settle(&mut self, settled: Settled, wakers: &mut Vec<Waker>) {
        let index = settled.epoch.wrapping_sub(self.oldest) as usize;
        match self.closed.get_mut(index) {
            Some(messages) => *messages -= settled.messages,
            None => self.present -= settled.messages,
        }
        let mut over = false;
        while self.closed.front() == Some(&0) {
            self.closed.pop_front();
            self.oldest = self.oldest.wrapping_add(1);
            over = true;
        }
        let failed = settled.unsent + settled.unknown > 0;
        if self.waiters.len() == 0 || !(over || failed) {
            return;
        }
        for waiter in self.waiters.iter_mut() {
            if failed && !is_over(waiter.epoch, settled.epoch) {
                waiter.failed.unsent += settled.unsent;
                waiter.failed.unknown += settled.unknown;
            }
            if is_over(waiter.epoch, self.oldest) {
                wakers.extend(waiter.waker.take());
            }
        }
    }
}

/// Whether `epoch` lies before `oldest`, in numbers that wrap.
const fn is_over(epoch: u32, oldest: u32) -> bool {
    (epoch.wrapping_sub(oldest) as i32) < 0
}
