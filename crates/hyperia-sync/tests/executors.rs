//! Everything under executors of others: tokio's current-thread runtime and smol's local executor.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use hyperia_sync::{AutoResetEvent, ManualResetEvent, WaitGroup, oneshot};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Two tasks hand a counter to and fro, and ask each other for replies; others pass a gate.
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
    async move {
        gate.set();
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
