//! What Linux can do beyond std.

use std::io;
use std::time::Duration;

use super::stream::TcpStream;
use crate::attempt::fd;
use crate::sys::option;

/// When to ask a silent peer whether it is still there.
///
/// The kernel counts whole seconds; parts are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// After this much silence the first probe is sent.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// After this many probes without an answer the connection fails with `TimedOut`.
    pub probes: u32,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::TcpStream {}
}

/// Linux-only options of a [`TcpStream`].
pub trait TcpStreamExt: sealed::Sealed {
    /// Asks a silent peer whether it is still there, or (`None`) does not.
    ///
    /// # Errors
    /// If a value is out of the kernel's range (1 to 32,767 seconds, 1 to 127 probes).
    fn set_keepalive(&self, keepalive: Option<Keepalive>) -> io::Result<()>;

    /// How a silent peer is asked, if it is.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    fn keepalive(&self) -> io::Result<Option<Keepalive>>;

    /// Fails the connection when data that was sent stays unacknowledged, or unsent, for this long
    /// (`TCP_USER_TIMEOUT`); `None` is the system's default. Milliseconds, rounded up.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`; none is expected.
    fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// How long data may stay unacknowledged.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    fn user_timeout(&self) -> io::Result<Option<Duration>>;

    /// Acknowledges at once what arrives (`TCP_QUICKACK`). Not permanent: the kernel goes back to delaying
    /// by itself.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`; none is expected.
    fn set_quickack(&self, quickack: bool) -> io::Result<()>;

    /// Whether what arrives is acknowledged at once.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    fn quickack(&self) -> io::Result<bool>;

    /// What closing does with data that is not yet delivered (`SO_LINGER`).
    ///
    /// `None`, the default: closing returns at once and the kernel goes on sending. Zero: closing discards
    /// the data and resets the connection. More: **closing blocks the thread** until the data is delivered or
    /// the time is over, in non-blocking mode, too. Whole seconds, rounded up.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`; none is expected.
    fn set_linger(&self, linger: Option<Duration>) -> io::Result<()>;

    /// What closing does with data that is not yet delivered.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    fn linger(&self) -> io::Result<Option<Duration>>;
}

impl TcpStreamExt for TcpStream {
    fn set_keepalive(&self, keepalive: Option<Keepalive>) -> io::Result<()> {
        let fd = fd(self.socket());
        if let Some(Keepalive {
            idle,
            interval,
            probes,
        }) = keepalive
        {
            let probes = probes
                .try_into()
                .map_err(|_too_large| io::ErrorKind::InvalidInput)?;
            option::set(fd, option::KEEPALIVE_IDLE, option::seconds(idle))?;
            option::set(fd, option::KEEPALIVE_INTERVAL, option::seconds(interval))?;
            option::set(fd, option::KEEPALIVE_PROBES, probes)?;
        }
        // Last, so that a value out of range changes nothing about whether it is on.
        option::set(fd, option::KEEPALIVE, keepalive.is_some().into())
    }

    fn keepalive(&self) -> io::Result<Option<Keepalive>> {
        let fd = fd(self.socket());
        if option::get(fd, option::KEEPALIVE)? == 0 {
            return Ok(None);
        }
        let seconds = |option| {
            option::get(fd, option).map(|value| Duration::from_secs(value.unsigned_abs().into()))
        };
        Ok(Some(Keepalive {
            idle: seconds(option::KEEPALIVE_IDLE)?,
            interval: seconds(option::KEEPALIVE_INTERVAL)?,
            probes: option::get(fd, option::KEEPALIVE_PROBES)?.unsigned_abs(),
        }))
    }

    fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        // Zero is the kernel's word for its default; as a time it becomes the shortest there is.
        let value = timeout.map_or(0, |timeout| option::milliseconds(timeout).max(1));
        option::set(fd(self.socket()), option::USER_TIMEOUT, value)
    }

    fn user_timeout(&self) -> io::Result<Option<Duration>> {
        let value = option::get(fd(self.socket()), option::USER_TIMEOUT)?;
        Ok((value != 0).then(|| Duration::from_millis(value.unsigned_abs().into())))
    }

    fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        option::set(fd(self.socket()), option::QUICKACK, quickack.into())
    }

    fn quickack(&self) -> io::Result<bool> {
        Ok(option::get(fd(self.socket()), option::QUICKACK)? != 0)
    }

    fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        option::set_linger(fd(self.socket()), linger)
    }

    fn linger(&self) -> io::Result<Option<Duration>> {
        option::linger(fd(self.socket()))
    }
}
