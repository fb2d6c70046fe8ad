//! What the handles and the driver have in common.

#[cfg(all(test, hyperia_loom))]
mod loom;

use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use hyperia_timer::Timers;
use hyperia_wait::WakerCell;

use crate::builder::Limits;
use crate::event::Listeners;
use crate::ledger::wake_all;
use crate::primitive::Mutex;
use crate::queue::{NONE, Queue, Refused, RoomLook};
use crate::{Reason, Unsent};

pub(crate) struct Shared<M> {
    pub(crate) queue: Mutex<Queue<M>>,
    /// The driver's task.
    pub(crate) driver: Arc<WakerCell>,
    pub(crate) listeners: Listeners,
    /// For the samples; none in models.
    pub(crate) timers: Option<Timers>,
}

impl<M> Shared<M> {
    pub(crate) fn new(limits: Limits, timers: Option<Timers>) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Queue::new(limits)),
            driver: Arc::new(WakerCell::new()),
            listeners: Listeners::default(),
            timers,
        })
    }

    /// Closes intake for good, and asks the driver to flush or to give up.
    pub(crate) fn end(&self, reason: Reason) {
        let mut wakers = Vec::new();
        {
            let mut queue = self.queue.lock();
            queue.end(reason, &mut wakers);
            if reason == Reason::Aborted {
                queue.orders.abort = true;
            } else {
                queue.orders.close = true;
            }
        }
        wake_all(&mut wakers, &mut 0);
        self.driver.wake();
    }

    pub(crate) fn add_client(&self) {
        self.queue.lock().clients += 1;
    }

    /// The last one closes intake.
    pub(crate) fn remove_client(&self) {
        let last = {
            let mut queue = self.queue.lock();
            queue.clients -= 1;
            queue.clients == 0
        };
        if last {
            self.end(Reason::Closed);
        }
    }

    /// Accepts a message if there is room, or was handed to it. With the waker for the ticket, if one is wanted.
    fn accept(&self, admission: &mut Admission<'_, M>, ticket: Option<Waker>) -> Step {
        let accepted = {
            let mut queue = self.queue.lock();
            let admitted = match admission.key {
                NONE => queue.check(admission.len),
                key => match queue.look(key) {
                    RoomLook::Waiting => Err(Refused::Full),
                    RoomLook::Failed(reason) => Err(Refused::Ended(reason)),
                    RoomLook::Granted => {
                        queue.take_grant(key);
                        admission.key = NONE;
                        Ok(())
                    }
                },
            };
            match (admitted, admission.message.take()) {
                (Ok(()), Some(message)) => queue.push(message, admission.len, ticket),
                (Err(Refused::Ended(reason)), message) => {
                    admission.message = message;
                    queue.refuse();
                    return Step::Failed(reason);
                }
                (_, message) => {
                    admission.message = message;
                    return Step::Full;
                }
            }
        };
        // Before anything that may panic: who drops the future then leaves the verdict to the handler.
        admission.ticket = accepted.ticket;
        if accepted.wake {
            self.driver.wake();
        }
        if let Some(number) = accepted.sample
            && let Some(timers) = &self.timers
        {
            let now = timers.now();
            self.queue.lock().sample(number, now);
        }
        Step::Accepted
    }
}

enum Step {
    Accepted,
    Full,
    Failed(Reason),
}

/// A message on its way into the queue. Dropped before it is there, it takes the message back and leaves the line.
pub(crate) struct Admission<'a, M> {
    shared: &'a Shared<M>,
    message: Option<M>,
    len: usize,
    /// The place in the line for room.
    key: u32,
    /// The place of the ticket, once accepted with one. Whoever wanted it gives it up.
    pub(crate) ticket: u32,
}

impl<'a, M: AsRef<[u8]>> Admission<'a, M> {
    pub(crate) fn new(shared: &'a Shared<M>, message: M) -> Self {
        let len = message.as_ref().len();
        Self {
            shared,
            message: Some(message),
            len,
            key: NONE,
            ticket: NONE,
        }
    }
}

impl<M> Admission<'_, M> {
    /// Whether the message has been accepted or handed back.
    pub(crate) fn is_over(&self) -> bool {
        self.message.is_none()
    }

    /// The reason if it is refused for good, `None` if there is no room now. The message stays here then.
    pub(crate) fn try_now(&mut self) -> Result<(), Option<Reason>> {
        let shared = self.shared;
        match shared.accept(self, None) {
            Step::Accepted => Ok(()),
            Step::Full => Err(None),
            Step::Failed(reason) => Err(Some(reason)),
        }
    }

    pub(crate) fn into_message(mut self) -> Option<M> {
        self.message.take()
    }

    /// Waits for room and goes in, with a ticket, if one is wanted.
    ///
    /// # Panics
    /// If called again after it was `Ready`.
    #[track_caller]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ticket: bool,
    ) -> Poll<Result<(), Unsent<M>>> {
        assert!(!self.is_over(), "polled after completion");
        let mut waker: Option<Waker> = None;
        loop {
            let ticket = ticket.then(|| cx.waker().clone());
            let shared = self.shared;
            match shared.accept(self, ticket) {
                Step::Accepted => return Poll::Ready(Ok(())),
                Step::Failed(reason) => return self.refused(reason),
                Step::Full => {}
            }
            // Wakers are cloned and dropped outside the lock, so it takes two rounds to stand in line.
            let Some(new) = waker.take() else {
                if self.key != NONE
                    && self
                        .shared
                        .queue
                        .lock()
                        .has_room_waker(self.key, cx.waker())
                {
                    return Poll::Pending;
                }
                waker = Some(cx.waker().clone());
                continue;
            };
            let replaced;
            {
                let mut queue = self.shared.queue.lock();
                if self.key != NONE {
                    replaced = queue.set_room_waker(self.key, new);
                    if matches!(queue.look(self.key), RoomLook::Waiting) {
                        drop(queue);
                        drop(replaced);
                        return Poll::Pending;
                    }
                } else if let Err(Refused::Full) = queue.check(self.len) {
                    self.key = queue.wait_for_room(self.len, new);
                    return Poll::Pending;
                } else {
                    replaced = Some(new);
                }
            }
            drop(replaced);
        }
    }

    fn refused(&mut self, reason: Reason) -> Poll<Result<(), Unsent<M>>> {
        if self.key != NONE {
            self.leave();
        }
        match self.message.take() {
            Some(message) => Poll::Ready(Err(Unsent(message, reason))),
            None => Poll::Pending,
        }
    }

    #[cold]
    fn leave(&mut self) {
        let mut wakers = Vec::new();
        let waker = self.shared.queue.lock().leave(self.key, &mut wakers);
        self.key = NONE;
        drop(waker);
        wake_all(&mut wakers, &mut 0);
    }
}

impl<M> Drop for Admission<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if self.key != NONE {
            self.leave();
        }
    }
}
