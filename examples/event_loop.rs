//! The shortest complete program: an echo server and its client, two tasks of one event loop.
//!
//! `cargo run --example event_loop` moves a megabyte over loopback, there and back, and ends.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use hyperia_net::{TcpListener, TcpStream};
use hyperia_rt::{EventLoop, LoopHandle};

fn main() -> io::Result<()> {
    // Reactor, timers and executor on this thread; nothing runs unless this loop does.
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(run(handle))
}

async fn run(handle: LoopHandle) -> io::Result<()> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(handle.reactor(), any_port)?;
    let address = listener.local_addr()?;

    // A task of its own; dropping `server` would cancel it.
    let server = handle.spawn(echo_once(listener));
    // Any future can be given a deadline.
    let client = handle
        .timers()
        .timeout(Duration::from_secs(10), send_and_compare(&handle, address));
    let bytes = client.await.map_err(|_elapsed| ErrorKind::TimedOut)??;
    server.await?;
    println!("{bytes} bytes went to {address} and came back");
    Ok(())
}

/// Serves one connection: sends back what it reads until the peer ends its side.
async fn echo_once(listener: TcpListener) -> io::Result<()> {
    let (stream, _peer) = listener.accept().await?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.shutdown(Shutdown::Write),
            len => stream.write_all(&buffer[..len]).await?,
        }
    }
}

/// Sends a thousand messages, each after the echo of the last, and returns how many bytes came back.
async fn send_and_compare(handle: &LoopHandle, server: SocketAddr) -> io::Result<usize> {
    let stream = TcpStream::connect(handle.reactor(), server).await?;
    let mut bytes = 0;
    for number in 0..1024_u32 {
        let message = [number as u8; 1024];
        stream.write_all(&message).await?;
        let mut echo = [0; 1024];
        let mut len = 0;
        while len < echo.len() {
            len += match stream.read(&mut echo[len..]).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => read,
            };
        }
        assert_eq!(echo, message);
        bytes += len;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(bytes)
}
