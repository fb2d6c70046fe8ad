//! What becomes of messages: exactly one verdict each, and a true one.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use common::{Bench, Task, ms};
use hyperia_client::{Client, FlushError, Reason, SendError, TryEnqueueError, Unsent, Verdict};

const RESET: Reason = Reason::ConnectionLost(ErrorKind::ConnectionReset);

#[test]
fn i1_every_ending_gives_every_message_its_verdict() {
    for ending in 0..4 {
        let mut bench = Bench::new(|builder| builder.max_connections(1).drain_timeout(ms(50)));
        bench.net.lock().window = 6; // one message, and half of the next
        for message in [b"aaaa", b"bbbb", b"cccc"] {
            bench.enqueue(message);
        }
        bench.run();
        assert_eq!(bench.verdict_of(b"aaaa"), [Verdict::Ok]);
        let client = bench.client.clone();
        let mut waiting = Task::new(client.send(b"dddd".to_vec()));
        assert!(waiting.run().is_none());
        let reason = match ending {
            0 => {
                bench.client.close();
                bench.finish();
                Reason::DrainTimeout
            }
            1 => {
                bench.client.abort();
                bench.finish();
                Reason::Aborted
            }
            2 => {
                bench.drop_driver();
                Reason::Closed
            }
            _ => {
                bench.net.panic_on_write(0);
                bench.net.open_window(0, 1);
                bench.run();
                Reason::Panicked
            }
        };
        assert_eq!(bench.verdict_of(b"aaaa"), [Verdict::Ok]);
        assert_eq!(bench.verdict_of(b"bbbb"), [Verdict::Unknown(reason)]);
        if ending < 3 {
            assert_eq!(bench.verdict_of(b"cccc"), [Verdict::Unsent(reason)]);
            let error = SendError::Unsent(b"dddd".to_vec(), reason);
            assert_eq!(waiting.run(), Some(Err(error)));
            let stats = bench.client.stats();
            assert_eq!((stats.sent, stats.unsent, stats.unknown), (1, 2, 1));
            let late = bench.client.try_enqueue(b"late".to_vec());
            assert!(matches!(late, Err(TryEnqueueError::Unsent(..))));
        } else {
            // Of what was offered to a transport that panicked nothing is known, and the rest goes on.
            assert_eq!(bench.client.stats().panics, 1);
            assert_eq!(bench.verdict_of(b"cccc"), [Verdict::Unknown(reason)]);
            bench.net.lock().window = usize::MAX;
            bench.advance(ms(100));
            assert_eq!(waiting.run(), Some(Ok(())));
        }
    }
}

#[test]
fn i1_dropping_the_last_client_flushes_and_ends() {
    let mut bench = Bench::new(|builder| builder);
    bench.enqueue(b"last words");
    let second = bench.client.clone();
    let first = std::mem::replace(&mut bench.client, second.clone());
    drop(first);
    drop(second);
    assert!(!bench.client.is_closed());
    let events = bench.client.events();
    // The bench's own handle is the last one: trade it for one of a finished client.
    let other = Bench::new(|builder| builder);
    bench.client = other.client.clone();
    let stats = bench.finish();
    assert_eq!((stats.sent, stats.unsent), (1, 0));
    assert_eq!(bench.net.written(0), b"last words");
    assert!(
        bench.net.lock().connections[0].finished,
        "a FIN, not a reset"
    );
    drop(events);
}

#[test]
fn i4_i7_messages_of_which_no_byte_was_written_go_to_another_connection_at_once() {
    let mut bench = Bench::new(|builder| builder.max_connections(2).max_dials(2));
    bench.net.lock().window = 0;
    for _ in 0..2 {
        bench.enqueue(b"0123456789");
    }
    bench.run();
    // Both connections are there; the first has taken both messages and got rid of none.
    assert_eq!(bench.net.len(), 2);
    bench.net.open_window(1, usize::MAX);
    bench.net.reset(0);
    bench.run();
    assert_eq!(
        bench.verdicts().len(),
        2,
        "without waiting for a new connection"
    );
    assert!(bench.verdicts().iter().all(|(_, verdict)| verdict.is_ok()));
    assert_eq!(bench.net.written(0).len() + bench.net.written(1).len(), 20);
    assert_eq!(bench.client.stats().requeued, 2);
}

#[test]
fn i5_after_a_partial_write_the_rest_goes_nowhere() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.net.lock().window = 15;
    bench.enqueue(b"first-----");
    bench.enqueue(b"second----");
    bench.enqueue(b"third-----");
    bench.run();
    bench.net.lock().window = usize::MAX;
    bench.net.reset(0);
    bench.advance(ms(50));
    assert_eq!(bench.net.written(0), b"first-----secon");
    assert_eq!(bench.net.written(1), b"third-----");
    assert_eq!(bench.verdict_of(b"first-----"), [Verdict::Ok]);
    assert_eq!(bench.verdict_of(b"second----"), [Verdict::Unknown(RESET)]);
    assert_eq!(bench.verdict_of(b"third-----"), [Verdict::Ok]);
}

#[test]
fn i6_what_comes_back_from_a_lost_connection_goes_first() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.net.lock().window = 0;
    for message in [b"1", b"2", b"3"] {
        bench.enqueue(message);
    }
    bench.run();
    bench.enqueue(b"4"); // behind the batch that the connection has
    bench.net.lock().window = usize::MAX;
    bench.net.reset(0);
    bench.advance(ms(50));
    assert_eq!(bench.net.written(1), b"1234");
}

#[test]
fn i8_a_flush_across_a_disconnect_fails_and_says_how_many() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.net.lock().window = 5;
    bench.enqueue(b"0123456789");
    let client = bench.client.clone();
    let mut flush = Task::new(client.flush());
    bench.run();
    assert!(flush.run().is_none());
    bench.enqueue(b"after the flush");
    bench.net.lock().window = usize::MAX;
    bench.net.reset(0);
    bench.advance(ms(50));
    let failed = FlushError {
        unsent: 0,
        unknown: 1,
    };
    assert_eq!(flush.run(), Some(Err(failed)));
    assert_eq!(bench.verdict_of(b"after the flush"), [Verdict::Ok]);
    // What failed before does not count for later flushes.
    let mut flush = Task::new(client.flush());
    assert_eq!(flush.run(), Some(Ok(())));
}

#[test]
fn a_flush_does_not_answer_for_what_was_accepted_after_it() {
    let mut bench = Bench::new(|builder| builder.max_connections(2).max_dials(1));
    bench.net.lock().window = 3;
    bench.enqueue(b"before");
    bench.run();
    let client = bench.client.clone();
    let mut flush = Task::new(client.flush());
    assert!(flush.run().is_none());
    bench.enqueue(b"after"); // on a connection of its own
    bench.run();
    assert_eq!(bench.net.len(), 2);
    bench.net.reset(1);
    bench.run();
    assert_eq!(bench.verdict_of(b"after"), [Verdict::Unknown(RESET)]);
    bench.net.open_window(0, 100);
    bench.run();
    assert_eq!(bench.verdict_of(b"before"), [Verdict::Ok]);
    assert_eq!(flush.run(), Some(Ok(())));
}

#[test]
fn flushes_wait_for_what_was_accepted_before_them_and_no_more() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.net.lock().window = 0;
    let client = bench.client.clone();
    let mut flushes = Vec::new();
    for message in [b"a", b"b", b"c"] {
        bench.enqueue(message);
        let mut flush = Task::new(client.flush());
        assert!(flush.run().is_none());
        flushes.push(flush);
    }
    bench.run();
    for (index, _) in [b"a", b"b", b"c"].iter().enumerate() {
        bench.net.open_window(0, 1);
        bench.run();
        let done: Vec<_> = flushes.iter().map(Task::is_woken).collect();
        assert_eq!(done, [true, index >= 1, index >= 2]);
    }
    for mut flush in flushes {
        assert_eq!(flush.run(), Some(Ok(())));
    }
}

#[test]
fn i12_the_last_failed_attempt_fails_queue_and_waiting_producers_once() {
    let mut bench = Bench::new(|builder| builder.queue_messages(2).attempts(3));
    bench.net.plan(common::net::Plan::Refuse);
    bench.enqueue(b"q1");
    bench.enqueue(b"q2");
    let client = bench.client.clone();
    let mut enqueue = Task::new(client.enqueue(b"w1".to_vec()));
    let mut send = Task::new(client.send(b"w2".to_vec()));
    let mut flush = Task::new(client.flush());
    assert!(enqueue.run().is_none() && send.run().is_none() && flush.run().is_none());
    bench.advance(ms(1000));
    let reason = Reason::ConnectFailed(ErrorKind::ConnectionRefused);
    assert_eq!(bench.net.dials(), 3);
    assert_eq!(bench.verdict_of(b"q1"), [Verdict::Unsent(reason)]);
    assert_eq!(bench.verdict_of(b"q2"), [Verdict::Unsent(reason)]);
    assert_eq!(enqueue.run(), Some(Err(Unsent(b"w1".to_vec(), reason))));
    assert_eq!(
        send.run(),
        Some(Err(SendError::Unsent(b"w2".to_vec(), reason)))
    );
    let failed = FlushError {
        unsent: 2,
        unknown: 0,
    };
    assert_eq!(flush.run(), Some(Err(failed)));
    // The client stays usable.
    bench.net.plan(common::net::Plan::Connect);
    bench.enqueue(b"again");
    bench.advance(ms(200));
    assert_eq!(bench.verdict_of(b"again"), [Verdict::Ok]);
    assert_eq!(bench.verdicts().len(), 3);
}

#[test]
fn an_open_breaker_fails_messages_at_once_with_the_time_of_the_next_try() {
    let mut bench = Bench::new(|builder| builder.breaker(1, ms(500)).attempts(10));
    bench.net.plan(common::net::Plan::Refuse);
    bench.enqueue(b"one");
    bench.run();
    let retry_at = ms(1500);
    let refused = Verdict::Unsent(Reason::BreakerOpen { retry_at });
    assert_eq!(bench.verdict_of(b"one"), [refused]);
    bench.advance(ms(100));
    bench.enqueue(b"two");
    bench.run();
    assert_eq!(bench.verdict_of(b"two"), [refused]);
    assert_eq!(bench.net.dials(), 1);
    bench.net.plan(common::net::Plan::Connect);
    bench.advance(ms(400));
    bench.enqueue(b"three");
    bench.run();
    assert_eq!(bench.verdict_of(b"three"), [Verdict::Ok]);
}

#[test]
fn messages_wait_for_the_breaker_if_asked_to() {
    let mut bench = Bench::new(|builder| {
        builder
            .breaker(1, ms(500))
            .attempts(10)
            .wait_for_breaker(true)
    });
    bench.net.plan(common::net::Plan::Refuse);
    bench.enqueue(b"patient");
    bench.run();
    bench.net.plan(common::net::Plan::Connect);
    bench.advance(ms(499));
    assert!(bench.verdicts().is_empty());
    bench.advance(ms(1));
    assert_eq!(bench.verdict_of(b"patient"), [Verdict::Ok]);
}

#[test]
fn i32_end_of_stream_ends_writing_before_the_next_message() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.enqueue(b"one");
    bench.run();
    bench.net.finish(0);
    bench.enqueue(b"two");
    bench.advance(ms(50));
    assert_eq!(bench.net.written(0), b"one");
    assert_eq!(bench.net.written(1), b"two");
}

#[test]
fn i33_an_error_of_one_direction_ends_both() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.enqueue(b"one");
    bench.run();
    assert_eq!(bench.net.open(), 1);
    bench.net.reset(0); // seen by the read that is always pending
    bench.run();
    assert_eq!(bench.net.open(), 0);
    assert_eq!(bench.client.stats().lost, 1);
}

#[test]
fn i34_a_peer_that_takes_nothing_is_given_up_at_the_write_deadline() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.net.lock().window = 3;
    bench.enqueue(b"stuck");
    bench.run();
    bench.advance(ms(900));
    bench.net.open_window(0, 1); // progress counts
    bench.advance(ms(900));
    assert!(bench.verdicts().is_empty());
    bench.advance(ms(100));
    assert_eq!(
        bench.verdict_of(b"stuck"),
        [Verdict::Unknown(Reason::WriteTimeout)]
    );
}

#[test]
fn i36_what_is_in_memory_is_bounded_by_the_queue_and_one_batch_for_each_connection() {
    let mut bench = Bench::new(|builder| builder.queue_bytes(10_000).queue_messages(1000));
    bench.net.lock().window = 0;
    let mut accepted = 0;
    for _ in 0..100 {
        while bench.client.try_enqueue(vec![7; 500]).is_ok() {
            accepted += 500;
        }
        bench.run();
    }
    let batch = 10_000; // a batch is never more than what was queued
    assert!(accepted <= 10_000 + 4 * batch, "{accepted} bytes");
    let stats = bench.client.stats();
    assert!(stats.queue_bytes <= 10_000, "{stats:?}");
}

#[test]
fn a_message_larger_than_the_queue_goes_alone() {
    let mut bench = Bench::new(|builder| builder.queue_bytes(100).max_connections(1));
    bench.enqueue(&[1; 1000]);
    assert_eq!(
        bench.client.try_enqueue(vec![2; 1]),
        Err(TryEnqueueError::Full(vec![2; 1]))
    );
    bench.run();
    bench.enqueue(&[3; 10]);
    assert_eq!(
        bench.client.try_enqueue(vec![4; 1000]),
        Err(TryEnqueueError::Full(vec![4; 1000]))
    );
    bench.run();
    assert_eq!(bench.client.stats().sent, 2);
}

#[test]
fn empty_messages_are_sent_with_nothing_to_write() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    let client = bench.client.clone();
    let mut send = Task::new(client.send(Vec::new()));
    assert!(send.run().is_none());
    bench.run();
    assert_eq!(send.run(), Some(Ok(())));
    bench.enqueue(b"a");
    bench.enqueue(b"");
    bench.enqueue(b"b");
    bench.run();
    assert_eq!(bench.net.written(0), b"ab");
    assert_eq!(bench.client.stats().sent, 4);
}

#[test]
fn many_small_messages_share_a_write() {
    let mut bench = Bench::bare(|builder| builder.max_connections(1));
    for _ in 0..1000 {
        bench.enqueue(b"12345678");
    }
    bench.run();
    assert_eq!(bench.net.lock().connections[0].writes, 1);
    assert_eq!(bench.client.stats().batches, 1);
}

#[test]
fn messages_may_be_of_any_type_that_has_bytes() {
    fn takes<M: AsRef<[u8]> + Send + 'static>() -> usize {
        let _builder = Client::<M>::builder(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
        size_of::<M>()
    }
    let sizes = [
        takes::<Vec<u8>>(),
        takes::<&'static [u8]>(),
        takes::<Arc<[u8]>>(),
        takes::<[u8; 8]>(),
        takes::<String>(),
    ];
    assert!(sizes.iter().all(|size| *size > 0));
}

#[test]
fn defect_47_a_write_error_loses_no_message_silently() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.enqueue(b"one");
    bench.run();
    // The next write fails at once: nothing of it was taken.
    bench.net.lock().connections[0].error = Some(ErrorKind::BrokenPipe);
    bench.enqueue(b"two");
    bench.advance(ms(50));
    assert_eq!(bench.verdict_of(b"two"), [Verdict::Ok]);
    assert_eq!(
        (bench.net.written(0), bench.net.written(1)),
        (b"one".to_vec(), b"two".to_vec())
    );
}

#[test]
fn defect_51_messages_of_a_failed_cycle_do_not_go_out_later() {
    let mut bench = Bench::new(|builder| builder.attempts(1));
    bench.net.plan(common::net::Plan::Refuse);
    bench.enqueue(b"stale");
    bench.run();
    bench.net.plan(common::net::Plan::Connect);
    bench.enqueue(b"fresh");
    bench.advance(ms(200));
    assert_eq!(bench.net.written(0), b"fresh");
    let reason = Reason::ConnectFailed(ErrorKind::ConnectionRefused);
    assert_eq!(bench.verdict_of(b"stale"), [Verdict::Unsent(reason)]);
}
