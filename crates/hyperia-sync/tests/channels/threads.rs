//! Several threads: exactly once, in the order of each sender, whoever gives up in between.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use hyperia_sync::mpsc::{RecvError, SendTimeoutError, TryRecvError, TrySendError};
use hyperia_test::poll_once;
use hyperia_test::stress::{self, Random};
use hyperia_wait::Block;

use super::Kind;

const ENDS_MAX: usize = 3;
const VALUES: usize = if cfg!(miri) { 100 } else { 60_000 };

/// A value that comes back to its sender when it is dropped without having been received.
struct Parcel {
    sender: usize,
    number: usize,
    /// `None` once it was received.
    back: Option<Arc<Mutex<Vec<usize>>>>,
}

impl Parcel {
    fn open(mut self) -> (usize, usize) {
        self.back = None;
        (self.sender, self.number)
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if let Some(back) = self.back.take() {
            back.lock().unwrap().push(self.number);
        }
    }
}

/// Sends the numbers below `count` in order, in all the ways there are; what comes back is sent again at once.
fn send_all<K: Kind>(sender: &mut K::Sender<Parcel>, id: usize, count: usize) {
    let mut random = Random::new(id as u64);
    let back = Arc::new(Mutex::new(Vec::new()));
    let parcel = |number| Parcel {
        sender: id,
        number,
        back: Some(Arc::clone(&back)),
    };
    let mut number = 0;
    while number < count {
        let one = parcel(number);
        match random.below(6) {
            0 => match K::try_send(sender, one) {
                Ok(()) => {}
                Err(TrySendError::Full(back)) => drop(back),
                Err(TrySendError::Disconnected(_)) => panic!("the receivers stay"),
            },
            1 => match K::send_timeout(sender, one, Duration::ZERO) {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(back)) => drop(back),
                Err(SendTimeoutError::Disconnected(_)) => panic!("the receivers stay"),
            },
            2 => {
                // Polled a few times, then dropped: it was sent, or comes back by its drop.
                let polls = random.below(3);
                let mut send = pin!(K::send(sender, one));
                for _ in 0..polls {
                    if poll_once(send.as_mut(), Waker::noop()).is_ready() {
                        break;
                    }
                    thread::yield_now();
                }
            }
            3 => {
                drop(one);
                back.lock().unwrap().clear();
                let last = count.min(number + 1 + random.below(4));
                let mut many: Vec<_> = (number..last).map(parcel).collect();
                if random.one_in(2) {
                    assert!(K::send_many(sender, &mut many).block().is_ok());
                } else {
                    let _ = poll_once(pin!(K::send_many(sender, &mut many)), Waker::noop());
                }
                number = last - many.len();
                drop(many);
                back.lock().unwrap().clear();
                continue;
            }
            _ => assert!(K::send(sender, one).block().is_ok()),
        }
        match back.lock().unwrap().pop() {
            Some(came_back) => assert_eq!(came_back, number),
            None => number += 1,
        }
    }
}

/// Receives until the end, in all the ways there are.
fn receive_all<K: Kind>(receiver: &mut K::Receiver<Parcel>, id: usize) -> Vec<(usize, usize)> {
    let mut random = Random::new(1_000 + id as u64);
    let (mut received, mut many) = (Vec::new(), Vec::new());
    loop {
        match random.below(5) {
            0 => match K::try_recv(receiver) {
                Ok(parcel) => received.push(parcel.open()),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return received,
            },
            1 => {
                let mut recv = pin!(K::recv(receiver));
                for _ in 0..random.below(3) {
                    if let std::task::Poll::Ready(result) = poll_once(recv.as_mut(), Waker::noop())
                    {
                        match result {
                            Ok(parcel) => received.push(parcel.open()),
                            Err(RecvError) => return received,
                        }
                        break;
                    }
                }
            }
            2 => {
                if K::recv_many(receiver, &mut many, 4).block().is_err() {
                    return received;
                }
                received.extend(many.drain(..).map(Parcel::open));
            }
            _ => match K::recv(receiver).block() {
                Ok(parcel) => received.push(parcel.open()),
                Err(RecvError) => return received,
            },
        }
    }
}

pub(crate) fn threads_receive_each_value_once_and_in_order<K: Kind>() {
    let count = stress::operations(VALUES) / 4 / ENDS_MAX;
    for capacity in [1, 2, 3, 64] {
        let (sender, receiver) = K::bounded(capacity);
        let (mut senders, mut receivers) = (vec![sender], vec![receiver]);
        while senders.len() < ENDS_MAX
            && let Some(another) = K::another_sender(&senders[0])
        {
            senders.push(another);
        }
        while receivers.len() < ENDS_MAX
            && let Some(another) = K::another_receiver(&receivers[0])
        {
            receivers.push(another);
        }
        let senders_count = senders.len();
        let received: Vec<_> = thread::scope(|scope| {
            let receiving: Vec<_> = receivers
                .into_iter()
                .enumerate()
                .map(|(id, mut receiver)| scope.spawn(move || receive_all::<K>(&mut receiver, id)))
                .collect();
            for (id, mut sender) in senders.into_iter().enumerate() {
                scope.spawn(move || send_all::<K>(&mut sender, id, count));
            }
            receiving
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for one in &received {
            for id in 0..senders_count {
                let numbers = one.iter().filter(|(sender, _)| *sender == id);
                assert!(numbers.is_sorted_by(|before, after| before.1 < after.1));
            }
        }
        let mut all = received.concat();
        all.sort_unstable();
        let expected = (0..senders_count).flat_map(|id| (0..count).map(move |number| (id, number)));
        assert!(all.into_iter().eq(expected));
    }
}

pub(crate) fn a_receiver_that_goes_lets_every_thread_that_sends_go<K: Kind>() {
    for round in 0..if cfg!(miri) { 5 } else { 300 } {
        let (sender, mut receiver) = K::bounded(1);
        let mut senders = vec![sender];
        while senders.len() < ENDS_MAX
            && let Some(another) = K::another_sender(&senders[0])
        {
            senders.push(another);
        }
        let value = Arc::new(());
        thread::scope(|scope| {
            for mut sender in senders {
                let value = Arc::clone(&value);
                scope.spawn(move || while K::send(&mut sender, value.clone()).block().is_ok() {});
            }
            for _ in 0..round % 7 {
                assert!(K::recv(&mut receiver).block().is_ok());
            }
            drop(receiver);
        });
        assert_eq!(Arc::strong_count(&value), 1, "all of them were dropped");
    }
}
