//! An in-process TCP proxy that delays, cuts, resets and stalls.
//!
//! One thread, one `poll` loop, everything non-blocking: a reset is a close with `SO_LINGER` 0 by
//! the only owner of the socket, so it happens at once and always. Dropping the [`Proxy`] stops and
//! joins the thread and closes what is left.
//!
//! # Limits
//! At most 256 connections at a time (further ones are reset) and 64 KiB in flight per direction.
//! TCP is a stream: single bytes are written one by one, but a slow reader may still find several.
//!
//! # Examples
//! ```
//! use hyperia_test::proxy::{Fault, Faults, Proxy};
//! use std::io::Read;
//! use std::net::{TcpListener, TcpStream};
//!
//! let server = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = Proxy::start(server.local_addr()?, |_| Faults {
//!     to_client: Fault::CutAfter(0),
//!     ..Faults::default()
//! })?;
//! let mut client = TcpStream::connect(proxy.addr())?;
//! assert_eq!(client.read(&mut [0])?, 0);
//! # Ok::<(), std::io::Error>(())
//! ```
mod connection;
mod sys;

use connection::Connection;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::Interest;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 256;
/// How long the proxy waits for the server to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is done to one direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Bytes are forwarded as they come.
    #[default]
    None,
    /// Bytes are forwarded this much later, in order.
    Delay(Duration),
    /// One write per byte, without Nagle's delay.
    OneByte,
    /// After this many bytes both ends get a reset; what was under way may be lost.
    ResetAfter(usize),
    /// After this many bytes the receiver sees the end of the stream; the rest is swallowed and the
    /// other direction lives on.
    HalfCloseAfter(usize),
    /// After this many bytes nothing is read and nothing is closed any more.
    StallAfter(usize),
    /// After this many bytes both ends see the end of the stream; whatever they still send is
    /// swallowed.
    CutAfter(usize),
}

/// What is done to one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// From the one who connected to the server behind the proxy.
    pub to_server: Fault,
    /// The way back.
    pub to_client: Fault,
}

#[derive(Debug)]
struct Shared {
    accepted: AtomicUsize,
    live: AtomicUsize,
    reset: AtomicBool,
    stop: AtomicBool,
}

/// A running proxy; see the [module](self).
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    bell: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on an ephemeral port of loopback and forwards to `server`; `faults` is asked for each
    /// connection, which it gets the number of, from 0.
    ///
    /// # Errors
    /// If there are no descriptors, ports or threads left.
    pub fn start(
        server: SocketAddr,
        faults: impl FnMut(usize) -> Faults + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (bell, rung) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            accepted: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
            reset: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let mut worker = Worker {
            listener,
            rung,
            server,
            shared: Arc::clone(&shared),
            faults,
            connections: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("fault proxy".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            addr,
            shared,
            bell,
            thread: Some(thread),
        })
    }

    /// A proxy without faults, for [`reset_all`](Self::reset_all).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn forward(server: SocketAddr) -> io::Result<Self> {
        Self::start(server, |_| Faults::default())
    }

    /// Where to connect to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections were accepted, those included that the server then refused.
    pub fn accepted(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `Worker::accept`; a count that tests wait for.
        self.shared.accepted.load(Acquire)
    }

    /// How many connections the proxy holds now.
    pub fn live(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `Worker::run`, which stores it after closing.
        self.shared.live.load(Acquire)
    }

    /// Resets every connection there is, soon after the call.
    pub fn reset_all(&self) {
        // ORDERING: Release pairs with the Acquire swap in `Worker::run`; the bell comes after it.
        self.shared.reset.store(true, Release);
        self.ring();
    }

    fn ring(&self) {
        // A full pipe means that the bell has been rung and not been heard yet.
        let _ = (&self.bell).write(&[1]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire load in `Worker::run`; the bell comes after it.
        self.shared.stop.store(true, Release);
        self.ring();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            assert!(
                result.is_ok() || std::thread::panicking(),
                "the fault proxy panicked"
            );
        }
    }
}

/// What the thread owns.
struct Worker<F> {
    listener: TcpListener,
    rung: UnixStream,
    server: SocketAddr,
    shared: Arc<Shared>,
    faults: F,
    connections: Vec<Connection>,
}

impl<F: FnMut(usize) -> Faults> Worker<F> {
    fn run(&mut self) {
        loop {
            self.wait();
            // Heard everything that was rung so far; a short or failed read changes nothing.
            let _ = (&self.rung).read(&mut [0; 64]);
            // ORDERING: Acquire pairs with the Release store in `Proxy::drop`.
            if self.shared.stop.load(Acquire) {
                return;
            }
            // ORDERING: Acquire pairs with the Release store in `Proxy::reset_all`.
            if self.shared.reset.swap(false, Acquire) {
                self.connections.iter().for_each(Connection::reset_on_drop);
                self.connections.clear();
            }
            self.accept();
            let now = Instant::now();
            self.connections
                .retain_mut(|connection| connection.drive(now));
            // ORDERING: Release pairs with the Acquire in `Proxy::live`.
            self.shared.live.store(self.connections.len(), Release);
        }
    }

    fn wait(&self) {
        let mut interests = vec![
            Interest::new(Some(self.rung.as_fd()), true, false),
            Interest::new(Some(self.listener.as_fd()), true, false),
        ];
        let mut due = None;
        for connection in &self.connections {
            interests.extend(connection.interests());
            due = due.into_iter().chain(connection.due()).min();
        }
        sys::poll(
            &mut interests,
            due.map(|due| due.saturating_duration_since(Instant::now())),
        );
    }

    fn accept(&mut self) {
        while let Ok((client, _)) = self.listener.accept() {
            // ORDERING: Release pairs with the Acquire in `Proxy::accepted`.
            let index = self.shared.accepted.fetch_add(1, Release);
            let faults = (self.faults)(index);
            let server = if self.connections.len() < CONNECTIONS_MAX {
                TcpStream::connect_timeout(&self.server, CONNECT_TIMEOUT)
            } else {
                Err(io::ErrorKind::QuotaExceeded.into())
            };
            let prepared = server.and_then(|server| {
                for stream in [&client, &server] {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                }
                Ok(server)
            });
            match prepared {
                Ok(server) => self
                    .connections
                    .push(Connection::new(client, server, faults)),
                Err(_) => sys::reset_on_close(&client),
            }
        }
    }
}
