//! A sink on real sockets, in threads of its own: keeps what each connection received until its end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(crate) struct Server {
    addr: SocketAddr,
    stop: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<Vec<Vec<u8>>>>,
}

impl Server {
    /// Greets every connection with so many bytes, and answers nothing.
    pub(crate) fn start(addr: SocketAddr, greeting: usize) -> Self {
        let listener = TcpListener::bind(addr).unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let (stopped, known) = (Arc::clone(&stop), Arc::clone(&streams));
        let thread = std::thread::spawn(move || {
            let mut readers = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                if stopped.load(SeqCst) {
                    // Whoever is in the queue still counts; then there is nobody left to wait for.
                    listener.set_nonblocking(true).unwrap();
                    stream.set_nonblocking(false).unwrap();
                }
                known.lock().unwrap().push(stream.try_clone().unwrap());
                readers.push(std::thread::spawn(move || {
                    let _ = stream.write_all(&vec![1; greeting]);
                    let mut bytes = Vec::new();
                    let _ = stream.read_to_end(&mut bytes);
                    let _ = stream.shutdown(std::net::Shutdown::Both); // the list has a clone of it
                    bytes
                }));
            }
            drop(listener);
            readers.into_iter().map(|r| r.join().unwrap()).collect()
        });
        Self {
            addr,
            stop,
            streams,
            thread: Some(thread),
        }
    }

    pub(crate) fn any() -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0)), 0)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cuts every connection there is; waits until there is one, because a connect can be faster than an accept.
    pub(crate) fn cut(&self) {
        for _ in 0..5_000 {
            if !self.streams.lock().unwrap().is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Stops listening and waits for the connections to end; what each received.
    pub(crate) fn stop(mut self) -> Vec<Vec<u8>> {
        self.stop.store(true, SeqCst);
        let _ = TcpStream::connect(self.addr); // so that `accept` returns
        self.streams.lock().unwrap().clear();
        self.thread.take().unwrap().join().unwrap()
    }
}

/// An address of loopback at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
