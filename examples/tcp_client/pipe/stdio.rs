//! Standard input and output without ever blocking the loop.
//!
//! Setting `O_NONBLOCK` would do, but the flag belongs to the open file, which the shell and other
//! processes share: they would find it set. So the descriptor stays as it is, the reactor says when to
//! try, and each attempt first asks `poll(2)`, without waiting, whether it can go through:
//!
//! | What it is | How it is waited for | Why an attempt does not block |
//! |---|---|---|
//! | pipe, socket | reactor | `poll(2)` first; a write is at most [`PIPE_CHUNK`] bytes, which a pipe that is writable always takes |
//! | terminal | reactor | opened once more with `O_NONBLOCK`, which is then ours alone |
//! | file, `/dev/null` | not at all (epoll refuses it) | never does |

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::task::{Context, Poll, ready};

use hyperia_net::Handle;
use hyperia_reactor::{Direction, Source};

/// The most bytes of one write: what POSIX lets a pipe take in one piece (`PIPE_BUF`), so that a pipe
/// reported as writable takes all of them.
const PIPE_CHUNK: usize = 4096;

/// One end of standard input or output.
#[derive(Debug)]
pub(crate) enum Stdio {
    /// The reactor says when to try.
    Polled(Source<File>),
    /// Always ready.
    Direct(File),
}

impl Stdio {
    /// Standard input.
    pub(crate) fn stdin(reactor: &Handle) -> io::Result<Self> {
        Self::open(reactor, io::stdin(), OpenOptions::new().read(true))
    }

    /// Standard output.
    pub(crate) fn stdout(reactor: &Handle) -> io::Result<Self> {
        Self::open(reactor, io::stdout(), OpenOptions::new().write(true))
    }

    fn open<S>(reactor: &Handle, stream: S, options: &mut OpenOptions) -> io::Result<Self>
    where
        S: AsFd + IsTerminal,
    {
        let fd = stream.as_fd();
        let mut file = File::from(fd.try_clone_to_owned()?);
        if stream.is_terminal() {
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            // If it cannot be opened once more, `poll(2)` has to do.
            if let Ok(reopened) = options
                .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                .open(path)
            {
                file = reopened;
            }
        }
        match reactor.register(file.try_clone()?) {
            Ok(source) => Ok(Self::Polled(source)),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(Self::Direct(file)),
            Err(error) => Err(error),
        }
    }

    /// Reads what is there, at least one byte; 0 is the end of the input.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let read = match self {
                Self::Direct(file) => (&*file).read(buf),
                Self::Polled(source) => ready!(source.poll_io(cx, Direction::Read, |mut file| {
                    would_not_block(file.as_fd(), libc::POLLIN)?;
                    file.read(buf)
                })),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Writes some of `bytes`, at least one.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let written = match self {
                Self::Direct(file) => (&*file).write(bytes),
                Self::Polled(source) => ready!(source.poll_io(cx, Direction::Write, |mut file| {
                    would_not_block(file.as_fd(), libc::POLLOUT)?;
                    file.write(&bytes[..bytes.len().min(PIPE_CHUNK)])
                })),
            };
            match written {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

/// Writes one short text to standard error, or leaves it if nobody reads there.
pub(crate) fn report(text: &str) {
    let stderr = io::stderr();
    if would_not_block(stderr.as_fd(), libc::POLLOUT).is_ok() {
        // There is nowhere left to say that this failed.
        let _ = stderr.lock().write_all(text.as_bytes());
    }
}

/// Fails with `WouldBlock` unless `fd` is ready for `event`, or has failed: then the attempt tells how.
fn would_not_block(fd: BorrowedFd<'_>, event: libc::c_short) -> io::Result<()> {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: event,
        revents: 0,
    };
    // SAFETY: `entry` is one valid `pollfd`, borrowed for the call alone, and the count says one.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 0) };
    match ready {
        0 => Err(ErrorKind::WouldBlock.into()),
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
