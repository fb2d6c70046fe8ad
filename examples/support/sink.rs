//! A server that accepts connections, counts what it reads, and optionally sends it back.
//!
//! It is one task that accepts and one for each connection. Everything runs on one thread, so what they
//! share with whoever wants to know what arrived is a plain `Cell`.
//!
//! # Memory
//! ```text
//!   Tracked     the server's total; `drained()` resolves when nothing of it is live
//!   ├── Scope   a connection's part, with its peak ◀── its buffer, freed when the connection has ended
//!   └── Scope   another's
//! ```
//! So the server is drained once all connections have ended, and one that does not end is found by what it still
//! holds. The accepting task, which waits for that, owns nothing of it.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use allocator_api2::alloc::Global;
use hyperia_alloc::{Scope, Shared, Tracked};
use hyperia_executor::Task;
use hyperia_net::{TcpListener, TcpStream};
use hyperia_rt::LoopHandle;
use hyperia_wait::{Either, WaitQueue, race};

use crate::tally::{LineReader, Tally};

/// Counts what all connections of a server hold, and can be awaited.
pub type ServerMemory = Shared<Tracked<Global>>;

/// Counts what one connection holds, as a part of the server's.
type ConnectionMemory = Shared<Scope<ServerMemory>>;

/// What a connection reads into. It keeps its allocator alive, so that a task can own both.
type Buffer = allocator_api2::vec::Vec<u8, ConnectionMemory>;

/// Bytes of one read: enough that the system call is cheap beside the bytes.
const READ_BYTES: usize = 256 * 1024;

/// How long peers may take to end their connections once the server stops.
pub const GRACE: Duration = Duration::from_secs(1);

/// A server's state, shared between its tasks and its owner.
#[derive(Debug, Default)]
pub struct Sink {
    echo: bool,
    on_end: Option<fn(&Ended)>,
    /// Closed, once and for good, when the server is to stop.
    stop: WaitQueue,
    memory: ServerMemory,
    received: Cell<Tally>,
    connections: Cell<usize>,
}

/// A connection that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Who had connected.
    pub peer: SocketAddr,
    /// The complete lines it sent.
    pub received: Tally,
    /// Bytes of a line that it did not complete.
    pub cut: u64,
    /// The most bytes of memory that it held at a time.
    pub peak_bytes: usize,
    /// How it ended: `Ok` is the orderly way.
    pub result: io::Result<()>,
}

/// A connection that had not ended when the server's time was up.
#[derive(Debug)]
pub struct Overdue {
    /// Who was connected.
    pub peer: SocketAddr,
    /// Blocks of memory that it still held.
    pub blocks: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// What the accepting task keeps of a connection.
#[derive(Debug)]
struct Open {
    peer: SocketAddr,
    memory: ConnectionMemory,
    task: Task<()>,
}

impl Sink {
    /// A server that sends back what it reads if `echo`, and calls `on_end` when a connection has ended.
    #[must_use]
    pub fn new(echo: bool, on_end: Option<fn(&Ended)>) -> Self {
        Self {
            echo,
            on_end,
            ..Self::default()
        }
    }

    /// What all connections together have received, in complete lines.
    #[must_use]
    pub fn received(&self) -> Tally {
        self.received.get()
    }

    /// Connections open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.get()
    }

    /// What all connections together hold now.
    #[must_use]
    pub fn memory(&self) -> &ServerMemory {
        &self.memory
    }

    /// Accepts nothing any more and tells the peers so, but goes on reading until they end too.
    pub fn stop(&self) {
        self.stop.close();
    }

    /// Accepts connections, and serves each in a task of its own, until [`stop`](Self::stop) is called and
    /// the last connection has freed its memory, or [`GRACE`] has passed. Returns the connections that it then
    /// ended by itself; their memory is free, too.
    ///
    /// Dropping this future ends all of them at once.
    ///
    /// # Errors
    ///
    /// If accepting fails. A connection that fails ends only itself.
    pub async fn serve(
        self: Rc<Self>,
        listener: TcpListener,
        handle: LoopHandle,
    ) -> io::Result<Vec<Overdue>> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let accepted = match race(pin!(self.stop.wait()), pin!(listener.accept())).await {
                Either::Left(_) => break,
                Either::Right((accepted, _)) => accepted,
            };
            let (stream, peer) = accepted?;
            open.retain(|connection| !connection.task.is_finished());
            let memory = Shared::new(Scope::new(self.memory.clone()));
            // Here and not in the task, which has not run yet: from now on there is something to wait for.
            let buffer = allocator_api2::vec![in memory.clone(); 0; READ_BYTES];
            let task = handle.spawn(Rc::clone(&self).serve_one(stream, peer, buffer));
            open.push(Open { peer, memory, task });
        }
        drop(listener);
        // Nothing is allocated any more, so once it is drained it stays so.
        let drained = handle.timers().timeout(GRACE, self.memory.drained());
        if drained.await.is_ok() {
            return Ok(Vec::new());
        }
        // Whoever is still there now has been told and has had its time.
        let overdue = open.iter().filter_map(Open::overdue).collect();
        // Cancels their tasks. Their buffers are free once the executor has dropped them, which is soon.
        drop(open);
        self.memory.drained().await;
        Ok(overdue)
    }

    /// Serves a connection to its end. `buffer` is freed last, after all that is to be done for the connection.
    async fn serve_one(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, mut buffer: Buffer) {
        self.connections.set(self.connections.get() + 1);
        let mut received = Tally::default();
        let mut lines = LineReader::default();
        let result = self
            .read_to_end(&stream, &mut buffer, &mut lines, &mut received)
            .await;
        self.connections.set(self.connections.get() - 1);
        if let Some(on_end) = self.on_end {
            on_end(&Ended {
                peer,
                received,
                cut: lines.pending(),
                peak_bytes: buffer.allocator().peak_bytes(),
                result,
            });
        }
    }

    async fn read_to_end(
        &self,
        stream: &TcpStream,
        buffer: &mut [u8],
        lines: &mut LineReader,
        received: &mut Tally,
    ) -> io::Result<()> {
        let mut stopped = false;
        loop {
            let len = if stopped {
                stream.read(buffer).await?
            } else {
                match race(pin!(self.stop.wait()), pin!(stream.read(buffer))).await {
                    Either::Right((len, _)) => len?,
                    Either::Left(_) => {
                        // Our end of the stream: the peer learns that it should not begin anything new.
                        stream.shutdown(Shutdown::Write)?;
                        stopped = true;
                        continue;
                    }
                }
            };
            if len == 0 {
                return Ok(());
            }
            let new = lines.read(&buffer[..len]);
            *received += new;
            let mut total = self.received.get();
            total += new;
            self.received.set(total);
            if self.echo && !stopped {
                stream.write_all(&buffer[..len]).await?;
            }
        }
    }
}

impl Open {
    /// What the connection holds, if it holds anything.
    fn overdue(&self) -> Option<Overdue> {
        let (blocks, bytes) = (self.memory.live_blocks(), self.memory.live_bytes());
        (blocks > 0).then_some(Overdue {
            peer: self.peer,
            blocks,
            bytes,
        })
    }
}
