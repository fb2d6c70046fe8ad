//! Everything under executors of others: tokio's current-thread runtime and smol's local executor.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use hyperia_sync::{AutoResetEvent, ManualResetEvent, WaitGroup, mpmc, mpsc, oneshot, spsc};
use hyperia_wait::Block;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Two tasks hand a counter to and fro, and ask each other for replies; others pass a gate, and values through channels.
fn scenario(spawn: &dyn Fn(Task)) -> impl Future<Output = usize> + use<> {
    let events = Rc::new((AutoResetEvent::new(), AutoResetEvent::new()));
    let (reply, replied) = oneshot::channel();
    let theirs = events.clone();
    spawn(Box::pin(async move {
        let mut rounds = 0;
        for _ in 0..100 {
            theirs.0.wait().await;
            rounds += 1;
            theirs.1.set();
        }
        reply.send(rounds).expect("somebody waits for it");
    }));
    // A task that is asked and goes without an answer.
    let (question, asked) = oneshot::channel::<oneshot::Sender<usize>>();
    spawn(Box::pin(async move { drop(asked.await) }));
    // Tasks that begin when they are let, and are waited for.
    let (gate, group) = (Rc::new(ManualResetEvent::new(false)), WaitGroup::new());
    for _ in 0..3 {
        let (gate, token) = (gate.clone(), group.token());
        spawn(Box::pin(async move {
            gate.wait().await;
            drop(token);
        }));
    }
    // A line of work: one makes numbers, two double them, one adds them up.
    let (mut numbers, mut numbered) = spsc::bounded(2);
    let (work, worker) = mpmc::bounded(2);
    let (done, mut all_done) = mpsc::bounded(2);
    spawn(Box::pin(async move {
        for number in 0..100 {
            numbers.send(number).await.expect("they are awaited");
        }
    }));
    spawn(Box::pin(async move {
        let mut some = Vec::new();
        while numbered.recv_many(&mut some, 5).await.is_ok() {
            work.send_many(&mut some).await.expect("it is awaited");
        }
    }));
    for worker in [worker.clone(), worker] {
        let done = done.clone();
        spawn(Box::pin(async move {
            while let Ok(number) = worker.recv().await {
                let room = done.reserve().await.expect("it is awaited");
                room.send(2 * number).expect("it is awaited");
            }
        }));
    }
    drop(done);
    async move {
        gate.set();
        let mut sum = 0;
        while let Ok(number) = all_done.recv().await {
            sum += number;
        }
        assert_eq!(sum, 99 * 100);
        group.wait().await;
        for _ in 0..100 {
            events.0.set();
            events.1.wait().await;
        }
        let (answer, answered) = oneshot::channel();
        question
            .send(answer)
            .expect("the task waits for the question");
        assert_eq!(answered.await, Err(oneshot::RecvError));
        replied.await.expect("it counts to the end")
    }
}

#[test]
fn under_tokio() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    let rounds = local.block_on(&runtime, async {
        scenario(&|task| drop(tokio::task::spawn_local(task))).await
    });
    assert_eq!(rounds, 100);
}

#[test]
fn under_smol() {
    let executor = smol::LocalExecutor::new();
    let main = scenario(&|task| executor.spawn(task).detach());
    assert_eq!(smol::block_on(executor.run(main)), 100);
}

#[test]
fn from_thread_to_thread_under_both() {
    let (to_smol, at_smol) = oneshot::channel::<oneshot::Sender<u8>>();
    let smol = std::thread::spawn(move || {
        smol::block_on(async {
            at_smol
                .await
                .expect("sent below")
                .send(7)
                .expect("waited for")
        });
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let (back, answer) = oneshot::channel();
    to_smol.send(back).expect("waited for");
    assert_eq!(runtime.block_on(async { answer.await }), Ok(7));
    smol.join().expect("no panic");
}

/// Numbers from threads under tokio, under smol and under none, through a small channel, to each of them.
macro_rules! among_all {
    ($channel:expr) => {
        const COUNT: usize = 2_000;
        let (sender, receive) = $channel;
        let senders = [sender.clone(), sender.clone(), sender];
        let received: usize = std::thread::scope(|scope| {
            let [blocks, smols, tokios] = senders;
            scope.spawn(move || {
                for number in 0..COUNT {
                    blocks.send(number).block().expect("it is awaited");
                }
            });
            scope.spawn(move || {
                smol::block_on(async {
                    for number in 0..COUNT {
                        smols.send(number).await.expect("it is awaited");
                    }
                });
            });
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.expect("a runtime").block_on(async {
                    let mut numbers: Vec<_> = (0..COUNT).collect();
                    tokios.send_many(&mut numbers).await.expect("it is awaited");
                });
            });
            receive()
        });
        assert_eq!(received, 3 * COUNT * (COUNT - 1) / 2);
    };
}

#[test]
fn many_to_one_among_threads_of_all_executors() {
    among_all!({
        let (sender, receiver) = mpsc::bounded(2);
        let receive = move || {
            let mut receiver = receiver;
            smol::block_on(async {
                let mut sum = 0;
                while let Ok(number) = receiver.recv().await {
                    sum += number;
                }
                sum
            })
        };
        (sender, receive)
    });
}

#[test]
fn many_to_many_among_threads_of_all_executors() {
    async fn sum(receiver: mpmc::Receiver<usize>) -> usize {
        let mut sum = 0;
        while let Ok(number) = receiver.recv().await {
            sum += number;
        }
        sum
    }
    among_all!({
        let (sender, receiver) = mpmc::bounded(2);
        let receive = move || {
            let (smols, blocks) = (receiver.clone(), receiver.clone());
            std::thread::scope(|scope| {
                let smols = scope.spawn(|| smol::block_on(sum(smols)));
                let blocks = scope.spawn(|| sum(blocks).block());
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                let tokios = runtime.expect("a runtime").block_on(sum(receiver));
                tokios + smols.join().expect("no panic") + blocks.join().expect("no panic")
            })
        };
        (sender, receive)
    });
}
