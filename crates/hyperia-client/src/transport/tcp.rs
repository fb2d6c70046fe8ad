//! TCP: the default way to connect.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::vec;

use hyperia_net::{Connect, Handle, Keepalive, TcpStream, TcpStreamExt};
use hyperia_timer::{Sleep, Timers};

use super::{Connector, Transport};
use crate::Destination;
use crate::destination::{Kind, Resolve};

/// How long an address is tried before the next one is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// What is set on every connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpOptions {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) user_timeout: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            user_timeout: None,
        }
    }
}

impl TcpOptions {
    fn apply(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(self.nodelay)?;
        if self.keepalive.is_some() {
            stream.set_keepalive(self.keepalive)?;
        }
        if self.user_timeout.is_some() {
            stream.set_user_timeout(self.user_timeout)?;
        }
        Ok(())
    }
}

/// Makes TCP connections to a [`Destination`].
pub struct TcpConnector {
    destination: Destination,
    options: TcpOptions,
    reactor: Handle,
    timers: Timers,
}

impl TcpConnector {
    pub(crate) const fn new(
        destination: Destination,
        options: TcpOptions,
        reactor: Handle,
        timers: Timers,
    ) -> Self {
        Self {
            destination,
            options,
            reactor,
            timers,
        }
    }
}

impl Connector for TcpConnector {
    type Transport = TcpStream;
    type Connect = TcpConnect;

    fn connect(&mut self) -> TcpConnect {
        let (resolve, addresses) = match &mut self.destination.kind {
            Kind::Addresses(addresses) => (None, addresses.clone()),
            Kind::Resolver(resolver) => (Some(resolver()), Vec::new()),
        };
        TcpConnect {
            resolve,
            addresses: addresses.into_iter(),
            attempts: Vec::new(),
            stagger: None,
            failed: io::ErrorKind::AddrNotAvailable.into(),
            options: self.options,
            reactor: self.reactor.clone(),
            timers: self.timers.clone(),
        }
    }
}

impl fmt::Debug for TcpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnector")
            .field("destination", &self.destination)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A dial: asks the resolver, then tries the addresses 250 ms apart until one connects.
#[must_use = "a future does nothing unless it is polled"]
pub struct TcpConnect {
    resolve: Option<Resolve>,
    /// Not tried yet.
    addresses: vec::IntoIter<SocketAddr>,
    /// Being tried. Dropping one closes its socket.
    attempts: Vec<Pin<Box<Connect>>>,
    /// When the next address is tried beside them.
    stagger: Option<Pin<Box<Sleep<'static>>>>,
    /// The last failure.
    failed: io::Error,
    options: TcpOptions,
    reactor: Handle,
    timers: Timers,
}

impl TcpConnect {
    fn try_next(&mut self) -> bool {
        let Some(address) = self.addresses.next() else {
            return false;
        };
        self.attempts
            .push(Box::pin(TcpStream::connect(&self.reactor, address)));
        self.stagger =
            (self.addresses.len() > 0).then(|| Box::pin(self.timers.sleep(STAGGER).into_owned()));
        true
    }

    /// The first that is connected; failed ones are taken out.
    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<TcpStream> {
        let mut index = 0;
        while let Some(attempt) = self.attempts.get_mut(index) {
            let result = match attempt.as_mut().poll(cx) {
                Poll::Pending => {
                    index += 1;
                    continue;
                }
                Poll::Ready(result) => result,
            };
            drop(self.attempts.swap_remove(index));
            match result.and_then(|stream| self.options.apply(&stream).map(|()| stream)) {
                Ok(stream) => return Some(stream),
                Err(error) => self.failed = error,
            }
        }
        None
    }
}

impl Future for TcpConnect {
    type Output = io::Result<TcpStream>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(resolve) = &mut this.resolve {
            match resolve.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(addresses)) => this.addresses = addresses.into_iter(),
            }
            this.resolve = None;
        }
        loop {
            if let Some(stream) = this.poll_attempts(cx) {
                return Poll::Ready(Ok(stream));
            }
            let due = match &mut this.stagger {
                Some(stagger) => stagger.as_mut().poll(cx).is_ready(),
                None => false,
            };
            if (due || this.attempts.is_empty()) && this.try_next() {
                continue;
            }
            if !this.attempts.is_empty() {
                return Poll::Pending;
            }
            let failed = core::mem::replace(&mut this.failed, io::ErrorKind::Other.into());
            return Poll::Ready(Err(failed));
        }
    }
}

impl fmt::Debug for TcpConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnect")
            .field("attempts", &self.attempts.len())
            .field("left", &self.addresses.as_slice())
            .finish_non_exhaustive()
    }
}

impl Transport for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, cx, buffer)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match buffers {
            [buffer] => Self::poll_write(self, cx, buffer),
            _ => Self::poll_write_vectored(self, cx, buffers),
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}
