//! The channel for one value against oneshot, tokio, async-oneshot, futures-channel and asyncband, polled by hand.
use hyperia_bench::{Comparison, Load, Sample, measure, version};
use hyperia_sync::oneshot::channel;
use std::future::IntoFuture;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Does nothing when it is woken; its wakers are counted references, as those of real tasks.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
    fn wake_by_ref(self: &Arc<Self>) {}
}

#[derive(Clone, Copy)]
enum Life {
    Ready,
    Pending,
    NoSender,
    Cancel,
}

impl Life {
    const ALL: [Self; 4] = [Self::Ready, Self::Pending, Self::NoSender, Self::Cancel];

    fn title(self) -> &'static str {
        match self {
            Self::Ready => "send, then receive",
            Self::Pending => "a receiver that waits, then send",
            Self::NoSender => "a receiver that waits, then the sender is dropped",
            Self::Cancel => "a receiver that waits and is dropped, then send",
        }
    }

    fn checked(self) -> &'static str {
        match self {
            Self::Ready => "the value, at the first poll",
            Self::Pending => "pending before the send, the value after it",
            Self::NoSender => "pending before the drop, an error after it",
            Self::Cancel => "pending before the drop, and the send fails",
        }
    }

    fn run<S, R: Future<Output: Outcome> + Unpin>(
        self,
        make: impl Fn() -> (S, R),
        send: impl Fn(S, u64) -> bool,
        operations: u64,
    ) -> Sample {
        let waker = Waker::from(Arc::new(Task));
        let cx = &mut Context::from_waker(&waker);
        let poll = |receiver: &mut R, cx: &mut Context<'_>| Pin::new(receiver).poll(cx);
        measure(|| {
            for value in 0..operations {
                let (sender, mut receiver) = make();
                if !matches!(self, Self::Ready) {
                    assert!(poll(&mut receiver, cx).is_pending());
                }
                match self {
                    Self::Ready | Self::Pending => {
                        assert!(send(sender, black_box(value)));
                        match poll(&mut receiver, cx) {
                            Poll::Ready(received) => assert_eq!(received.value(), Some(value)),
                            Poll::Pending => panic!("it was sent"),
                        }
                    }
                    Self::NoSender => {
                        drop(black_box(sender));
                        match poll(&mut receiver, cx) {
                            Poll::Ready(received) => assert_eq!(received.value(), None),
                            Poll::Pending => panic!("nobody sends"),
                        }
                    }
                    Self::Cancel => {
                        drop(black_box(receiver));
                        assert!(!send(sender, value));
                    }
                }
            }
        })
    }
}

/// What was received: the errors differ.
trait Outcome {
    fn value(self) -> Option<u64>;
}

impl<E> Outcome for Result<u64, E> {
    fn value(self) -> Option<u64> {
        self.ok()
    }
}

/// Makes a receiver the future that it becomes, without another around it.
fn with_future<S, R: IntoFuture>((sender, receiver): (S, R)) -> (S, R::IntoFuture) {
    (sender, receiver.into_future())
}

fn main() {
    let load = Load::from_args();
    let of = |krate: &str| format!("{krate} {}", version(krate));
    for life in Life::ALL {
        Comparison::new(
            format!("oneshot channel, {}", life.title()),
            "channel",
            1_000_000,
        )
        .checked(life.checked())
        .not_shown(
            "threads that meet; a wake-up. Making and freeing the channel is in every row, and is most of it",
        )
        .contender(of("hyperia-sync"), |n| {
            let make = || {
                let (sender, receiver) = channel();
                (sender, receiver.recv())
            };
            life.run(make, |sender, value| sender.send(value).is_ok(), n)
        })
        .contender(of("oneshot") + ", feature async", |n| {
            let make = || with_future(oneshot::channel());
            life.run(make, |sender, value| sender.send(value).is_ok(), n)
        })
        .contender(of("asyncband"), |n| {
            let make = || with_future(asyncband::oneshot::channel());
            life.run(make, |sender, value| sender.send(value).is_ok(), n)
        })
        .contender(of("async-oneshot"), |n| {
            let make = async_oneshot::oneshot;
            life.run(make, |mut sender, value| sender.send(value).is_ok(), n)
        })
        .contender(of("tokio"), |n| {
            let make = tokio::sync::oneshot::channel;
            life.run(make, |sender, value| sender.send(value).is_ok(), n)
        })
        .contender(of("futures-channel"), |n| {
            let make = futures_channel::oneshot::channel;
            life.run(make, |sender, value| sender.send(value).is_ok(), n)
        })
        .run(load);
    }
}
