//! The network: every dial and connection under the test's control.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use hyperia_client::{Connector, Transport};

/// What becomes of a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Connect,
    Refuse,
    Hang,
    Panic,
}

#[derive(Clone, Default)]
pub(crate) struct Net {
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    pub(crate) plan: Plan,
    /// Bytes that the kernel takes on a new connection before it wants the peer to read.
    pub(crate) window: usize,
    /// Bytes taken in one call.
    pub(crate) write_max: usize,
    pub(crate) dials: Vec<Dial>,
    pub(crate) connections: Vec<Connection>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            plan: Plan::Connect,
            window: usize::MAX,
            write_max: usize::MAX,
            dials: Vec::new(),
            connections: Vec::new(),
        }
    }
}

pub(crate) struct Dial {
    plan: Plan,
    waker: Option<Waker>,
    pub(crate) dropped: bool,
}

#[derive(Default)]
pub(crate) struct Connection {
    /// Every byte that the kernel took.
    pub(crate) written: Vec<u8>,
    pub(crate) writes: usize,
    pub(crate) window: usize,
    pub(crate) inbound: Vec<u8>,
    pub(crate) peer_finished: bool,
    pub(crate) error: Option<ErrorKind>,
    pub(crate) panic_on_write: bool,
    /// The client sent its FIN.
    pub(crate) finished: bool,
    pub(crate) dropped: bool,
    pub(crate) reads: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Net {
    pub(crate) fn connector(&self) -> NetConnector {
        NetConnector { net: self.clone() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn plan(&self, plan: Plan) {
        self.lock().plan = plan;
    }

    pub(crate) fn dials(&self) -> usize {
        self.lock().dials.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Connections that the client holds.
    pub(crate) fn open(&self) -> usize {
        self.lock()
            .connections
            .iter()
            .filter(|c| !c.dropped)
            .count()
    }

    pub(crate) fn dials_open(&self) -> usize {
        self.lock()
            .dials
            .iter()
            .filter(|dial| !dial.dropped)
            .count()
    }

    pub(crate) fn written(&self, index: usize) -> Vec<u8> {
        self.lock().connections[index].written.clone()
    }

    /// Decides a hanging dial.
    pub(crate) fn decide(&self, index: usize, plan: Plan) {
        let waker = {
            let mut state = self.lock();
            let dial = &mut state.dials[index];
            dial.plan = plan;
            dial.waker.take()
        };
        wake(waker);
    }

    fn change(&self, index: usize, f: impl FnOnce(&mut Connection)) {
        let (reader, writer) = {
            let mut state = self.lock();
            let connection = &mut state.connections[index];
            f(connection);
            (connection.reader.take(), connection.writer.take())
        };
        wake(reader);
        wake(writer);
    }

    /// The peer reads: so many more bytes fit.
    pub(crate) fn open_window(&self, index: usize, bytes: usize) {
        self.change(index, |c| c.window = c.window.saturating_add(bytes));
    }

    pub(crate) fn reset(&self, index: usize) {
        self.change(index, |c| c.error = Some(ErrorKind::ConnectionReset));
    }

    pub(crate) fn finish(&self, index: usize) {
        self.change(index, |c| c.peer_finished = true);
    }

    pub(crate) fn send(&self, index: usize, bytes: &[u8]) {
        self.change(index, |c| c.inbound.extend_from_slice(bytes));
    }

    pub(crate) fn panic_on_write(&self, index: usize) {
        self.change(index, |c| c.panic_on_write = true);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

pub(crate) struct NetConnector {
    net: Net,
}

impl Connector for NetConnector {
    type Transport = NetStream;
    type Connect = NetDial;

    fn connect(&mut self) -> NetDial {
        let mut state = self.net.lock();
        let plan = state.plan;
        state.dials.push(Dial {
            plan,
            waker: None,
            dropped: false,
        });
        let index = state.dials.len() - 1;
        drop(state);
        NetDial {
            net: self.net.clone(),
            index,
        }
    }
}

pub(crate) struct NetDial {
    net: Net,
    index: usize,
}

impl Future for NetDial {
    type Output = io::Result<NetStream>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.net.lock();
        match state.dials[self.index].plan {
            Plan::Hang => {
                state.dials[self.index].waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Plan::Refuse => Poll::Ready(Err(ErrorKind::ConnectionRefused.into())),
            Plan::Panic => panic!("a dial that panics"),
            Plan::Connect => {
                let window = state.window;
                state.connections.push(Connection {
                    window,
                    ..Connection::default()
                });
                Poll::Ready(Ok(NetStream {
                    net: self.net.clone(),
                    index: state.connections.len() - 1,
                }))
            }
        }
    }
}

impl Drop for NetDial {
    fn drop(&mut self) {
        let mut state = self.net.lock();
        state.dials[self.index].dropped = true;
        state.dials[self.index].waker = None;
    }
}

pub(crate) struct NetStream {
    net: Net,
    index: usize,
}

impl Transport for NetStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let c = &mut state.connections[self.index];
        c.reads += 1;
        if let Some(kind) = c.error {
            return Poll::Ready(Err(kind.into()));
        }
        if !c.inbound.is_empty() {
            let n = buffer.len().min(c.inbound.len());
            buffer[..n].copy_from_slice(&c.inbound[..n]);
            c.inbound.drain(..n);
            return Poll::Ready(Ok(n));
        }
        if c.peer_finished {
            return Poll::Ready(Ok(0));
        }
        c.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let write_max = state.write_max;
        let c = &mut state.connections[self.index];
        assert!(!c.panic_on_write, "a write that panics");
        assert!(!c.finished, "a write after the FIN");
        assert!(!buffers.is_empty() && buffers.iter().all(|buffer| !buffer.is_empty()));
        if let Some(kind) = c.error {
            return Poll::Ready(Err(kind.into()));
        }
        let mut left = c.window.min(write_max);
        if left == 0 {
            c.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut taken = 0;
        for buffer in buffers {
            let n = buffer.len().min(left);
            c.written.extend_from_slice(&buffer[..n]);
            left -= n;
            taken += n;
        }
        c.window -= taken;
        c.writes += 1;
        Poll::Ready(Ok(taken))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.net.lock().connections[self.index].finished = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for NetStream {
    fn drop(&mut self) {
        let mut state = self.net.lock();
        let connection = &mut state.connections[self.index];
        connection.dropped = true;
        connection.reader = None;
        connection.writer = None;
    }
}
