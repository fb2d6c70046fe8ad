//! A server that accepts connections, counts what it reads, and optionally sends it back.
//!
//! It is one task that accepts and one for each connection. Everything runs on one thread, so what they
//! share with whoever wants to know what arrived is a plain `Cell`.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyperia_executor::Task;
use hyperia_net::{TcpListener, TcpStream};
use hyperia_rt::LoopHandle;
use hyperia_wait::{Either, WaitQueue, race};

use crate::tally::{LineReader, Tally};

/// Bytes of one read: enough that the system call is cheap beside the bytes.
const READ_BYTES: usize = 256 * 1024;

/// How long peers may take to end their connections once the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// A server's state, shared between its tasks and its owner.
#[derive(Debug, Default)]
pub struct Sink {
    echo: bool,
    on_end: Option<fn(&Ended)>,
    /// Closed, once and for good, when the server is to stop.
    stop: WaitQueue,
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
    /// How it ended: `Ok` is the orderly way.
    pub result: io::Result<()>,
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

    /// Accepts nothing any more and tells the peers so, but goes on reading until they end too.
    pub fn stop(&self) {
        self.stop.close();
    }

    /// Accepts connections, and serves each in a task of its own, until [`stop`](Self::stop) is called and
    /// the last connection has ended, or a second has passed.
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
    ) -> io::Result<()> {
        let mut tasks: Vec<Task<()>> = Vec::new();
        loop {
            let accepted = match race(pin!(self.stop.wait()), pin!(listener.accept())).await {
                Either::Left(_) => break,
                Either::Right((accepted, _)) => accepted,
            };
            let (stream, peer) = accepted?;
            tasks.retain(|task| !task.is_finished());
            tasks.push(handle.spawn(Rc::clone(&self).serve_one(stream, peer)));
        }
        drop(listener);
        let last = async {
            for task in tasks {
                task.await;
            }
        };
        // Whoever is still there now has been told and has had its time.
        let _ = handle.timers().timeout(GRACE, last).await;
        Ok(())
    }

    async fn serve_one(self: Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.connections.set(self.connections.get() + 1);
        let mut received = Tally::default();
        let mut lines = LineReader::default();
        let result = self.read_to_end(&stream, &mut lines, &mut received).await;
        self.connections.set(self.connections.get() - 1);
        if let Some(on_end) = self.on_end {
            on_end(&Ended {
                peer,
                received,
                cut: lines.pending(),
                result,
            });
        }
    }

    async fn read_to_end(
        &self,
        stream: &TcpStream,
        lines: &mut LineReader,
        received: &mut Tally,
    ) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        let mut stopped = false;
        loop {
            let len = if stopped {
                stream.read(&mut buffer).await?
            } else {
                match race(pin!(self.stop.wait()), pin!(stream.read(&mut buffer))).await {
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
