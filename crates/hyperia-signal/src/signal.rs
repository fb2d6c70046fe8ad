//! Names and numbers.
use core::fmt;
use std::io;

/// Signals above this number do not exist.
pub(crate) const NUMBER_MAX: usize = 64;

/// A signal's number.
///
/// # Examples
/// ```
/// use hyperia_signal::Signal;
///
/// assert_eq!(Signal::INTERRUPT.to_string(), "SIGINT");
/// assert_eq!(Signal::from_raw(libc::SIGTERM), Signal::TERMINATE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// SIGALRM: a timer of the system ran out.
    pub const ALARM: Self = Self(libc::SIGALRM);
    /// SIGCHLD: a child process stopped or ended.
    pub const CHILD: Self = Self(libc::SIGCHLD);
    /// SIGCONT: a stopped process goes on.
    pub const CONTINUE: Self = Self(libc::SIGCONT);
    /// SIGHUP: the terminal was closed; by custom, read the configuration again.
    pub const HANGUP: Self = Self(libc::SIGHUP);
    /// SIGINT: Ctrl-C.
    pub const INTERRUPT: Self = Self(libc::SIGINT);
    /// SIGPIPE: a write to a pipe or socket without a reader. Rust programs ignore it from the start.
    pub const PIPE: Self = Self(libc::SIGPIPE);
    /// SIGQUIT: Ctrl-\.
    pub const QUIT: Self = Self(libc::SIGQUIT);
    /// SIGTERM: the polite request to end.
    pub const TERMINATE: Self = Self(libc::SIGTERM);
    /// SIGUSR1: of the program's own meaning.
    pub const USER1: Self = Self(libc::SIGUSR1);
    /// SIGUSR2: of the program's own meaning.
    pub const USER2: Self = Self(libc::SIGUSR2);
    /// SIGWINCH: the terminal's size changed.
    pub const WINDOW_CHANGE: Self = Self(libc::SIGWINCH);

    /// The signal with this number, whatever it is; [`Signals::new`](crate::Signals::new) judges it.
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Where it stands in tables; below `NUMBER_MAX + 1` for every signal that passed `check`.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Refuses what cannot be caught, and what must not be.
    pub(crate) fn check(self) -> io::Result<()> {
        let why = match self.0 {
            libc::SIGKILL | libc::SIGSTOP => "cannot be caught",
            libc::SIGSEGV
            | libc::SIGBUS
            | libc::SIGFPE
            | libc::SIGILL
            | libc::SIGTRAP
            | libc::SIGSYS => "reports a fault of the code that it interrupts, which cannot go on",
            libc::SIGABRT => "ends the process whatever its handler does",
            number if number < 1 || self.index() > NUMBER_MAX => "is no signal",
            _ => return Ok(()),
        };
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{self} {why}"),
        ))
    }

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            libc::SIGABRT => "SIGABRT",
            libc::SIGALRM => "SIGALRM",
            libc::SIGBUS => "SIGBUS",
            libc::SIGCHLD => "SIGCHLD",
            libc::SIGCONT => "SIGCONT",
            libc::SIGFPE => "SIGFPE",
            libc::SIGHUP => "SIGHUP",
            libc::SIGILL => "SIGILL",
            libc::SIGINT => "SIGINT",
            libc::SIGKILL => "SIGKILL",
            libc::SIGPIPE => "SIGPIPE",
            libc::SIGQUIT => "SIGQUIT",
            libc::SIGSEGV => "SIGSEGV",
            libc::SIGSTOP => "SIGSTOP",
            libc::SIGSYS => "SIGSYS",
            libc::SIGTERM => "SIGTERM",
            libc::SIGTRAP => "SIGTRAP",
            libc::SIGUSR1 => "SIGUSR1",
            libc::SIGUSR2 => "SIGUSR2",
            libc::SIGWINCH => "SIGWINCH",
            _ => return None,
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
