//! The same sockets under executors that know nothing of us; the reactor is on a thread of the test.
#![cfg(not(hyperia_loom))]

mod common;

use std::net::SocketAddr;

use common::{Driver, any_port};
use hyperia_net::{Handle, TcpListener, TcpStream};

const CLIENTS: usize = 8;
const ROUNDS: usize = 50;

async fn serve(listener: &TcpListener) {
    // One at a time; the others wait in the kernel's queue.
    for _ in 0..CLIENTS {
        let (stream, _) = listener.accept().await.unwrap();
        let mut buf = [0; 64];
        loop {
            match stream.read(&mut buf).await.unwrap() {
                0 => break,
                n => stream.write_all(&buf[..n]).await.unwrap(),
            }
        }
    }
}

async fn ask(handle: &Handle, addr: SocketAddr) {
    let stream = TcpStream::connect(handle, addr).await.unwrap();
    let mut buf = [0; 64];
    for round in 0..ROUNDS {
        let message = round.to_le_bytes();
        stream.write_all(&message).await.unwrap();
        let mut got = 0;
        while got < message.len() {
            got += stream.read(&mut buf[got..]).await.unwrap();
        }
        assert_eq!(&buf[..got], &message);
    }
}

#[test]
fn under_tokio() {
    let driver = Driver::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(&driver.handle, any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { serve(&listener).await });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let handle = driver.handle.clone();
                tokio::spawn(async move { ask(&handle, addr).await })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

#[test]
fn under_smol() {
    let driver = Driver::start();
    let executor = smol::Executor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind(&driver.handle, any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        let server = executor.spawn(async move { serve(&listener).await });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let handle = driver.handle.clone();
                executor.spawn(async move { ask(&handle, addr).await })
            })
            .collect();
        for client in clients {
            client.await;
        }
        server.await;
    }));
}

#[test]
fn under_no_executor_but_threads() {
    let driver = Driver::start();
    let listener = TcpListener::bind(&driver.handle, any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| hyperia_wait::block_on(serve(&listener)));
        for _ in 0..CLIENTS {
            scope.spawn(|| hyperia_wait::block_on(ask(&driver.handle, addr)));
        }
    });
}

#[test]
fn incoming_works_with_other_peoples_combinators() {
    use smol::stream::StreamExt;
    let driver = Driver::start();
    let listener = TcpListener::bind(&driver.handle, any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect(addr).unwrap())
        .collect();
    let ports = smol::block_on(
        listener
            .incoming()
            .map(|stream| stream.unwrap().peer_addr().unwrap().port())
            .take(clients.len())
            .collect::<Vec<_>>(),
    );
    let expected: Vec<_> = clients
        .iter()
        .map(|client| client.local_addr().unwrap().port())
        .collect();
    assert_eq!(ports, expected);
}
