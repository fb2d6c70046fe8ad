//! The same client under executors that are not ours: the sockets and timers are driven by a thread asked for by name.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use common::server::Server;
use hyperia_client::{Client, Stats};
use hyperia_rt::DriverThread;

const MESSAGES: usize = 3_000;

async fn producers(client: Client<Vec<u8>>) {
    for n in 0..MESSAGES {
        if n % 1000 == 0 {
            client.send(vec![b'm'; 10]).await.unwrap();
        } else {
            client.enqueue(vec![b'm'; 10]).await.unwrap();
        }
    }
    client.flush().await.unwrap();
}

fn check(stats: &Stats, server: Server) {
    assert_eq!(
        (stats.sent, stats.unsent + stats.unknown),
        (MESSAGES as u64, 0)
    );
    assert_eq!(server.stop().concat().len(), MESSAGES * 10);
}

#[test]
fn it_runs_under_tokio_on_one_and_on_many_threads() {
    for threads in [1, 2] {
        let server = Server::any();
        let io = DriverThread::spawn().unwrap();
        let mut builder = match threads {
            1 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.build().unwrap();
        let stats = runtime.block_on(async {
            let (client, driver) = Client::builder(server.addr()).build(io.reactor(), io.timers());
            let driver = tokio::spawn(driver);
            tokio::spawn(producers(client)).await.unwrap();
            driver.await.unwrap()
        });
        check(&stats, server);
    }
}

#[test]
fn it_runs_under_smol() {
    let server = Server::any();
    let io = DriverThread::spawn().unwrap();
    let stats = smol::block_on(async {
        let (client, driver) = Client::builder(server.addr()).build(io.reactor(), io.timers());
        let driver = smol::spawn(driver);
        producers(client).await;
        driver.await
    });
    check(&stats, server);
}

#[test]
fn it_runs_with_producers_on_threads_that_block() {
    use hyperia_wait::block_on;
    let server = Server::any();
    let io = DriverThread::spawn().unwrap();
    let (client, driver) = Client::builder(server.addr()).build(io.reactor(), io.timers());
    let work = std::thread::spawn(move || block_on(driver));
    let other = client.clone();
    let half = std::thread::spawn(move || {
        for _ in 0..MESSAGES / 2 {
            block_on(other.enqueue(vec![b'm'; 10])).unwrap();
        }
    });
    for _ in 0..MESSAGES / 2 {
        block_on(client.enqueue(vec![b'm'; 10])).unwrap();
    }
    half.join().unwrap();
    block_on(client.flush()).unwrap();
    drop(client);
    check(&work.join().unwrap(), server);
}
