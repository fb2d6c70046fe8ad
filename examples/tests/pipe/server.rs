//! A server made of std's threads alone, so that what is tested is judged by nothing of ours.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the threads look whether they should stop.
const LOOK: Duration = Duration::from_millis(2);

/// What a server does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reads all of it.
    Read,
    /// Accepts connections and never reads: the peer's writes stall.
    Stall,
}

/// A server that keeps what it reads, each connection apart.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<Vec<Vec<u8>>>,
}

#[derive(Debug)]
struct Shared {
    mode: Mode,
    /// Ends like a killed process: sockets are closed with whatever is unread in them.
    killed: AtomicBool,
    bytes: AtomicUsize,
}

impl Server {
    /// Listens on a free port.
    pub(crate) fn start(mode: Mode) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), mode)
    }

    pub(crate) fn start_at(addr: SocketAddr, mode: Mode) -> Self {
        let listener = TcpListener::bind(addr).expect("the address is free");
        let addr = listener.local_addr().expect("it is bound");
        listener
            .set_nonblocking(true)
            .expect("listeners can be non-blocking");
        let shared = Arc::new(Shared {
            mode,
            killed: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.accept(&listener))
        };
        Self {
            addr,
            shared,
            acceptor,
        }
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.bytes.load(SeqCst)
    }

    /// Waits until so many bytes were read.
    pub(crate) fn wait_for_bytes(&self, bytes: usize) {
        for _ in 0..20_000 {
            if self.bytes() >= bytes {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{} bytes arrived, not {bytes}", self.bytes());
    }

    /// Closes everything, as the kernel does for a process that is killed, and returns what each connection
    /// had brought. If the peers have ended all their connections, this is the orderly end too.
    pub(crate) fn kill(self) -> Vec<Vec<u8>> {
        self.shared.killed.store(true, SeqCst);
        self.acceptor.join().expect("the acceptor does not panic")
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) -> Vec<Vec<u8>> {
        let mut connections = Vec::new();
        while !self.killed.load(SeqCst) {
            match listener.accept() {
                Ok((stream, _)) => {
                    let shared = Arc::clone(self);
                    connections.push(std::thread::spawn(move || shared.read(stream)));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOOK),
                Err(error) => panic!("accept failed: {error}"),
            }
        }
        connections
            .into_iter()
            .map(|thread| thread.join().expect("readers do not panic"))
            .collect()
    }

    fn read(&self, mut stream: TcpStream) -> Vec<u8> {
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        stream.set_nonblocking(false).expect("streams can block");
        stream
            .set_read_timeout(Some(LOOK))
            .expect("streams have timeouts");
        while !self.killed.load(SeqCst) {
            if self.mode == Mode::Stall {
                std::thread::sleep(LOOK);
                continue;
            }
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => {
                    received.extend_from_slice(&buffer[..len]);
                    self.bytes.fetch_add(len, SeqCst);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // A reset: what was read before stays read.
                Err(_) => break,
            }
        }
        received
    }
}

/// An address at which nobody listens: a port that was free a moment ago.
pub(crate) fn dead_addr() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it is bound")
}
