//! When the server of the examples ends, by the memory of its connections. Time is the tests' own: its grace passes
//! when they say so.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::rc::Rc;

use hyperia_examples::sink::{GRACE, Overdue, Sink};
use hyperia_executor::Task;
use hyperia_net::{TcpListener, TcpStream};
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_timer::ManualClock;

/// What a connection allocates: what it reads into.
const BUFFER_BYTES: usize = 256 * 1024;

/// A server that echoes, the task that it runs in, and where it listens.
type Server = (Rc<Sink>, Task<io::Result<Vec<Overdue>>>, SocketAddr);

fn start(handle: &LoopHandle) -> io::Result<Server> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(handle.reactor(), any_port)?;
    let addr = listener.local_addr()?;
    let sink = Rc::new(Sink::new(true, None));
    let task = handle.spawn(Rc::clone(&sink).serve(listener, handle.clone()));
    Ok((sink, task, addr))
}

/// A peer that the server has heard.
async fn connect(handle: &LoopHandle, server: SocketAddr) -> io::Result<TcpStream> {
    let peer = TcpStream::connect(handle.reactor(), server).await?;
    peer.write_all(b"heard\n").await?;
    assert!(peer.read(&mut [0; 6]).await? > 0);
    Ok(peer)
}

/// Stops the server, and waits until `peers` know.
async fn stop(sink: &Sink, peers: &[TcpStream]) -> io::Result<()> {
    sink.stop();
    for peer in peers {
        while peer.read(&mut [0; 6]).await? > 0 {}
    }
    Ok(())
}

/// Blocks and bytes of all connections.
fn live(sink: &Sink) -> (usize, usize) {
    (sink.memory().live_blocks(), sink.memory().live_bytes())
}

#[test]
fn the_server_ends_when_all_buffers_are_freed() -> io::Result<()> {
    let mut event_loop = EventLoop::with_clock(ManualClock::new())?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(async {
        let (sink, server, addr) = start(&handle)?;
        assert_eq!(live(&sink), (0, 0));
        let peers = [connect(&handle, addr).await?, connect(&handle, addr).await?];
        stop(&sink, &peers).await?;
        assert_eq!(live(&sink), (2, 2 * BUFFER_BYTES));
        assert!(!server.is_finished(), "both peers may still send");

        for peer in peers {
            peer.write_all(b"still read\n").await?;
            peer.shutdown(Shutdown::Write)?;
        }
        assert!(server.await?.is_empty(), "both ended in time: none passed");
        assert_eq!(live(&sink), (0, 0));
        assert_eq!(sink.received().messages, 4);
        Ok(())
    })
}

#[test]
fn connections_that_outstay_the_grace_are_named_and_their_buffers_freed() -> io::Result<()> {
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone())?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(async {
        let (sink, server, addr) = start(&handle)?;
        // More than the executor drops between two looks at this future.
        let mut peers = Vec::new();
        for _ in 0..100 {
            peers.push(connect(&handle, addr).await?);
        }
        stop(&sink, &peers).await?;
        assert!(!server.is_finished());

        clock.advance(GRACE);
        let overdue = server.await?;
        assert_eq!(live(&sink), (0, 0));
        assert_eq!(overdue.len(), peers.len());
        for (connection, peer) in overdue.iter().zip(&peers) {
            assert_eq!(connection.peer, peer.local_addr()?);
            assert_eq!((connection.blocks, connection.bytes), (1, BUFFER_BYTES));
        }
        Ok(())
    })
}
