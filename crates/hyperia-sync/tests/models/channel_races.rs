//! Models of the channels in which somebody is in the middle of an operation when others come by.

use std::pin::pin;

use hyperia_sync::{mpmc, spsc};
use hyperia_test::{CountingWaker, model, model_roles, poll_once};
use loom::thread;

use hyperia_test::tracked::Log;

/// A channel with room for one value, and what was received from it, in order.
struct Stream {
    sender: std::sync::Mutex<spsc::Sender<usize>>,
    receiver: std::sync::Mutex<spsc::Receiver<usize>>,
    received: Log,
}

impl Stream {
    fn new() -> Self {
        let (sender, receiver) = spsc::bounded(1);
        Self {
            sender: sender.into(),
            receiver: receiver.into(),
            received: Log::default(),
        }
    }

    fn try_recv(&self) {
        if let Ok(value) = self.receiver.lock().unwrap().try_recv() {
            self.received.push(value);
        }
    }

    fn try_recv_many(&self) {
        let mut values = Vec::new();
        let _ = self.receiver.lock().unwrap().try_recv_many(&mut values, 2);
        values
            .into_iter()
            .for_each(|value| self.received.push(value));
    }

    /// Sends 0, then the others before `end`, of which each waits in the mailbox if there is no room, until the room is
    /// looked for once more.
    fn send(&self, end: usize) {
        let mut sender = self.sender.lock().unwrap();
        assert_eq!(sender.try_send(0), Ok(()));
        let counting = CountingWaker::new();
        for value in 1..end {
            let mut send = pin!(sender.send(value));
            if poll_once(send.as_mut(), &counting.waker()).is_pending()
                && poll_once(send.as_mut(), &counting.waker()).is_pending()
            {
                break;
            }
        }
    }

    fn assert_order(&self) {
        self.try_recv();
        self.try_recv();
        let received = self.received.values();
        assert_eq!(received, [0, 1, 2][..received.len()]);
    }
}

/// Catches a value that is taken out of the mailbox before the one in the queue that was sent before it: the receiver
/// found the queue empty, and only then was it filled.
///
/// Floor: three accesses of each side at least, as in the models of the mailbox.
#[test]
fn what_waits_in_the_mailbox_comes_after_what_is_in_the_queue() {
    model_roles(
        "spsc: send, poll send, poll send | recv, recv",
        20,
        Stream::new,
        &[
            |stream| stream.send(3),
            |stream| {
                stream.try_recv();
                stream.try_recv();
            },
        ],
        Stream::assert_order,
    );
    model_roles(
        "spsc: send, poll send | recv_many, recv_many",
        20,
        Stream::new,
        &[
            |stream| stream.send(2),
            |stream| {
                stream.try_recv_many();
                stream.try_recv_many();
            },
        ],
        Stream::assert_order,
    );
}

/// Catches a receiver that sleeps although there is a value: the one that was told of it found another value in front
/// that was not there yet, and was dropped before it looked again.
///
/// Floor: two senders, each with a claim and a publication, against one poll: hundreds.
#[test]
fn a_receiver_that_is_dropped_in_front_of_a_push_passes_its_value_on() {
    model("mpmc: send | send | poll recv, drop it", 100, || {
        let (sender, receiver) = mpmc::bounded(2);
        let counting = [(); 3].map(|()| CountingWaker::new());
        let mut receives = Vec::new();
        for counting in &counting {
            let mut recv = Box::pin(receiver.recv());
            assert!(poll_once(recv.as_mut(), &counting.waker()).is_pending());
            receives.push(recv);
        }
        let threads = [0, 1].map(|value| {
            let sender = sender.clone();
            thread::spawn(move || assert_eq!(sender.try_send(value), Ok(())))
        });
        thread::yield_now();
        let first = receives.remove(0);
        let _ = poll_once({ first }.as_mut(), &counting[0].waker());
        for thread in threads {
            thread.join().unwrap();
        }
        for (recv, counting) in receives.iter_mut().zip(&counting[1..]) {
            if counting.wakes() > 0 {
                let _ = poll_once(recv.as_mut(), &counting.waker());
            }
        }
        assert!(receiver.is_empty(), "somebody sleeps in front of a value");
    });
}

/// The same with senders and room.
#[test]
fn a_sender_that_is_dropped_in_front_of_a_pop_passes_its_room_on() {
    model("mpmc: recv | recv | poll send, drop it", 100, || {
        let (sender, receiver) = mpmc::bounded(2);
        assert_eq!((sender.try_send(0), sender.try_send(1)), (Ok(()), Ok(())));
        let counting = [(); 3].map(|()| CountingWaker::new());
        let mut sends = Vec::new();
        for counting in &counting {
            let mut send = Box::pin(sender.send(2));
            assert!(poll_once(send.as_mut(), &counting.waker()).is_pending());
            sends.push(send);
        }
        let threads = [(); 2].map(|()| {
            let receiver = receiver.clone();
            thread::spawn(move || assert!(receiver.try_recv().is_ok()))
        });
        thread::yield_now();
        let first = sends.remove(0);
        let _ = poll_once({ first }.as_mut(), &counting[0].waker());
        for thread in threads {
            thread.join().unwrap();
        }
        for (send, counting) in sends.iter_mut().zip(&counting[1..]) {
            if counting.wakes() > 0 {
                let _ = poll_once(send.as_mut(), &counting.waker());
            }
        }
        assert_eq!(receiver.len(), 2, "somebody sleeps in front of room");
    });
}
