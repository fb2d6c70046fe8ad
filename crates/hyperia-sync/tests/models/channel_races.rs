//! Models of the channels in which somebody is in the middle of an operation when others come by.

use std::pin::pin;

use hyperia_sync::spsc;
use hyperia_test::{CountingWaker, model_roles, poll_once};

use super::tracked::Log;

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
