//! Long random sequences of all operations, against a queue that is a plain list.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use hyperia_sync::mpsc::{RecvError, SendError, TryRecvError, TrySendError};
use hyperia_test::stress::Random;
use hyperia_test::{CountingWaker, poll_once};

use super::{Counted, Hold, Kind, Ledger, Order, Shared};

const ENDS_MAX: usize = 4;
const STEPS: usize = if cfg!(miri) { 200 } else { 3_000 };

/// A future that waits, with a waker of its own.
struct Task<R> {
    future: Pin<Box<dyn Future<Output = R>>>,
    counting: Arc<CountingWaker>,
    /// Wakes before its last poll; `None` if there was none.
    seen: Option<usize>,
}

impl<R> Task<R> {
    fn new(future: impl Future<Output = R> + 'static) -> Self {
        Self {
            future: Box::pin(future),
            counting: CountingWaker::new(),
            seen: None,
        }
    }

    fn is_woken(&self) -> bool {
        self.seen.is_none_or(|seen| self.counting.wakes() > seen)
    }

    fn poll(&mut self) -> Poll<R> {
        self.seen = Some(self.counting.wakes());
        poll_once(self.future.as_mut(), &self.counting.waker())
    }
}

/// What a sender in a task does.
enum Sending {
    /// A value; and whether it is in the mailbox.
    One(usize, Mailed),
    /// The values that are not sent yet.
    Many(VecDeque<usize>),
    Reserve(Rc<Hold<Counted>>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mailed {
    Not,
    Waits,
    Received,
}

/// What is handed back.
type Back = Result<(), Vec<Counted>>;

type Received = Result<Vec<Counted>, RecvError>;

struct World<K: Kind> {
    random: Random,
    ledger: Ledger,
    capacity: usize,
    senders: Vec<Shared<K::Sender<Counted>>>,
    receivers: Vec<Shared<K::Receiver<Counted>>>,
    sending: Vec<(Task<Back>, Sending)>,
    /// With the limits.
    receiving: Vec<(Task<Received>, usize)>,
    /// What is in the channel.
    queue: VecDeque<usize>,
    is_closed: bool,
    received: usize,
}

pub(crate) fn random_operations_do_what_a_list_does<K: Kind>() {
    for capacity in [1, 2, 3, 64] {
        let mut received = 0;
        for seed in 0..if cfg!(miri) { 2 } else { 40 } {
            let mut world = World::<K>::new(capacity, seed);
            world.run();
            received += world.received;
            world.end();
        }
        println!("capacity {capacity}: {received} values received");
        assert!(received > 100);
    }
}

impl<K: Kind> World<K> {
    fn new(capacity: usize, seed: u64) -> Self {
        let (sender, receiver) = K::bounded(capacity);
        Self {
            random: Random::new(seed),
            ledger: Ledger::default(),
            capacity,
            senders: vec![Rc::new(RefCell::new(sender))],
            receivers: vec![Rc::new(RefCell::new(receiver))],
            sending: Vec::new(),
            receiving: Vec::new(),
            queue: VecDeque::new(),
            is_closed: false,
            received: 0,
        }
    }

    fn run(&mut self) {
        // Some runs are short of values, others of room.
        let is_greedy = self.random.one_in(2);
        for step in 0..STEPS {
            let receives = self.random.one_in(2) || (is_greedy && self.random.one_in(2));
            if receives {
                self.receive();
            } else {
                self.send();
            }
            if self.random.one_in(50) {
                self.change_ends();
            }
            if step > STEPS / 2 && self.random.one_in(STEPS / 2) {
                self.close();
            }
            self.assert_nobody_sleeps_in_vain();
        }
    }

    fn end(mut self) {
        while !(self.senders.is_empty() && self.receivers.is_empty()) {
            match self.random.below(4) {
                0 => self.drop_sending(),
                1 => self.drop_receiving(),
                2 if !self.receivers.is_empty() && self.receiving.is_empty() => {
                    self.receivers.pop();
                    if self.receivers.is_empty() {
                        self.is_closed = true;
                        for id in self.queue.drain(..) {
                            assert!(self.ledger.is_dropped(id), "it goes with the last receiver");
                        }
                    }
                }
                3 if !self.senders.is_empty() && self.sending.is_empty() => {
                    self.senders.pop();
                    self.is_closed |= self.senders.is_empty();
                }
                _ => {}
            }
            self.assert_nobody_sleeps_in_vain();
        }
        assert_eq!(self.ledger.live(), 0);
    }

    fn room(&self) -> usize {
        let held = self.sending.iter().filter(
            |(_, sending)| matches!(sending, Sending::Reserve(hold) if hold.has_room.get()),
        );
        self.capacity - self.queue.len() - held.count()
    }

    /// Values to be received.
    fn values(&self) -> usize {
        let mailed =
            |(_, sending): &&(_, Sending)| matches!(sending, Sending::One(_, Mailed::Waits));
        self.queue.len() + self.sending.iter().filter(mailed).count()
    }

    fn assert_nobody_sleeps_in_vain(&self) {
        let waiting = self.sending.iter().filter(
            |(_, sending)| !matches!(sending, Sending::Reserve(hold) if hold.has_room.get()),
        );
        let (woken, asleep): (Vec<_>, Vec<_>) = waiting.partition(|(task, _)| task.is_woken());
        let wanted = if self.is_closed {
            ENDS_MAX
        } else {
            self.room()
        };
        assert!(
            asleep.is_empty() || woken.len() >= wanted,
            "a sender sleeps in vain"
        );
        for (_, sending) in asleep {
            assert!(!matches!(sending, Sending::One(_, Mailed::Received)));
        }
        let woken = self.receiving.iter().filter(|(task, _)| task.is_woken());
        let wanted = if self.is_closed {
            ENDS_MAX
        } else {
            self.values()
        };
        let woken = woken.count();
        assert!(
            woken == self.receiving.len() || woken >= wanted,
            "a receiver sleeps in vain"
        );
    }

    fn free<S>(random: &mut Random, ends: &[Shared<S>]) -> Option<Shared<S>> {
        let free: Vec<_> = ends
            .iter()
            .filter(|end| Rc::strong_count(end) == 1)
            .collect();
        (!free.is_empty()).then(|| Rc::clone(free[random.below(free.len())]))
    }

    fn make(&mut self, count: usize) -> (Vec<Counted>, Vec<usize>) {
        let values: Vec<_> = (0..count).map(|_| self.ledger.make()).collect();
        let ids = values.iter().map(|value| value.id).collect();
        (values, ids)
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "one future at a time uses it"
    )]
    fn send(&mut self) {
        let what = self.random.below(9);
        if what >= 7 || self.senders.is_empty() {
            return self.drop_sending();
        }
        if what >= 5 {
            if !self.sending.is_empty() {
                let index = self.random.below(self.sending.len());
                self.poll_sending(index);
            }
            return;
        }
        let Some(sender) = Self::free(&mut self.random, &self.senders) else {
            return;
        };
        let room = self.room();
        let pushed = match what {
            0 => {
                let value = self.ledger.make();
                let id = value.id;
                match K::try_send(&mut sender.borrow_mut(), value) {
                    Ok(()) => {
                        assert!(room > 0 && !self.is_closed);
                        self.queue.push_back(id);
                    }
                    Err(TrySendError::Full(back)) => {
                        assert!(room == 0 && !self.is_closed);
                        assert_eq!(back.id, id);
                    }
                    Err(TrySendError::Disconnected(back)) => {
                        assert!(self.is_closed);
                        assert_eq!(back.id, id);
                    }
                }
                return;
            }
            1 => {
                let count = self.random.below(5);
                let (mut values, ids) = self.make(count);
                let sent = K::try_send_many(&mut sender.borrow_mut(), &mut values);
                match sent {
                    Ok(sent) => {
                        assert_eq!(sent, room.min(count));
                        assert!(count == 0 || sent > 0 && !self.is_closed);
                    }
                    Err(TrySendError::Full(())) => assert!(room == 0 && !self.is_closed),
                    Err(TrySendError::Disconnected(())) => assert!(self.is_closed && count > 0),
                }
                let sent = sent.unwrap_or(0);
                assert_eq!(values.len(), count - sent);
                self.queue.extend(&ids[..sent]);
                return;
            }
            2 => {
                let value = self.ledger.make();
                let id = value.id;
                let task = Task::new(async move {
                    let sent = K::send(&mut sender.borrow_mut(), value).await;
                    sent.map_err(|error| vec![error.into_inner()])
                });
                (task, Sending::One(id, Mailed::Not))
            }
            3 => {
                let count = self.random.below(5);
                let (mut values, ids) = self.make(count);
                let task = Task::new(async move {
                    let sent = K::send_many(&mut sender.borrow_mut(), &mut values).await;
                    sent.map_err(|SendError(())| values)
                });
                (task, Sending::Many(ids.into()))
            }
            _ => {
                let hold = Rc::new(Hold {
                    has_room: Cell::new(false),
                    order: RefCell::new(Order::Keep),
                });
                let Some(held) = K::hold(sender, Rc::clone(&hold)) else {
                    return;
                };
                let task = Task::new(async move {
                    let sent = held.await;
                    sent.map_err(|error| error.into_inner().into_iter().collect())
                });
                (task, Sending::Reserve(hold))
            }
        };
        self.sending.push(pushed);
        self.poll_sending(self.sending.len() - 1);
    }

    fn poll_sending(&mut self, index: usize) {
        let (room, is_closed) = (self.room(), self.is_closed);
        let (task, sending) = &mut self.sending[index];
        let attempts = K::SENDS_ALONE || task.is_woken();
        let is_ready = match sending {
            Sending::One(id, mailed) => match (*mailed, task.poll()) {
                (Mailed::Received, Poll::Ready(Ok(()))) => true,
                (_, Poll::Ready(Ok(()))) => {
                    assert!(attempts && room > 0 && !is_closed);
                    self.queue.push_back(*id);
                    true
                }
                (before, Poll::Ready(Err(back))) => {
                    assert!(is_closed && before != Mailed::Received);
                    assert_eq!(back[0].id, *id);
                    true
                }
                (before, Poll::Pending) => {
                    assert!(!attempts || room == 0 && !is_closed);
                    assert_ne!(before, Mailed::Received);
                    if K::SENDS_ALONE {
                        *mailed = Mailed::Waits;
                    }
                    false
                }
            },
            Sending::Many(ids) => {
                let polled = task.poll();
                let is_ready = polled.is_ready();
                let is_empty = ids.is_empty();
                if attempts && !is_closed {
                    let sent = room.min(ids.len());
                    self.queue.extend(ids.drain(..sent));
                }
                match polled {
                    Poll::Ready(Ok(())) => assert!(ids.is_empty()),
                    Poll::Ready(Err(back)) => {
                        assert!(is_closed && !is_empty);
                        assert!(back.iter().map(|value| &value.id).eq(ids.iter()));
                    }
                    Poll::Pending => assert!(!(ids.is_empty() || attempts && is_closed)),
                }
                is_ready
            }
            Sending::Reserve(hold) if hold.has_room.get() => {
                let mut sent = None;
                if self.random.one_in(2) {
                    let value = self.ledger.make();
                    sent = Some(value.id);
                    hold.order.replace(Order::Send(value));
                } else {
                    hold.order.replace(Order::GiveBack);
                }
                match (task.poll(), sent) {
                    (Poll::Ready(Ok(())), Some(id)) => {
                        assert!(!is_closed);
                        self.queue.push_back(id);
                    }
                    (Poll::Ready(Ok(())), None) => {}
                    (Poll::Ready(Err(back)), sent) => {
                        assert!(is_closed);
                        assert_eq!(Some(back[0].id), sent);
                    }
                    (Poll::Pending, _) => panic!("with room one need not wait"),
                }
                true
            }
            Sending::Reserve(hold) => match task.poll() {
                Poll::Ready(Ok(())) => panic!("nothing was ordered"),
                Poll::Ready(Err(back)) => {
                    assert!(is_closed && back.is_empty());
                    true
                }
                Poll::Pending => {
                    assert_eq!(hold.has_room.get(), attempts && room > 0 && !is_closed);
                    assert!(!(attempts && is_closed));
                    false
                }
            },
        };
        if is_ready {
            let (task, _) = self.sending.swap_remove(index);
            assert_eq!(task.counting.live(), 0, "it leaves no waker behind");
        }
    }

    fn drop_sending(&mut self) {
        if self.sending.is_empty() {
            return;
        }
        let index = self.random.below(self.sending.len());
        let (
            Task {
                future, counting, ..
            },
            sending,
        ) = self.sending.swap_remove(index);
        drop(future);
        assert_eq!(counting.live(), 0, "it leaves no waker behind");
        match sending {
            Sending::One(_, Mailed::Received) | Sending::Reserve(_) => {}
            Sending::One(id, _) => assert!(self.ledger.is_dropped(id)),
            Sending::Many(ids) => assert!(ids.iter().all(|id| self.ledger.is_dropped(*id))),
        }
    }

    /// Takes what was received out of the list.
    fn note(&mut self, value: Counted) {
        self.received += 1;
        let expected = self.queue.pop_front().or_else(|| {
            // What is in the mailbox comes last.
            self.sending
                .iter_mut()
                .find_map(|(_, sending)| match sending {
                    Sending::One(id, mailed @ Mailed::Waits) => {
                        *mailed = Mailed::Received;
                        Some(*id)
                    }
                    _ => None,
                })
        });
        assert_eq!(Some(value.id), expected);
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "one future at a time uses it"
    )]
    fn receive(&mut self) {
        let what = self.random.below(8);
        if what >= 6 || self.receivers.is_empty() {
            return self.drop_receiving();
        }
        if what >= 4 {
            if !self.receiving.is_empty() {
                let index = self.random.below(self.receiving.len());
                self.poll_receiving(index);
            }
            return;
        }
        let Some(receiver) = Self::free(&mut self.random, &self.receivers) else {
            return;
        };
        // A closed mailbox is not looked at.
        let limit = self.random.below(5);
        let (task, limit) = match what {
            0 => {
                let before = self.values();
                match K::try_recv(&mut receiver.borrow_mut()) {
                    Ok(value) => self.note(value),
                    Err(TryRecvError::Empty) => assert!(before == 0 && !self.is_closed),
                    Err(TryRecvError::Disconnected) => assert!(before == 0 && self.is_closed),
                }
                return;
            }
            1 => {
                let before = self.values();
                let mut values = Vec::new();
                match K::try_recv_many(&mut receiver.borrow_mut(), &mut values, limit) {
                    Ok(count) => assert!(count == values.len() && (count > 0 || limit == 0)),
                    Err(TryRecvError::Empty) => assert!(before == 0 && !self.is_closed),
                    Err(TryRecvError::Disconnected) => assert!(before == 0 && self.is_closed),
                }
                assert_eq!(values.len(), limit.min(self.queue.len().max(before.min(1))));
                values.into_iter().for_each(|value| self.note(value));
                return;
            }
            2 => {
                let task = Task::new(async move {
                    let value = K::recv(&mut receiver.borrow_mut()).await;
                    value.map(|value| vec![value])
                });
                (task, 1)
            }
            _ => {
                let task = Task::new(async move {
                    let mut values = Vec::new();
                    let count = K::recv_many(&mut receiver.borrow_mut(), &mut values, limit).await;
                    assert_eq!(count.unwrap_or(0), values.len());
                    count.map(|_| values)
                });
                (task, limit)
            }
        };
        self.receiving.push((task, limit));
        self.poll_receiving(self.receiving.len() - 1);
    }

    fn poll_receiving(&mut self, index: usize) {
        let (values, queued) = (self.values(), self.queue.len());
        let (task, limit) = &mut self.receiving[index];
        let attempts = K::RECEIVES_ALONE || task.is_woken();
        match task.poll() {
            Poll::Ready(Ok(received)) => {
                assert!(attempts);
                assert_eq!(received.len(), (*limit).min(queued.max(values.min(1))));
                received.into_iter().for_each(|value| self.note(value));
            }
            Poll::Ready(Err(RecvError)) => assert!(values == 0 && self.is_closed),
            Poll::Pending => {
                assert!(!attempts || values == 0 && !self.is_closed);
                return;
            }
        }
        let (task, _) = self.receiving.swap_remove(index);
        assert_eq!(task.counting.live(), 0, "it leaves no waker behind");
    }

    fn drop_receiving(&mut self) {
        if self.receiving.is_empty() {
            return;
        }
        let index = self.random.below(self.receiving.len());
        let (
            Task {
                future, counting, ..
            },
            _,
        ) = self.receiving.swap_remove(index);
        drop(future);
        assert_eq!(counting.live(), 0, "it leaves no waker behind");
    }

    fn change_ends(&mut self) {
        match self.random.below(4) {
            0 if self.senders.len() < ENDS_MAX => {
                let mut free = self.senders.iter().filter_map(|end| end.try_borrow().ok());
                let another = free.next().and_then(|end| K::another_sender(&end));
                drop(free);
                self.senders
                    .extend(another.map(|end| Rc::new(RefCell::new(end))));
            }
            1 if self.receivers.len() < ENDS_MAX => {
                let mut free = self
                    .receivers
                    .iter()
                    .filter_map(|end| end.try_borrow().ok());
                let another = free.next().and_then(|end| K::another_receiver(&end));
                drop(free);
                self.receivers
                    .extend(another.map(|end| Rc::new(RefCell::new(end))));
            }
            2 if self.senders.len() > 1 && Rc::strong_count(&self.senders[1]) == 1 => {
                drop(self.senders.swap_remove(1));
            }
            3 if self.receivers.len() > 1 && Rc::strong_count(&self.receivers[1]) == 1 => {
                drop(self.receivers.swap_remove(1));
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        if let Some(sender) = Self::free(&mut self.random, &self.senders) {
            assert_eq!(K::close(&mut sender.borrow_mut()), !self.is_closed);
            self.is_closed = true;
            for receiver in &self.receivers {
                // One that is in use is not asked.
                assert!(receiver.try_borrow().is_err() || K::is_closed(&receiver.borrow()));
            }
        }
    }
}
