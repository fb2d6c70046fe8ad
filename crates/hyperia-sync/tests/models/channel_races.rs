//! Models of the channels in which somebody is in the middle of an operation when others come by.

use hyperia_sync::mpmc;
use hyperia_test::{CountingWaker, model, poll_once};
use loom::thread;

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
