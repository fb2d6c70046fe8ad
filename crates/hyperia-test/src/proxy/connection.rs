//! One connection through the proxy: two sockets and a pump for each direction.
use super::sys::{self, Interest};
use super::{Fault, Faults};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Bytes held per direction.
const BUFFER: usize = 64 * 1024;

/// Two sockets and what goes between them.
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    to_server: Pump,
    to_client: Pump,
}

/// How a connection goes on after a step.
enum Next {
    Live,
    Reset,
    Cut,
}

impl Connection {
    pub(super) fn new(client: TcpStream, server: TcpStream, faults: Faults) -> Self {
        Self {
            client,
            server,
            to_server: Pump::new(faults.to_server),
            to_client: Pump::new(faults.to_client),
        }
    }

    /// What to wait for: only what a pump can use, so that a stalled connection does not spin.
    pub(super) fn interests(&self) -> [Interest<'_>; 2] {
        let (out, back) = (&self.to_server, &self.to_client);
        [
            Interest::new(
                Some(self.client.as_fd()),
                out.wants_read(),
                back.wants_write(),
            ),
            Interest::new(
                Some(self.server.as_fd()),
                back.wants_read(),
                out.wants_write(),
            ),
        ]
    }

    /// When the first delayed bytes are due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.to_server
            .due()
            .into_iter()
            .chain(self.to_client.due())
            .min()
    }

    /// Makes the drop of this connection a reset of both ends.
    pub(super) fn reset_on_drop(&self) {
        sys::reset_on_close(&self.client);
        sys::reset_on_close(&self.server);
    }

    /// Moves what can be moved; `false` when the connection is over and may be dropped.
    pub(super) fn drive(&mut self, now: Instant) -> bool {
        for forth in [true, false] {
            let (from, to, pump) = if forth {
                (&self.client, &self.server, &mut self.to_server)
            } else {
                (&self.server, &self.client, &mut self.to_client)
            };
            match pump.drive(from, to, now) {
                Ok(Next::Live) => {}
                Ok(Next::Cut) => {
                    self.to_server.end(&self.server);
                    self.to_client.end(&self.client);
                }
                // A socket that failed takes the other one with it, as a broken line would.
                Ok(Next::Reset) | Err(_) => {
                    self.reset_on_drop();
                    return false;
                }
            }
        }
        !(self.to_server.is_over() && self.to_client.is_over())
    }
}

/// One direction.
struct Pump {
    fault: Fault,
    /// Read and not yet written; each chunk with the time it is due.
    chunks: VecDeque<(Instant, VecDeque<u8>)>,
    buffered: usize,
    passed: usize,
    /// The sender closed its side.
    read_closed: bool,
    /// The receiver was told so, or was told so by a fault; what is read is swallowed.
    write_closed: bool,
    stalled: bool,
}

impl Pump {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            chunks: VecDeque::new(),
            buffered: 0,
            passed: 0,
            read_closed: false,
            write_closed: false,
            stalled: false,
        }
    }

    fn wants_read(&self) -> bool {
        !self.read_closed && !self.stalled && self.buffered < BUFFER
    }

    fn wants_write(&self) -> bool {
        !self.stalled
            && self
                .chunks
                .front()
                .is_some_and(|(due, _)| *due <= Instant::now())
    }

    fn due(&self) -> Option<Instant> {
        self.chunks
            .front()
            .filter(|_| !self.stalled)
            .map(|(due, _)| *due)
    }

    fn is_over(&self) -> bool {
        self.read_closed && self.write_closed
    }

    /// How many bytes the next write may carry; zero when the fault strikes.
    fn room(&self) -> usize {
        match self.fault {
            Fault::None | Fault::Delay(_) => BUFFER,
            Fault::OneByte => 1,
            Fault::ResetAfter(after)
            | Fault::HalfCloseAfter(after)
            | Fault::StallAfter(after)
            | Fault::CutAfter(after) => after - self.passed,
        }
    }

    /// Tells the receiver that the stream has ended.
    fn end(&mut self, to: &TcpStream) {
        if !self.write_closed {
            // The receiver may be gone already: then there is nobody to tell.
            let _ = to.shutdown(Shutdown::Write);
        }
        self.write_closed = true;
        self.chunks.clear();
        self.buffered = 0;
    }

    fn drive(&mut self, from: &TcpStream, to: &TcpStream, now: Instant) -> io::Result<Next> {
        if self.stalled {
            return Ok(Next::Live);
        }
        self.read(from, now)?;
        self.write(to, now)?;
        if self.room() == 0 && !self.write_closed {
            match self.fault {
                Fault::ResetAfter(_) => return Ok(Next::Reset),
                Fault::CutAfter(_) => return Ok(Next::Cut),
                Fault::HalfCloseAfter(_) => self.end(to),
                _ => self.stalled = true,
            }
        } else if self.read_closed && self.chunks.is_empty() {
            self.end(to);
        }
        Ok(Next::Live)
    }

    fn read(&mut self, mut from: &TcpStream, now: Instant) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.wants_read() {
            match from.read(&mut buffer) {
                Ok(0) => self.read_closed = true,
                Ok(_) if self.write_closed => {}
                Ok(count) => {
                    let delay = match self.fault {
                        Fault::Delay(delay) => delay,
                        _ => Duration::ZERO,
                    };
                    self.chunks
                        .push_back((now + delay, buffer[..count].iter().copied().collect()));
                    self.buffered += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write(&mut self, mut to: &TcpStream, now: Instant) -> io::Result<()> {
        loop {
            let most = self.room();
            let Some((due, chunk)) = self.chunks.front_mut() else {
                return Ok(());
            };
            if *due > now || most == 0 {
                return Ok(());
            }
            let (bytes, _) = chunk.as_slices();
            match to.write(&bytes[..bytes.len().min(most)]) {
                Ok(count) => {
                    chunk.drain(..count);
                    self.passed += count;
                    self.buffered -= count;
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
